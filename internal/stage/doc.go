// Package stage is what tests of the command as a process play on: a simulated API in which things happen while the test
// lasts, topics of its own, settings that fit, and a judge.
//
// # Idea
//
// A test starts workers with [Stage.Start], does to Kafka, the group or the settings what it is about, waits with
// [Stage.Progress] until something that was observed afterwards is told, and calls [Stage.Verify]: what is in Kafka is held to
// the simulator's ledger.
//
// # Invariants
//
//   - What is expected follows from what happened in the simulated API, never from what the command wrote or logged.
//   - A progress is one that a read_committed consumer has seen, in every account.
package stage
