package kafkatx_test

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"attemptstream/internal/kafkatx"

	"github.com/segmentio/kafka-go"
)

var codecs = map[string]kafka.Compression{
	"none": 0, "gzip": kafka.Gzip, "snappy": kafka.Snappy, "lz4": kafka.Lz4, "zstd": kafka.Zstd,
}

// assorted are records with everything that a record can have.
func assorted(topic string, partitions, n int, seed uint64) []kafkatx.Record {
	rng := rand.New(rand.NewPCG(seed, 1))
	start := time.UnixMilli(1_700_000_000_000)
	some := func() []byte {
		switch rng.IntN(6) {
		case 0:
			return nil
		case 1:
			return []byte{}
		case 2: // compresses badly
			b := make([]byte, rng.IntN(3000))
			for i := range b {
				b[i] = byte(rng.Uint32())
			}
			return b
		}
		return []byte(strings.Repeat("state=completed;", rng.IntN(60)))
	}
	var records []kafkatx.Record
	for i := range n {
		r := kafkatx.Record{Topic: topic, Partition: rng.IntN(partitions), Key: some(), Value: some()}
		r.Time = start.Add(time.Duration(rng.IntN(100_000)-50_000) * time.Millisecond)
		for h := range rng.IntN(4) {
			r.Headers = append(r.Headers, kafka.Header{Key: fmt.Sprintf("h%d-%d", i%3, h), Value: some()})
		}
		records = append(records, r)
	}
	return records
}

func TestCommitIsReadByFranz(t *testing.T) {
	onBrokers(t, func(t *testing.T, b *broker) {
		for codecName, codec := range codecs {
			t.Run(codecName, func(t *testing.T) {
				t.Parallel()
				topic := b.topic(t, 3)
				c, f := b.client(t)
				p := c.NewProducer(kafkatx.ProducerConfig{TransactionalID: name(t, "txn"), Compression: codec})
				if err := p.Init(testContext(t)); err != nil {
					t.Fatal(err)
				}
				// The second transaction takes several batches in each partition.
				var want []kafkatx.Record
				for i, n := range []int{1, 6000, 50} {
					records := assorted(topic, 3, n, uint64(i))
					want = append(want, records...)
					copy(records, kafkatx.WithBodies(records[:n/2])) // half of them are handed over as bytes
					if err := p.Commit(testContext(t), records); err != nil {
						t.Fatal(err)
					}
				}
				sortRecords(want) // stable: in the order of writing
				sameRecords(t, "franz-go reads", b.committed(t, topic), want, false)
				if n := f.count("AddPartitionsToTxn"); b.fake != nil && n != 3 {
					t.Errorf("%d AddPartitionsToTxn requests for 3 transactions", n)
				}
				var ours []kafkatx.Record
				for partition := range 3 {
					records, _ := readOurs(t, c, topic, partition, 0)
					ours = append(ours, records...)
				}
				sameRecords(t, "we read", ours, want, false)
			})
		}
	})
}

func TestCommitWithoutRecords(t *testing.T) {
	t.Parallel()
	b := fakeBroker(t)
	c, f := b.client(t)
	p := b.producer(t, c)
	before := f.spoken()
	if err := p.Commit(testContext(t), nil); err != nil || f.spoken() != before {
		t.Errorf("Commit of nothing: %v, and %d requests", err, f.spoken()-before)
	}
}

func TestCommitBeforeInit(t *testing.T) {
	t.Parallel()
	c := kafkatx.NewClient(kafkatx.Config{Brokers: []string{"127.0.0.1:1"}})
	defer c.Close()
	err := c.NewProducer(kafkatx.ProducerConfig{TransactionalID: "x"}).Commit(t.Context(), texts("topic", "a"))
	if !errors.Is(err, kafkatx.ErrNotInitialized) {
		t.Errorf("Commit = %v", err)
	}
}

func TestTimeOfCommit(t *testing.T) {
	onBrokers(t, func(t *testing.T, b *broker) {
		topic := b.topic(t, 1)
		c, _ := b.client(t)
		before := time.Now().Truncate(time.Millisecond)
		if err := b.producer(t, c).Commit(testContext(t), texts(topic, "a")); err != nil {
			t.Fatal(err)
		}
		if at := b.committed(t, topic)[0].Time; at.Before(before) || at.After(time.Now()) {
			t.Errorf("a record without time has %v, committed between %v and now", at, before)
		}
	})
}

func TestRecordTooLarge(t *testing.T) {
	onBrokers(t, func(t *testing.T, b *broker) {
		topic := b.topic(t, 2)
		c, _ := b.client(t)
		p := b.producer(t, c)
		records := texts(topic, "a", "b", strings.Repeat("x", 2<<20), "c")
		records[2].Key = []byte("large")
		for _, records := range [][]kafkatx.Record{records, kafkatx.WithBodies(records)} {
			err := p.Commit(testContext(t), records)
			var large *kafkatx.RecordTooLargeError
			if !errors.As(err, &large) || !errors.Is(err, kafkatx.ErrAborted) || !errors.Is(err, kafkatx.ErrRejected) {
				t.Fatalf("Commit = %v", err)
			}
			if large.Topic != topic || large.Partition != 0 || large.Index != 2 || string(large.Key) != "large" || large.Size < 2<<20 {
				t.Errorf("error names %+v", large)
			}
			if strings.Contains(err.Error(), "large\"") {
				t.Errorf("the key is in the text: %v", err)
			}
		}
		if err := p.Commit(testContext(t), texts(topic, "d")); err != nil {
			t.Fatalf("after the abort: %v", err)
		}
		sameRecords(t, "committed", b.committed(t, topic), texts(topic, "d"), false)
	})
}

// A topic may allow less than a usual batch: batches are then made smaller, with the same sequence numbers.
func TestSmallTopicLimit(t *testing.T) {
	onBrokers(t, func(t *testing.T, b *broker) {
		topic := b.topic(t, 1, "max.message.bytes=20000")
		c, _ := b.client(t)
		p := b.producer(t, c)
		records := assorted(topic, 1, 400, 7)
		for _, records := range [][]kafkatx.Record{records, kafkatx.WithBodies(records)} {
			if err := p.Commit(testContext(t), records); err != nil {
				t.Fatal(err)
			}
		}
		want := slices.Concat(records, records)
		sameRecords(t, "committed", b.committed(t, topic), want, false)
	})
}

// Sequence numbers wrap from 2^31-1 to 0. A new epoch may begin with any number where the partition knows no state.
func TestSequenceWraps(t *testing.T) {
	t.Parallel()
	b := realBroker(t) // kfake wraps one early
	topic := b.topic(t, 1)
	c, _ := b.client(t)
	p := b.producer(t, c)
	p.SetSequence(topic, 0, math.MaxInt32-2)
	var want []kafkatx.Record
	for i := range 4 {
		records := texts(topic, fmt.Sprint(i, "a"), fmt.Sprint(i, "b"), fmt.Sprint(i, "c"), fmt.Sprint(i, "d"), fmt.Sprint(i, "e"))
		if err := p.Commit(testContext(t), records); err != nil {
			t.Fatal(err)
		}
		want = append(want, records...)
	}
	sameRecords(t, "committed", b.committed(t, topic), want, false)
}

// More partitions and bytes than one round takes.
func TestManyPartitions(t *testing.T) {
	onBrokers(t, func(t *testing.T, b *broker) {
		const partitions = 30
		topic := b.topic(t, partitions)
		c, _ := b.client(t, func(c *kafkatx.Config) { c.RequestTimeout = patience / 2 }) // 60 MB, and a busy machine
		p := c.NewProducer(kafkatx.ProducerConfig{TransactionalID: name(t, "txn"), TransactionTimeout: patience})
		if err := p.Init(testContext(t)); err != nil {
			t.Fatal(err)
		}
		var want []kafkatx.Record
		for i := range 40 * partitions {
			value := strings.Repeat(fmt.Sprint(i, " "), 50<<10/len(fmt.Sprint(i, " ")))
			want = append(want, kafkatx.Record{Topic: topic, Partition: i % partitions, Value: []byte(value)})
		}
		if err := p.Commit(testContext(t), want); err != nil {
			t.Fatal(err)
		}
		sortRecords(want)
		sameRecords(t, "committed", b.committed(t, topic), want, false)
	})
}

func TestRejectedRecord(t *testing.T) {
	t.Parallel()
	b := realBroker(t) // kfake takes records without a key
	topic := b.topic(t, 1, "cleanup.policy=compact")
	c, _ := b.client(t)
	p := b.producer(t, c)
	records := texts(topic, "a", "b", "c")
	records[1].Key = nil
	err := p.Commit(testContext(t), records)
	if !errors.Is(err, kafkatx.ErrAborted) || !errors.Is(err, kafkatx.ErrRejected) || !errors.Is(err, kafka.InvalidRecord) ||
		!strings.Contains(err.Error(), "record 1") {
		t.Errorf("a record without key in a compacted topic: %v", err)
	}
}
