// Package program is the command as a process of its own, for tests: built once for a test binary, started with nothing
// but the settings that a test gives it, watched, signalled and killed. Beside workers it starts the simulated API
// ([Simulate]), and it writes what all of them need: environments and accounts files.
//
// # Invariants
//
//   - No process outlives its test, and on Linux not even a test binary that is killed.
//   - The command is built as the tests are: with the race detector, or without. A race that it finds ends it with 66,
//     which no test takes for an end in order.
//   - What a process writes goes to files, so that nothing it does waits for the test to read.
//
// # Failure
//
// A process that does not do what a test waits for fails the test, with the end of what it wrote.
package program
