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
// # Failure
//
// Without a real Kafka the tests are skipped (package kafkatest). ATTEMPTSTREAM_CHAOS=n makes them n times as long.
package chaos
