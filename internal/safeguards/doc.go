// Package safeguards takes the safeguards of the program out, one at a time, and demands that tests fail without them. It
// holds nothing but this comment and tests.
//
// # Idea
//
// A test that cannot fail guards nothing. So each safeguard stands in a table: what it is, what goes wrong without it, how it
// is taken out of the code (a text, and what to put in its place), and which tests have to fail then. The changed file is
// given to the compiler beside the tree (go build -overlay), which stays as it is.
//
//	go test -v -run TestSafeguards ./internal/safeguards                                             those of the first rank
//	ATTEMPTSTREAM_SAFEGUARDS=all go test -v -timeout 60m -run TestSafeguards ./internal/safeguards   all of them
//
// prints which tests failed without which safeguard. One of them needs a real Kafka (package kafkatest), the others the embedded
// broker or none; the tests are built without the race detector, whatever this one is built with. Package model does the same to a model of the protocol, where
// all runs are explored; here it is the code, and the tests that it has.
//
// # Invariants
//
//   - The tree is only read. What is built and written goes to folders of the test's own.
//   - A safeguard counts as guarded if the changed code compiles, every named test runs to its end and fails, and the same
//     tests pass on the code as it is. Code that does not compile, a test that panics, does not end or is skipped, and a
//     failure of anything but the named tests prove nothing.
//   - The table fits the code: a text to be taken out stands in its file exactly once, and the tests that are named exist.
//     That is checked for all of the table each time, whatever part of it is carried out.
//
// # Failure
//
// Where a safeguard's tests pass without it, either a test is missing, or the safeguard is not needed any more. Where its
// text is not found, the code has changed: say in the table how it is taken out now.
package safeguards
