// Package topics creates and checks the three topics that a worker writes to.
//
// # Idea
//
// [Ensure] creates what is missing, as this program needs it, and only looks at what exists: how long events are kept,
// how many replicas there are and who may read them is the operator's business. What would make the program lose
// something is an error; what an operator may have meant, and should know of, is a notice.
//
//	<topic>        events       delete policy and retention are the broker's defaults
//	<topic>.state  checkpoints  compacted, in small segments that are cleaned early, since recovery reads what is left
//	<topic>.dlq    dead letters one partition: they are few, and are read as a whole
//
// # Invariants
//
//   - A topic that exists is never changed.
//   - A state topic that is missing beside events is not created ([ErrStateLost]): all of them would be told again.
//   - Several workers may start at once: who finds a topic created in the meantime goes on.
//   - When Ensure returns, all partitions have leaders, and cleanup.policy of the state topic is exactly compact. With
//     "compact,delete" old blocks of the dedupe index would vanish, and what is in them would be told again.
//
// What becomes of the topics later is not looked at.
//
// # Failure
//
// What can pass by itself (brokers that start, elections, a moved controller) is tried again with back-off until the
// context ends: the error is then [ErrUnavailable] with the last reason. All else ends at once, and the error names the
// setting to change or the command to run; a missing permission is [ErrUnauthorized], and a connection that these settings
// will never get, with the setting that is wrong, a [RefusalError].
package topics
