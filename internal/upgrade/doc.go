// Package upgrade is tests only: workers on a real Apache Kafka whose brokers change their version under them, one after
// the other, as every cluster does some day.
//
// # Idea
//
// Three brokers of 3.9 become 4.x while two workers tell what happens. Meanwhile leaders, the coordinators of transactions
// and that of the group move between versions that speak other versions of each request. Then the features of the new
// version are finalized, transaction protocol 2 among them, under producers that speak protocol 1.
//
// # Invariants
//
//   - All accounts go on after each step, for a consumer that reads what is committed.
//   - The events are right in the end, by the simulator's ledger; no worker ends by itself or logs an error.
//
// # Failure
//
// Without a real Kafka the tests are skipped (package kafkatest).
package upgrade
