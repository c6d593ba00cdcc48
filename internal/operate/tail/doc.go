// Package tail reads events back out of their topic, as a consumer with isolation.level=read_committed sees them, and
// hands them out in the order in which they were observed.
//
// # Idea
//
// A partition has its order by offset; between partitions there is only the time. So every partition is read by a
// goroutine of its own, some records ahead, and the one whose next record is the oldest comes first: a merge that needs
// no more memory than what is read ahead. Where a range begins is looked up in Kafka's index of timestamps; where the last
// N events begin is found by reading the ends of the partitions backwards, in steps that double, keeping times and
// offsets only. Who follows gets, after that, events as they arrive.
//
// # Invariants
//
//   - What is handed out is exactly what was committed: no aborted record, no open one, no marker; each once.
//   - Within a partition the order is that of the offsets, whatever the timestamps say.
//   - Memory is some MiB for each partition, whatever the range and however slow the reader.
//   - Nothing is written: there is no consumer group.
//
// # Failure
//
// What can pass by itself is tried again, see kafkatx.Client.ReadCommitted; anything else ends the reading with its
// error. So does an error of the function that gets the records.
package tail
