// Package state is what a worker remembers of an account, as records of the compacted topic <topic>.state, and the way
// back from those records. Kafka is the only store: there is no local file.
//
// The idea: an account's memory is its checkpoint (what has been read), its dedupe index (what was told), the hashes of
// its dead letters, and its replays. Each part of it that changes is one record, written in the transaction that holds the
// events which changed it; so the newest committed record of every key is the memory as of the last commit.
//
//	key                                  value
//	<account>/checkpoint                 schedule.Checkpoint as JSON
//	<account>/block/<number>             dedupe block, see dedupe/encode.go
//	<account>/letter/<hash>              one byte, the version: a dead letter was told
//	<account>/replay/<id>/request        Request as JSON
//	<account>/replay/<id>/progress       ReplayProgress as JSON
//	<account>/replay/<id>/block/<number> dedupe block of what this replay has told
//
// Account names have no slash, so no account's keys begin with another's.
//
// Requests are the one thing that others write: who wants a replay, or does not want it any more, puts one there, outside
// of any transaction. The owner answers in the replay's progress. When a replay has ended its blocks are deleted, and after
// a while, or when there are many younger ones, its request and progress are; nothing else is ever deleted.
//
// Failure: Recover returns all of an account's memory or an error. A record that this version cannot read stops it, for
// going on without it would tell again what it holds; one that a later record of the same key replaced does no harm.
// Requests are an exception, since anybody may have written one: what cannot be read is refused, and stops nothing.
package state
