// Package groups says how far the consumer groups of a topic are behind, and moves a group to a point in time.
//
// # Idea
//
// [Lag] compares offsets that groups have committed with what is committed in the topic. Offsets cannot simply be
// subtracted: in a topic that is written in transactions, markers and aborted records take offsets too, so a group that has
// read everything still seems behind, for ever. So records are counted, by the headers of their batches.
//
// [Rewind] asks the broker's timestamp index for the first event at or after a time, reads on from there to the exact event,
// and commits its offset for the group, which must be stopped.
//
// # What counting costs
//
// A group at the end of a partition costs nothing. Otherwise what lies between it and the end is fetched once, whole, and
// not decompressed: about what any consumer fetches to catch up. (A million events, compressed: 60 ms on one machine, then
// 5 to 10 ms a call.) A [Cache] keeps what was counted, 40 bytes for each batch
// and at most some MiB, so that the next call fetches only what has been written since, plus one batch for each group and
// partition that stands within a batch. Options.ReadBytes bounds what one call fetches: what it does not reach is taken by
// its offsets, as AtMost says, and the next call with the same cache goes on. Groups near the end are counted first. Asking
// for offsets and members costs a few small requests for each group of the cluster; with a cache, those that have nothing to
// do with the topic are asked once in a minute.
//
// # Invariants
//
//   - Events are what a read_committed consumer is handed: no markers, nothing aborted, nothing of open transactions.
//   - Without AtMost a count is exact for the group's offset and the partition's last stable offset, both as reported.
//   - Offsets are asked for before the ends of partitions, so a group is never ahead of what it is compared with.
//   - Only Rewind writes, and only after the broker has said that the group has no members.
//   - A cache is of one topic as it is: after a topic was deleted and created again, begin with a new one.
//
// # Failure
//
// What can pass by itself (coordinators that move, leaders that are elected) is tried again for some seconds. A group that
// nobody knows is an *[UnknownGroupError], members are a *[MembersError]. Kafka commits the offsets of a group partition by
// partition: if some are refused, the Move says which, beside an error.
package groups
