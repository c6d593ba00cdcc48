//go:build linux

package bench_test

import (
	"context"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"

	"attemptstream/internal/kafkatx"
)

// A compactedLog is a partition of a compacted topic as Kafka's log cleaner leaves it, in memory. What it holds are the
// very batches that kafkatx makes. The cleaner is a model:
//
//   - A segment is closed when it is full, or a day old, as max.compaction.lag.ms has it. The last one is never cleaned.
//   - Cleaning begins when more than a tenth of what is closed was never cleaned, or is a day old, and takes no time.
//   - It keeps the last record of every key. What is left of a batch is a batch, compressed anew by itself, and keeps the
//     marker of its transaction. A transaction of which nothing is left is gone, which really takes another day.
type compactedLog struct {
	segmentBytes int64
	to           *nowhere
	producer     *kafkatx.Producer

	commits []loggedCommit // cleaned ones, closed ones that are not, and those of the last segment
	cleaned int            // how many of them
	closed  int            // and how many of them are not in the last segment

	size      int64 // of all that is there now
	dirty     int64 // of what is closed and not cleaned
	active    int64 // of the last segment
	began     time.Time
	written   int64 // ever
	most      int64 // the greatest size ever
	cleanings int
	next      int64 // offset
}

// A loggedCommit is what a transaction wrote to the partition.
type loggedCommit struct {
	at      time.Time
	bytes   int64 // with the marker
	records []kafkatx.Record
}

const (
	markerBytes  = 78
	cleanableAge = 24 * time.Hour
)

func newCompactedLog(b testing.TB, topic string, segmentBytes int64) *compactedLog {
	to := &nowhere{topic: topic}
	client := kafkatx.NewClient(kafkatx.Config{Brokers: []string{"127.0.0.1:1"}, RoundTripper: to})
	b.Cleanup(client.Close)
	l := &compactedLog{segmentBytes: segmentBytes, to: to,
		producer: client.NewProducer(kafkatx.ProducerConfig{TransactionalID: topic, Compression: kafka.Zstd})}
	if err := l.producer.Init(b.Context()); err != nil {
		b.Fatal(err)
	}
	return l
}

// measure is how long the batch of some records is, with a marker behind it.
func (l *compactedLog) measure(ctx context.Context, records []kafkatx.Record) (int64, error) {
	before := l.to.written
	err := l.producer.Commit(ctx, records)
	return l.to.written - before + markerBytes, err
}

// commit appends what a transaction writes.
func (l *compactedLog) commit(ctx context.Context, at time.Time, records []kafkatx.Record) error {
	bytes, err := l.measure(ctx, records)
	if err != nil {
		return err
	}
	if l.active > 0 && (l.active+bytes > l.segmentBytes || at.Sub(l.began) >= cleanableAge) {
		l.dirty, l.active, l.closed = l.dirty+l.active, 0, len(l.commits)
	}
	if l.active == 0 {
		l.began = at
	}
	for i := range records {
		records[i].Offset = l.next
		l.next++
	}
	l.next++ // the marker
	l.commits = append(l.commits, loggedCommit{at, bytes, records})
	l.size, l.active, l.written = l.size+bytes, l.active+bytes, l.written+bytes
	l.most = max(l.most, l.size)
	if 10*l.dirty > l.size-l.active || l.cleaned < l.closed && at.Sub(l.commits[l.cleaned].at) >= cleanableAge {
		return l.clean(ctx)
	}
	return nil
}

func (l *compactedLog) clean(ctx context.Context) error {
	last := map[string]int64{}
	for _, c := range l.commits[l.cleaned:l.closed] {
		for i := range c.records {
			last[string(c.records[i].Key)] = c.records[i].Offset
		}
	}
	kept := l.commits[:0]
	for i, c := range l.commits {
		if i < l.closed {
			var records []kafkatx.Record
			for _, r := range c.records {
				if offset, again := last[string(r.Key)]; !again || offset == r.Offset {
					records = append(records, r)
				}
			}
			if len(records) == 0 {
				l.size -= c.bytes
				continue
			}
			if len(records) < len(c.records) {
				bytes, err := l.measure(ctx, records)
				if err != nil {
					return err
				}
				l.size += bytes - c.bytes
				c.bytes, c.records = bytes, records
			}
		}
		kept = append(kept, c)
	}
	gone := len(l.commits) - len(kept)
	clear(l.commits[len(kept):])
	l.commits = kept
	l.closed -= gone
	l.cleaned, l.dirty = l.closed, 0
	l.cleanings++
	return nil
}

// all closes the last segment and cleans everything.
func (l *compactedLog) all(ctx context.Context) error {
	l.active, l.closed = 0, len(l.commits)
	return l.clean(ctx)
}

func (l *compactedLog) records() (n int) {
	for _, c := range l.commits {
		n += len(c.records)
	}
	return n
}

// ReadCommitted makes it a state.Reader.
func (l *compactedLog) ReadCommitted(_ context.Context, topic string, partition int, from int64, fn func(kafkatx.Record) error) (int64, error) {
	if from > l.next {
		return 0, &kafkatx.OffsetOutOfRangeError{Topic: topic, Partition: partition, Offset: from, End: l.next}
	}
	for _, c := range l.commits {
		for _, r := range c.records {
			if r.Offset < from {
				continue
			}
			if err := fn(r); err != nil {
				return 0, err
			}
		}
	}
	return l.next, nil
}
