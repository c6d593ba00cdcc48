// Package worker reads accounts for ever: what is due by the schedule, from the API, through the dedupe index, into Kafka.
// It ties the other packages together and owns nothing but the order in which they are used.
//
// # Idea
//
// An account is worked on by one session at a time. A session begins in one way, whatever was before: it takes the
// account's transactional id, which fences and finishes whoever had it, and reads the account's memory from the log: together
// with others that begin and lie in the same partition, which is read once for all of them (recovery.go). Then
// it reads span by span. Spans are fetched side by side, judged in order, and committed in order; a transaction takes
// every span that is ready, with its events, its dead letters, the changed blocks of the index and the moved checkpoint. A
// large one is written in pieces while the rest of it is read and judged (ahead.go).
//
// Which accounts are this worker's, an Ownership says (package ownership): an account is worked on while its partition of the
// state topic is this worker's. When that ends in order, its session finishes or aborts the transaction; when it ends because
// nothing was heard of the group for too long, the session says no more to Kafka.
//
// Accounts come and go while the worker runs (SetAccounts): one that goes is ended as if its partition had been lost, and one
// that comes begins as any session does. What stays is not touched, and the group is not asked, since who has a partition has
// whatever accounts are in it.
//
// What is new goes first. Covered time, gaps and the front of a state that is behind stand back when a front is due, whether or
// not they have been answered: the oldest span that is under way for them is left so, and taken up afterwards (beside.go).
//
// A replay is read beside all that, when nothing else is due, at a pace of its own, and stands back in the same way.
// Requests for replays are found in recovery and later by a listener, one for each partition of the state topic.
//
// # Invariants
//
//   - Nothing of a span is staged before all of its answers, and all that is needed to judge them, have been read whole.
//
//   - The checkpoint moves over a span in the transaction that holds the span's events, never before.
//
//   - A transaction of which a piece has been written waits for Kafka alone: consumers read no further in its partitions before
//     it has ended. It is committed within 200 ms, before the API is asked for what a judgment needs, or given up.
//
//   - What is staged becomes the account's memory when the transaction has committed, and is taken back when it was
//     aborted. When its outcome is unknown, the session ends and the next one reads it from the log.
//
//   - A replay tells an id with a status once, whatever its windows show and whatever crashes: what it has told is part of
//     the account's memory until it has ended. It leaves what is remembered of live events as it is, but for what was missing.
//
//   - An event without "late" was found where nothing had been read before, in the order of the invitation's life.
//
//   - An account is worked on by one goroutine at a time in a process, even if it is removed and added again at once: the next
//     session begins when the last one has ended.
//
// # Failure
//
// Answers that fail are the schedule's business (package schedule, Run.Failed). A key that is refused, or a request that
// the API calls wrong, stops the account where it is until it is mended, and no other account. A fenced account waits until
// the group has said that it is still this worker's, and begins a new session then. Anything else ends the session, and a new one begins after a back-off.
package worker
