// Package embedded is the broker inside the worker, for trials on one machine: KAFKA_BROKERS=embedded and the demo. It is
// one broker of franz-go's kfake on one address. Any Kafka client can read from it.
//
// # Idea
//
// kfake speaks the protocol, and writes topics, records, producers and group offsets to files as they come. What it does
// not do is survive a death at any moment. So before kfake reads its files, [Start] checks and mends them, and what kfake
// would do to them in the background is turned off.
//
// # What is kept
//
// With a data directory, all that was acknowledged is there after Close, and after the death of the process (SIGKILL):
// topics, records, transactional ids with their epochs, committed group offsets. An open transaction is aborted, and a
// transaction whose end had begun is ended the same way in all its partitions. Group members are
// kept over neither, the sequence numbers of idempotent producers only over Close.
//
// Not kept: what a transaction with group offsets (TxnOffsetCommit) commits, if the broker dies within that commit: its
// records are there, the offsets may be missing. And writes are not flushed to the disk one by one: when the machine
// dies, the newest may be missing, in one partition and not in the other. kfake's SyncWrites would flush each batch, but
// neither new files nor several partitions together.
//
// Without a data directory everything is in memory and gone with Close.
//
// # What is mended at the start
//
//   - Interrupted writes at the end of a file are cut off. kfake cuts them too, but in its logs of producers and groups it
//     appends behind them, where nothing is ever read.
//   - Open transactions get a marker. kfake holds them for aborted without one: a consumer then drops what the same
//     producer commits next, and after another death the aborted records are committed.
//   - A commit that reached only some partitions is finished, by a journal of the last request to end a transaction.
//   - Compacted topics are compacted once a partition has 64 MiB. kfake would do so every hour, deleting files before it
//     writes them anew, and for the sake of records of open transactions, which may yet be aborted. It would also delete
//     what is older than seven days from them, so nothing is deleted by age unless a topic says so, and then only when
//     something is compacted.
//
// # Invariants
//
//   - A data directory has one broker: a lock file is held, and set free by the system when the process ends.
//   - Damage is told, not taken for the end of a log: all records have to have their checksum, and files may not be
//     shorter than at the last Close.
//
// # Failure
//
// [ErrAddressInUse], [ErrLocked] and [ErrDamaged] say what to do. A disk that is full fails the writes of clients; Close
// tells what could not be written down.
//
// # How it differs from Kafka
//
// It is one broker without replicas, TLS, SASL or permissions; quotas are not enforced. In transactions it is kinder:
// it never answers CONCURRENT_TRANSACTIONS, committed records are visible at once, a fenced producer may initialize itself
// again, and late requests of an old transaction do less harm. Sequence numbers wrap around one early. Compaction
// happens as above, so a state topic can be larger than on Kafka. What works here is therefore not yet shown to work on
// Kafka; internal/kafkatest has a real one.
package embedded
