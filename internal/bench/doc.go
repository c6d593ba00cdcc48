// Package bench is benchmarks only: the whole program against the speed, the memory and the idleness that it promises.
//
// # Idea
//
// What is measured is the command as users run it, a process of its own: from its start to its end for a backfill, over
// its life for memory, over half a minute for an idle worker. The API is another process that has its answers rendered
// before it is asked, so that it takes as little as possible of the processors that all share; the embedded broker is a
// third one, the real Kafka (package kafkatest) is one anyway.
//
// A backfill is measured against franz-go's transactional producer, which is handed the finished events: the very records
// that the command wrote, read back before. Both take turns in the order A B B A on the same broker, each with a topic of
// its own, so that neither has a warmer broker or a quieter machine. Medians are compared, never single runs; the spread
// of either among its own turns says how far the comparison can be trusted.
//
// TestCompare, which .ci/bench runs, sets the command beside kafkatx alone, franz-go's producers and kafka-go's Writer, with
// each compression, in one run. A client that only writes is this test binary in a process of its own, which finds the
// finished events in a mapped file, so that neither they nor their reader are in its figures. All take turns in rounds; who
// begins changes. What is compared is the same round's; one contestant is there twice, and how far the two are apart is
// the noise.
//
// # Invariants
//
//   - A run counts only if every event is in the topic afterwards.
//   - What prepares a run is not in its time, but the command's start and its creation of topics are.
//   - No process outlives the benchmark.
//
// # Failure
//
// Where there is no real Kafka its benchmarks are skipped. ATTEMPTSTREAM_BENCH_ATTEMPTS=n changes the length of a backfill,
// ATTEMPTSTREAM_BENCH_IDS=100000000 the size of BenchmarkIndex (ids at random then take 4 GB), ATTEMPTSTREAM_BENCH_DAYS=n the
// length of BenchmarkYear.
//
//	.ci/bench 5
//	go test ./internal/bench -bench . -benchtime 5x -run '^$' -timeout 30m
package bench
