// Package secured tests the command against a real Apache Kafka that wants to know who speaks to it: TLS, SASL, client
// certificates, and an authorizer. It has no code of its own.
//
// # Idea
//
// One broker, shared by all tests, has a listener for each way in which it can be set up, and one without any of them
// through which the tests administer it. The command is built and run as users run it: by its environment, with what it
// prints and its exit code as the result. Certificates are made anew for each run.
//
// A setting that is wrong must lead to one message that names it, an exit code of 1, within seconds. A right that is
// missing must lead to one that names the right, what it is on, and the command that grants it. The table of rights is
// the one in deploy/README.md: with exactly these everything works, and without any single one something does not.
//
// # Invariants
//
//   - No output of any process holds a password or the API key: every run is searched.
//   - Tests keep apart by the names of their users, topics and groups.
package secured
