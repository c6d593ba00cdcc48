// Package soak is tests only: days of traffic in an hour, to see whether anything grows that must not.
//
// # Idea
//
// The simulated API, a process of its own, lives so fast that ten of its days pass in an hour. Two workers follow it on a
// real Apache Kafka, with the status page on, looked at by everything that looks at workers in production: Prometheus,
// browsers, operators' commands, a consumer group. What happens in a week happens to them: a worker is stopped, or killed,
// the API is away or stands still, the broker is started anew. One of the two, the steady worker, is never ended, so that
// what it leaks has the whole time to show; the other one, the restless one, is ended again and again, and its accounts come
// and go at the steady one.
//
// The workers' clock is the real one. What follows from it is scaled down: polls, the look-back's interval, and how often
// the state topic is compacted. The look-back is so long that it has two tiers of ages.
//
// # What is measured
//
// Of each worker memory, heap, goroutines, threads, file descriptors and TCP connections; how far it is behind; the bytes of
// its index; of the state topic its bytes on the broker's disk and the records that a recovery reads. All of it is in a CSV
// file that is named.
//
// # How it is judged
//
// From when the workers have caught up. A figure grows if it is still growing at the end: if the trend of the whole run, and
// that of its second half, both promise more than a tenth of the figure, than a floor of its own, and than what its noise
// explains. Saw-teeth and single steps are no growth. What is measured while something out of the ordinary goes on, or in
// the first minute of a process, counts as the most that there was and for no trend. What grows with the number of ids by
// right, the index and its records, is judged per id; the rest of the state topic, what compaction has not removed yet, is
// judged by itself, and has a limit.
//
// # Invariants
//
//   - The events are right in the end, by the simulator's ledger and a consumer that is not ours.
//   - A worker that ends by itself ends the run at once, with its log.
//   - What was not measured is not flat.
//
// # Failure
//
// Without a real Kafka the tests are skipped (package kafkatest). ATTEMPTSTREAM_SOAK=60m says how long the run takes; without
// it, it takes some seconds and shows only that everything is measured. .ci/soak runs an hour. ATTEMPTSTREAM_SOAK_OVERLAY is
// an overlay for the workers (go build -overlay): with a leak planted in it, the run has to fail.
package soak
