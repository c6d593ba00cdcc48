package kafkatx_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"attemptstream/internal/kafkatx"

	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Batches counts what franz-go's read_committed consumer sees, between any two offsets, and knows the time of the first.
func TestBatches(t *testing.T) {
	onBrokers(t, func(t *testing.T, b *broker) {
		topic := b.topic(t, 1)
		c, _ := b.client(t)
		began := time.Now().Add(-time.Hour).Truncate(time.Millisecond)
		at := 0
		records := func(n int) []kafkatx.Record {
			var out []kafkatx.Record
			for range n {
				at++
				out = append(out, kafkatx.Record{Topic: topic, Key: []byte("k"), Value: fmt.Append(nil, at), Time: began.Add(time.Duration(at) * time.Second)})
			}
			return out
		}
		ours := c.NewProducer(kafkatx.ProducerConfig{TransactionalID: name(t, "txn"), Compression: kafka.Zstd})
		if err := ours.Init(testContext(t)); err != nil {
			t.Fatal(err)
		}
		others, err := kgo.NewClient(kgo.SeedBrokers(b.addrs...), kgo.TransactionalID(name(t, "aborts")), kgo.DefaultProduceTopic(topic))
		if err != nil {
			t.Fatal(err)
		}
		defer others.Close()
		random := rand.New(rand.NewPCG(7, uint64(len(b.addrs))))
		for range 20 {
			if random.IntN(3) == 0 {
				if err := others.BeginTransaction(); err != nil {
					t.Fatal(err)
				}
				for range 1 + random.IntN(3) {
					if err := others.ProduceSync(testContext(t), &kgo.Record{Value: []byte("aborted")}).FirstErr(); err != nil {
						t.Fatal(err)
					}
				}
				if err := others.EndTransaction(testContext(t), kgo.TryAbort); err != nil {
					t.Fatal(err)
				}
				continue
			}
			if err := ours.Commit(testContext(t), records(1+random.IntN(6))); err != nil {
				t.Fatal(err)
			}
		}
		want := b.committed(t, topic)
		stable, _ := b.settle(t, topic).Lookup(topic, 0)
		if len(want) == 0 || want[len(want)-1].Offset >= stable.Offset {
			t.Fatalf("%d records before %d", len(want), stable.Offset)
		}
		for from := int64(0); from <= stable.Offset; from++ {
			for _, end := range []int64{stable.Offset, from + random.Int64N(stable.Offset-from+1)} {
				compareBatches(t, c, topic, from, end, want)
			}
		}
	})
}

func compareBatches(t *testing.T, c *kafkatx.Client, topic string, from, end int64, all []kafkatx.Record) {
	t.Helper()
	var want []kafkatx.Record
	for _, r := range all {
		if from <= r.Offset && r.Offset < end {
			want = append(want, r)
		}
	}
	count, at := 0, from
	var first time.Time
	next, err := c.Batches(testContext(t), topic, 0, from, end, func(b kafkatx.Batch) error {
		if b.Offset < at || b.End > end || b.Records != 0 && b.Time.IsZero() {
			t.Errorf("after %d came %+v", at, b)
		}
		if count == 0 && b.Records > 0 {
			first = b.Time
		}
		at, count = b.End, count+b.Records
		return nil
	})
	if err != nil || next != end || count != len(want) {
		t.Fatalf("from %d to %d: %d records, then %d, %v; franz-go has %d", from, end, count, next, err, len(want))
	}
	head, ok, err := c.BatchAt(testContext(t), topic, 0, from, end)
	if err != nil || ok != (len(want) > 0) {
		t.Fatalf("the first batch from %d to %d: %+v, %t, %v", from, end, head, ok, err)
	}
	if ok && (!first.Equal(want[0].Time) || !head.Time.Equal(want[0].Time)) {
		t.Errorf("from %d to %d: the first is of %v, its batch says %v, want %v", from, end, first, head.Time, want[0].Time)
	}
}

// Where compaction has taken records out of the middle, the ones that are left are counted.
func TestBatchesCompacted(t *testing.T) {
	t.Parallel()
	b := realBroker(t)
	topic := b.topic(t, 1, "cleanup.policy=compact", "segment.bytes=1048576", "min.cleanable.dirty.ratio=0.01", "max.compaction.lag.ms=1000")
	c, _ := b.client(t)
	p := b.producer(t, c)
	write := func(from, until int, size int) {
		var records []kafkatx.Record
		for i := from; i < until; i++ {
			records = append(records, kafkatx.Record{Topic: topic, Key: fmt.Append(nil, i), Value: make([]byte, size)})
		}
		if err := p.Commit(testContext(t), records); err != nil {
			t.Fatal(err)
		}
	}
	write(0, 10, 10)
	write(3, 7, 10)
	write(100, 102, 700<<10) // rolls the segment
	write(102, 104, 700<<10)
	eventually(t, "the log is compacted", func() bool {
		records, _ := readOurs(t, c, topic, 0, 0)
		return len(records) == 10+4
	})
	want, end := readOurs(t, c, topic, 0, 0)
	for from := range int64(12) {
		compareBatches(t, c, topic, from, end, want)
	}
}

func TestBatchesStops(t *testing.T) {
	onBrokers(t, func(t *testing.T, b *broker) {
		topic := b.topic(t, 1)
		c, _ := b.client(t)
		p := b.producer(t, c)
		for _, v := range []string{"a", "b"} {
			if err := p.Commit(testContext(t), texts(topic, v)); err != nil {
				t.Fatal(err)
			}
		}
		b.settle(t, topic)
		enough := errors.New("enough")
		var seen []int64
		next, err := c.Batches(testContext(t), topic, 0, 0, 4, func(b kafkatx.Batch) error {
			seen = append(seen, b.Offset)
			if b.Offset > 0 {
				return enough
			}
			return nil
		})
		if err != enough || !slices.Equal(seen, []int64{0, 2}) || next > 2 {
			t.Errorf("Batches = %d, %v after %d", next, err, seen)
		}
		ctx, cancel := context.WithCancel(testContext(t))
		cancel()
		if _, err := c.Batches(ctx, topic, 0, 0, 4, func(kafkatx.Batch) error { return nil }); !errors.Is(err, context.Canceled) {
			t.Errorf("after a cancellation: %v", err)
		}
	})
}
