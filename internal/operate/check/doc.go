// Package check asks Kafka and iMocha, before a worker has to, whether everything is there that it needs.
//
// # Idea
//
// A check is an [Item]: what was looked at, whether it is well, and otherwise what to do about it. All items are looked
// at, also when some fail, so that whoever sets the program up learns of everything at once; what cannot be looked at
// because something else failed says so and counts as neither.
//
// Rights are found out with requests that change nothing. Kafka judges permissions before anything else, so a fetch
// from beyond the end of a log shows whether it may be read. For writing, an account's own transactional id is named
// with a producer id that nobody has: Kafka refuses that as a wrong producer (INVALID_PRODUCER_ID_MAPPING) only after it
// has found all permissions granted, for the id and for the topics, and has changed nothing by then. InitProducerID would
// show the same, and would fence the worker that owns the id. Whether the group of the workers may be joined, a heartbeat of
// a member shows that does not exist. So nothing is written and nobody is disturbed; what that
// does not show is whether a write would find enough replicas, and for that the replicas in sync are looked at.
//
// # Invariants
//
//   - No topic is created or changed, no record written, no transactional id taken.
//   - An account of iMocha is asked once for each of its states, for one second that lies well in the past.
//   - No item has a secret or anything from an answer of iMocha in it.
//
// # Failure
//
// Everything that goes wrong is an item. What does not answer is given up within some seconds.
package check
