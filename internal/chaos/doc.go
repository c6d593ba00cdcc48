// Package chaos is tests only: the program as a real process on a real Apache Kafka, killed, stopped, doubled and cut off
// from its broker in the middle of its work.
//
// # Idea
//
// Each test builds the command once, lets it read a simulated API that fails now and then, and does it harm. In the end
// nothing of that may show: a consumer that shares no code with the program (package witness) has to find each event that
// the simulator's ledger asks for, once, and nothing else.
//
// # Invariants
//
//   - What is expected follows from what happened in the simulated API, never from what the program wrote or logged.
//   - Harm is done at random moments, and at moments at which it could matter: while records are being written, right
//     after answers, while an account is taken over. The choice follows from a seed that every test prints.
//   - No process outlives its test.
//
// # Plans
//
// A plan is a list of faults that follows from a seed: of workers, brokers, both networks (package toxiproxy stands in each) and the
// API. It is played on three brokers, two or three workers and an API that is a process as well; what it hit, and what came of it,
// is said line by line. .ci/chaos plays as many seeds as are wanted; every run of all tests plays a short plan.
//
// # Failure
//
// A plan that fails keeps all that was written, says where, and how it is played again. The plan is the same then, its moments are
// not: the machine has a part in them.
//
// Without a real Kafka the tests are skipped (package kafkatest). ATTEMPTSTREAM_CHAOS=n makes them n times as long.
package chaos
