// Package kafkatx writes whole Kafka transactions and reads back what was committed. It is the part of an exactly-once
// producer that kafka-go leaves out: kafka-go has the requests, but neither an idempotent producer nor a reader that
// drops aborted records.
//
// # Idea
//
// [Producer.Commit] takes all records of one transaction and answers whether Kafka holds all of them or none; a large one can
// be written in pieces, with a [Transaction]. It speaks transaction protocol 1, which every broker since 2.5 takes:
//
//	InitProducerID → AddPartitionsToTxn (a piece's new partitions at once) → Produce … → EndTxn
//
// [Client.ReadCommitted] reads one partition up to its last stable offset and hands out the records that a
// read_committed consumer would see, in order.
//
// # Invariants
//
//   - A produce request is repeated with the same bytes: the same producer epoch, sequence numbers and records. The
//     broker drops what it already has.
//   - One produce request per broker is in flight, with at most one batch per partition, so batches of a partition
//     cannot overtake each other.
//   - A sequence number is never given to other records under the same epoch. After an abort, and after a transaction
//     in which any request ended without an answer, the epoch is raised before the next transaction begins: a request
//     that arrives late then meets a newer epoch, and can neither commit, abort, nor replace what is not its own.
//   - The epoch is never raised while a transaction may be open.
//   - Once EndTxn(commit) has been sent, Commit repeats it until the answer is definite, whatever becomes of its
//     context, for at most the transaction's timeout.
//   - A producer that was fenced says nothing more to Kafka until Init is called. The same holds for one whose Guard has
//     said no.
//   - Every request has a deadline. A buffer that belonged to a request without an answer is never used again, since
//     kafka-go may still read it.
//
// # Failure
//
// One function, classify, sorts all errors. What Commit returns is one of these:
//
//   - [ErrAborted]: nothing of it is or will be committed; Commit may be called again, with these records or others.
//     The cause is wrapped; [ErrRejected] beside it means that the same records would fail again.
//   - [ErrFenced]: another producer owns the transactional id, or the broker ended the transaction for its age.
//     Who is still the owner calls Init.
//   - [ErrUnknownOutcome]: the transaction may or may not be committed. The owner calls Init, which makes it definite,
//     and reads the log.
package kafkatx
