// Package model is the exactly-once protocol of packages kafkatx and worker as a small model, and tests that explore it
// exhaustively: all orders in which two workers, a coordinator, partitions and a network can take their steps, with up
// to three faults (four with ATTEMPTSTREAM_TEST_FAULTS=4). It holds nothing but this comment and tests, and is there to
// be read beside the code: broker_test.go is what Kafka does, owner_test.go what we do, world_test.go what can happen,
// invariants_test.go what must hold.
//
// # Idea
//
// A world is a value: the coordinator's state, the partitions' logs, what each worker remembers, the requests that are
// under way without a sender. From each world a handful of steps leads to others. The explorer visits every world that can
// be reached, breadth first, and checks the invariants in each. A worker can crash, be frozen and thaw, give a
// transaction up, and be told to take over while the other one works on; an answer can be lost; a request can be late and
// arrive at any later time, or never; the coordinator can end a transaction for its age; another account's transaction can
// hold readers of the state partition back.
//
// That proves something only if the explorer would find what is wrong. So each safeguard of the protocol is taken out in
// turn (TestSafeguards), and the explorer has to find a run that goes wrong without it, with the fewest faults and
// in the fewest steps: `go test -v -run TestSafeguards` prints these runs, and they are the shortest answer to the
// question what each safeguard is for. And the model's Kafka answers what a real one does: TestFacts and
// TestFactsOnKafka put the same requests to both.
//
// # Invariants
//
// In every world, of all that is committed, visible already or not:
//
//   - No event is told twice.
//   - No window is covered before its events are told: events and checkpoint are decided at once.
//   - The dedupe index is what was told.
//   - Nothing becomes committed that an owner wrote who was fenced before.
//
// And of runs: none goes on for ever, and where nothing is left that is bound to happen, every window is covered and
// every event told. Faults are not bound to happen, so late requests may still be late then; nor is it needed that the
// network becomes fair, since the number of faults is bounded.
//
// # What is left out, and why that is sound
//
//   - Sending, handling and answering a request is one step. In between its sender only waits, so whatever happens
//     meanwhile might as well happen before or after; a sender that does not get the answer is a step of its own.
//   - A lost request is one that is late and has not arrived. A frozen worker is one that takes no step. Deadlines and
//     timers are choices: to give up, to time out.
//   - Read-committed logs are what they come to. One producer id writes, so a partition has at most one open transaction
//     and the next marker ends all of it; of the committed, order does not matter but for the last checkpoint. That other
//     accounts share the state partition is seen only where it matters: when they hold back its last stable offset.
//   - A transaction has one batch per partition, and sequence numbers count batches, as if all were equally long. A real
//     broker refuses a repetition of another length, where this one drops it and says that it is done, which is worse for
//     us. It remembers five batches, more than an epoch has here.
//   - A partition's leader asks the coordinator about a batch and writes it in one step: if a marker comes between
//     the two, a real broker refuses the batch. Brokers before Kafka 3.6, or with transaction.partition.verification.enable
//     off, do not ask, and then a late batch of an aborted transaction can become part of the next one, whatever the
//     client does: TestSafeguards has the run.
//   - At most three requests are late at the same time. Each takes a fault, so a fourth matters only beyond three faults.
//   - Kafka itself keeps what it acknowledged and its coordinator what it decided (acks=all, min.insync.replicas of 2 or a
//     disk that lives). Producer ids do not expire, and epochs do not run out, which only gives a new id.
//   - The API's windows stand still: late arrivals and invitations that come back are package worker's model test.
//   - The group is not in the model: whoever is given the account may be given it at any time, without the other's
//     knowledge. The protocol must not need it, and does not.
//
// # Failure
//
// A test that fails prints the run. What it shows is either a hole in the protocol, or a way in which the model
// is not like Kafka. The second is settled by putting the requests to a real one: a new line of facts.
package model
