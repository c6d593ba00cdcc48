// Package misuse is tests only: what people do to an installation that nobody meant them to do, on a real Apache Kafka.
//
// # Idea
//
// Accounts with names that cannot be, something else in the group of the workers, topics whose partitions become more or
// fewer: the command, as a process, has to say what is wrong and what to do about it, and whatever it does, nothing may be
// lost or told twice.
//
// # Invariants
//
//   - What is wrong is said with what to do about it, and briefly, whatever a file has in it.
//   - Once what was done wrong is mended, the events are right by the simulator's ledger.
//
// # Failure
//
// Without a real Kafka the tests are skipped (package kafkatest), but for those of settings.
package misuse
