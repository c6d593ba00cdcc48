package kafkatx_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"attemptstream/internal/kafkatx"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// writer is a franz-go producer to one partition, transactional or not.
type writer struct {
	*kgo.Client
	topic         string
	transactional bool
	open          bool
}

func (b *broker) franz(t testing.TB, topic string, transactional bool, codec kgo.CompressionCodec) *writer {
	t.Helper()
	opts := []kgo.Opt{
		kgo.SeedBrokers(b.addrs...), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerBatchCompression(codec),
	}
	if transactional {
		// It stays open while all of a log is read over and over, which takes a busy machine more than the usual 40 seconds.
		opts = append(opts, kgo.TransactionalID(name(t, "franz")), kgo.TransactionTimeout(5*time.Minute))
	}
	cl, err := kgo.NewClient(opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Close)
	return &writer{Client: cl, topic: topic, transactional: transactional}
}

// write writes one batch.
func (w *writer) write(t testing.TB, records ...*kgo.Record) {
	t.Helper()
	if w.transactional && !w.open {
		if err := w.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		w.open = true
	}
	for _, r := range records {
		r.Topic = w.topic
	}
	if err := w.ProduceSync(testContext(t), records...).FirstErr(); err != nil {
		t.Fatal(err)
	}
}

func (w *writer) end(t testing.TB, commit bool) {
	t.Helper()
	if !w.open {
		return
	}
	if err := w.EndTransaction(testContext(t), kgo.TransactionEndTry(commit)); err != nil {
		t.Fatal(err)
	}
	w.open = false
}

var franzCodecs = []kgo.CompressionCodec{
	kgo.NoCompression(), kgo.GzipCompression(), kgo.SnappyCompression(), kgo.Lz4Compression(), kgo.ZstdCompression(),
}

// interleave writes transactions that overlap, some of them aborted, and records without a transaction in between. size
// is the length of a value.
func interleave(t testing.TB, b *broker, topic string, seed uint64, steps, size int) []*writer {
	t.Helper()
	rng := mathrand.New(mathrand.NewPCG(seed, 2))
	writers := []*writer{b.franz(t, topic, false, franzCodecs[rng.IntN(5)])}
	for range 4 {
		writers = append(writers, b.franz(t, topic, true, franzCodecs[rng.IntN(5)]))
	}
	for step := range steps {
		w := writers[rng.IntN(len(writers))]
		if rng.IntN(3) == 0 {
			w.end(t, rng.IntN(2) == 0)
			continue
		}
		var records []*kgo.Record
		for i := range 1 + rng.IntN(4) {
			value := make([]byte, size)
			_, _ = rand.Read(value)
			r := &kgo.Record{Key: fmt.Appendf(nil, "%d-%d", step, i), Value: append(value, strings.Repeat("z", rng.IntN(50))...)}
			if rng.IntN(5) == 0 {
				r.Value = nil
			}
			if rng.IntN(3) == 0 {
				r.Headers = []kgo.RecordHeader{{Key: "step", Value: fmt.Append(nil, step)}, {Key: "none"}}
			}
			records = append(records, r)
		}
		w.write(t, records...)
	}
	return writers
}

// stableOffset is the last stable offset of partition 0.
func (b *broker) stableOffset(t testing.TB, topic string) int64 {
	t.Helper()
	offsets, err := b.admin.ListCommittedOffsets(testContext(t), topic)
	if err != nil {
		t.Fatal(err)
	}
	o, _ := offsets.Lookup(topic, 0)
	return o.Offset
}

// between are the records with from ≤ offset < to.
func between(records []kafkatx.Record, from, to int64) []kafkatx.Record {
	return slices.DeleteFunc(slices.Clone(records), func(r kafkatx.Record) bool { return r.Offset < from || r.Offset >= to })
}

// Whatever a log holds, and wherever one begins to read, the reader under test and franz-go's see the same.
func TestReadLikeFranz(t *testing.T) {
	onBrokers(t, func(t *testing.T, b *broker) {
		for seed := range uint64(3) {
			t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
				t.Parallel()
				topic := b.topic(t, 1)
				c, _ := b.client(t)
				early := interleave(t, b, topic, seed, 40, 20)
				for _, w := range early {
					w.end(t, true)
				}
				b.settle(t, topic)
				// From here on a transaction is open, and others go on behind it.
				hanging := b.franz(t, topic, true, kgo.NoCompression())
				hanging.write(t, &kgo.Record{Value: []byte("hanging")})
				late := interleave(t, b, topic, seed+100, 20, 20)
				for _, w := range late {
					w.end(t, false)
				}
				stable := b.stableOffset(t, topic)

				type reading struct {
					records []kafkatx.Record
					next    int64
				}
				readings := make(map[int64]reading)
				for from := int64(0); from <= stable+5; from++ {
					records, next := readOurs(t, c, topic, 0, from)
					readings[from] = reading{records, next}
				}

				hanging.end(t, seed%2 == 0)
				all := b.committed(t, topic)
				for from, r := range readings {
					sameRecords(t, fmt.Sprint("from ", from), r.records, between(all, from, stable), true)
					if want := max(from, stable); r.next != want {
						t.Errorf("from %d: next is %d, want the last stable offset %d", from, r.next, want)
					}
				}
				end := b.stableOffset(t, topic)
				for from := int64(0); from <= end; from += 7 {
					records, next := readOurs(t, c, topic, 0, from)
					sameRecords(t, fmt.Sprint("in the end, from ", from), records, between(all, from, end), true)
					if next != end {
						t.Errorf("in the end, from %d: next is %d, want %d", from, next, end)
					}
				}
			})
		}
	})
}

// A log of several fetches, with transactions that reach from one into the next.
func TestReadInSeveralFetches(t *testing.T) {
	onBrokers(t, func(t *testing.T, b *broker) {
		topic := b.topic(t, 1)
		c, f := b.client(t)
		for _, w := range interleave(t, b, topic, 9, 500, 20_000) {
			w.end(t, true)
		}
		all := b.committed(t, topic)
		end := b.stableOffset(t, topic)
		before := f.count("Fetch")
		for from := int64(0); from < end; from += 97 {
			records, next := readOurs(t, c, topic, 0, from)
			sameRecords(t, fmt.Sprint("from ", from), records, between(all, from, end), true)
			if next != end {
				t.Errorf("from %d: next is %d, want %d", from, next, end)
			}
			if from == 0 && f.count("Fetch")-before < 3 {
				t.Errorf("only %d fetches: the log is too small for this test", f.count("Fetch")-before)
			}
		}
	})
}

// A batch larger than a fetch still comes.
func TestReadLargeBatch(t *testing.T) {
	onBrokers(t, func(t *testing.T, b *broker) {
		topic := b.topic(t, 1, "max.message.bytes=10000000")
		c, _ := b.client(t)
		want := texts(topic, "a", strings.Repeat("x", 6<<20), "b")
		if err := b.producer(t, c).Commit(testContext(t), want); err != nil {
			t.Fatal(err)
		}
		b.settle(t, topic)
		got, _ := readOurs(t, c, topic, 0, 0)
		sameRecords(t, "read", got, want, false)
	})
}

// Compaction leaves batches without their last records. The reader has to step over what is gone, and not record by
// record.
func TestReadCompacted(t *testing.T) {
	t.Parallel()
	b := realBroker(t) // kfake shortens batches honestly
	topic := b.topic(t, 1, "cleanup.policy=compact", "segment.bytes=1048576", "min.cleanable.dirty.ratio=0.01")
	c, f := b.client(t)
	p := b.producer(t, c)
	const transactions, half = 60, 100
	value := make([]byte, 400)
	for i := range transactions {
		var records []kafkatx.Record
		add := func(key string) {
			_, _ = rand.Read(value)
			records = append(records, kafkatx.Record{Topic: topic, Key: []byte(key), Value: slices.Clone(value)})
		}
		for j := range half {
			add(fmt.Sprint(i, "-", j))
		}
		for j := range half {
			add(fmt.Sprint("again-", j)) // the batch's tail, which the next one replaces
		}
		if err := p.Commit(testContext(t), records); err != nil {
			t.Fatal(err)
		}
	}
	b.settle(t, topic)
	end := b.stableOffset(t, topic)
	var all []kafkatx.Record
	eventually(t, "the log is compacted", func() bool {
		all, _ = readOurs(t, c, topic, 0, 0)
		return len(all) < transactions*2*half*2/3
	})
	before := f.count("Fetch")
	ours, next := readOurs(t, c, topic, 0, 0)
	fetches := f.count("Fetch") - before
	sameRecords(t, "from the start", ours, b.committed(t, topic), true)
	if next != end {
		t.Errorf("next is %d, want %d", next, end)
	}
	if fetches > 10 {
		t.Errorf("%d fetches for %d records", fetches, len(ours))
	}
	for from := int64(1); from < end; from += 211 {
		records, next := readOurs(t, c, topic, 0, from)
		sameRecords(t, fmt.Sprint("from ", from), records, between(ours, from, end), true)
		if next != end {
			t.Errorf("from %d: next is %d, want %d", from, next, end)
		}
	}
}

func TestReadAfterDeletedRecords(t *testing.T) {
	onBrokers(t, func(t *testing.T, b *broker) {
		topic := b.topic(t, 1)
		c, _ := b.client(t)
		p := b.producer(t, c)
		for _, v := range []string{"0", "2", "4"} { // each followed by a marker
			if err := p.Commit(testContext(t), texts(topic, v)); err != nil {
				t.Fatal(err)
			}
		}
		b.settle(t, topic)
		to := make(kadm.Offsets)
		to.AddOffset(topic, 0, 2, -1)
		if res, err := b.admin.DeleteRecords(testContext(t), to); err != nil || res.Error() != nil {
			t.Fatal(err, res.Error())
		}
		for from := range int64(3) {
			got, next := readOurs(t, c, topic, 0, from)
			if next != 6 || !slices.Equal(values(got), []string{"2", "4"}) {
				t.Errorf("from %d: %q, next %d", from, values(got), next)
			}
		}
		_, err := c.ReadCommitted(testContext(t), topic, 0, 7, func(kafkatx.Record) error { return nil })
		var beyond *kafkatx.OffsetOutOfRangeError
		if !errors.As(err, &beyond) || beyond.Offset != 7 || beyond.End != 6 {
			t.Errorf("from beyond the end: %v", err)
		}
	})
}

func TestReadStopsAtError(t *testing.T) {
	t.Parallel()
	b := fakeBroker(t)
	topic := b.topic(t, 1)
	c, _ := b.client(t)
	if err := b.producer(t, c).Commit(testContext(t), texts(topic, "a", "b", "c")); err != nil {
		t.Fatal(err)
	}
	b.settle(t, topic)
	full := errors.New("full")
	next, err := c.ReadCommitted(testContext(t), topic, 0, 0, func(r kafkatx.Record) error {
		if string(r.Value) == "b" {
			return full
		}
		return nil
	})
	if err != full || next != 1 {
		t.Errorf("next %d, %v; want the offset of the record that was refused, and the error as it is", next, err)
	}
}

func TestReadMissingTopic(t *testing.T) {
	onBrokers(t, func(t *testing.T, b *broker) {
		c, _ := b.client(t)
		missing := name(t, "missing")
		_, err := c.ReadCommitted(testContext(t), missing, 0, 0, func(kafkatx.Record) error { return nil })
		var unknown *kafkatx.UnknownTopicError
		if !errors.As(err, &unknown) || unknown.Topic != missing || !errors.Is(err, kafkatx.ErrUnknownTopic) {
			t.Errorf("ReadCommitted = %v", err)
		}
		if _, err := c.Partitions(testContext(t), missing); !errors.Is(err, kafkatx.ErrUnknownTopic) {
			t.Errorf("Partitions = %v", err)
		}
		topic := b.topic(t, 7)
		if n, err := c.Partitions(testContext(t), topic); n != 7 || err != nil {
			t.Errorf("Partitions = %d, %v", n, err)
		}
	})
}

func TestReadCanceled(t *testing.T) {
	t.Parallel()
	b := fakeBroker(t)
	topic := b.topic(t, 1)
	c, f := b.client(t)
	f.cut()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.ReadCommitted(ctx, topic, 0, 0, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("ReadCommitted = %v", err)
	}
}
