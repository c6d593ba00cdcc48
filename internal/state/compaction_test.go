package state_test

import (
	"testing"
	"time"

	"attemptstream/internal/attempt"
	"attemptstream/internal/kafkatest"
	"attemptstream/internal/witness"
)

// What is recovered from a topic that the broker has really compacted is what it would be without: two accounts write
// their blocks again and again, over many segments, until most of their records are gone.
func TestRecoverAfterCompaction(t *testing.T) {
	t.Parallel()
	brokers := kafkatest.Shared(t).Addrs()
	topic := newTopic(t, brokers, "segment.bytes=1048576", "min.cleanable.dirty.ratio=0.01", "max.compaction.lag.ms=1000")
	names := []attempt.Account{"a", "ab"}
	lives := map[attempt.Account]*life{}
	written, keys := 0, 0
	for i, name := range names {
		p := topic.producer(name)
		l := newLife(topic.recover(name), uint64(i))
		lives[name] = l
		for range 25 {
			// Blocks with holes enough to be bitmaps, which no compression makes small.
			for range 4000 {
				id := 2_655_161 + l.rng.Int64N(200_000)
				l.Index.Tell(id, statuses[l.rng.IntN(len(statuses))])
				if len(l.ids) < 5000 {
					l.ids = append(l.ids, id)
				}
			}
			l.change()
			written += len(l.records(t))
			l.commit(t, p)
		}
		keys += len(l.last)
	}
	deadline, tick := time.After(patience), time.NewTicker(50*time.Millisecond)
	defer tick.Stop()
	for left := written; left > keys+written/3; {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("%d of %d records are left: not compacted within %s", left, written, patience)
		}
		records, err := witness.Records(testContext(t), brokers, topic.at.Topic)
		if err != nil {
			t.Fatal(err)
		}
		left = len(records)
	}
	for _, name := range names {
		lives[name].same(t, topic.recover(name))
	}
	// And goes on from there.
	l := lives["a"]
	l.change()
	l.commit(t, topic.producer("a"))
	l.same(t, topic.recover("a"))
}
