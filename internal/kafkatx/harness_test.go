package kafkatx_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"attemptstream/internal/kafkatest"
	"attemptstream/internal/kafkatx"

	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
)

// patience bounds every wait of a test for something that has to come.
const patience = 2 * time.Minute

// broker is a cluster under test.
type broker struct {
	addrs []string
	admin *kadm.Client
	fake  *kfake.Cluster // nil: a real Kafka
}

// onBrokers runs a test of the contract on the embedded broker, and on a real Apache Kafka if there is one.
func onBrokers(t *testing.T, test func(t *testing.T, b *broker)) {
	t.Helper()
	t.Parallel()
	t.Run("kfake", func(t *testing.T) {
		t.Parallel()
		test(t, fakeBroker(t))
	})
	t.Run("kafka", func(t *testing.T) {
		t.Parallel()
		test(t, realBroker(t))
	})
}

func fakeBroker(t testing.TB) *broker {
	t.Helper()
	c, err := kfake.NewCluster(kfake.NumBrokers(3))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	b := newBroker(t, c.ListenAddrs())
	b.fake = c
	return b
}

func realBroker(t testing.TB) *broker {
	t.Helper()
	return newBroker(t, kafkatest.Shared(t).Addrs())
}

func newBroker(t testing.TB, addrs []string) *broker {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(addrs...))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Close)
	return &broker{addrs: addrs, admin: kadm.NewClient(cl)}
}

func testContext(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

var unique atomic.Int64

// name returns a name for a topic or a transactional id that no other test uses.
func name(t testing.TB, what string) string {
	test := strings.NewReplacer("/", "-", " ", "-", "(", "-", ")", "", "#", "-").Replace(t.Name())
	return fmt.Sprintf("%s-%s-%d-%d", what, test, os.Getpid(), unique.Add(1))
}

// topic creates a topic.
func (b *broker) topic(t testing.TB, partitions int32, configs ...string) string {
	t.Helper()
	topic := name(t, "topic")
	settings := make(map[string]*string)
	for _, c := range configs {
		k, v, _ := strings.Cut(c, "=")
		settings[k] = &v
	}
	ctx := testContext(t)
	if _, err := b.admin.CreateTopic(ctx, partitions, 1, settings, topic); err != nil {
		t.Fatalf("create topic: %v", err)
	}
	// The metadata of other clients may be a moment behind.
	eventually(t, "the new topic has leaders", func() bool {
		ends, err := b.admin.ListEndOffsets(ctx, topic)
		return err == nil && ends.Error() == nil && len(ends[topic]) == int(partitions)
	})
	return topic
}

// client returns a client through a fault injector.
func (b *broker) client(t testing.TB, configure ...func(*kafkatx.Config)) (*kafkatx.Client, *faults) {
	t.Helper()
	f := &faults{
		transport: &kafka.Transport{MetadataTTL: time.Second, ClientID: "test"},
		counts:    make(map[string]int),
	}
	cfg := kafkatx.Config{Brokers: b.addrs, ClientID: "test", RequestTimeout: patience / 4, RoundTripper: f}
	for _, c := range configure {
		c(&cfg)
	}
	c := kafkatx.NewClient(cfg)
	t.Cleanup(func() {
		f.release()
		c.Close()
	})
	return c, f
}

// producer returns an initialized producer under a new transactional id.
func (b *broker) producer(t testing.TB, c *kafkatx.Client) *kafkatx.Producer {
	t.Helper()
	p := c.NewProducer(kafkatx.ProducerConfig{TransactionalID: name(t, "txn"), TransactionTimeout: patience})
	if err := p.Init(testContext(t)); err != nil {
		t.Fatalf("init: %v", err)
	}
	return p
}

// settle waits until no transaction is open in a topic and all markers are written.
func (b *broker) settle(t testing.TB, topic string) kadm.ListedOffsets {
	t.Helper()
	ctx := testContext(t)
	var stable kadm.ListedOffsets
	eventually(t, "no transaction is open", func() bool {
		var err, endErr error
		var ends kadm.ListedOffsets
		stable, err = b.admin.ListCommittedOffsets(ctx, topic)
		ends, endErr = b.admin.ListEndOffsets(ctx, topic)
		if err != nil || endErr != nil {
			return false
		}
		same := true
		ends.Each(func(o kadm.ListedOffset) {
			s, ok := stable.Lookup(topic, o.Partition)
			same = same && ok && s.Offset == o.Offset
		})
		return same
	})
	return stable
}

// committed reads a topic as franz-go's read_committed consumer sees it, when all transactions are over.
func (b *broker) committed(t testing.TB, topic string) []kafkatx.Record {
	t.Helper()
	return b.read(t, b.settle(t, topic), topic)
}

// read reads a topic with franz-go, read_committed, up to the given offsets, ordered by partition and offset.
func (b *broker) read(t testing.TB, ends kadm.ListedOffsets, topic string) []kafkatx.Record {
	t.Helper()
	ctx := testContext(t)
	starts, err := b.admin.ListStartOffsets(ctx, topic)
	if err != nil {
		t.Fatal(err)
	}
	at := make(map[int32]int64)
	from := make(map[int32]kgo.Offset)
	ends.Each(func(o kadm.ListedOffset) {
		start, _ := starts.Lookup(topic, o.Partition)
		if start.Offset < o.Offset {
			at[o.Partition] = o.Offset
			from[o.Partition] = kgo.NewOffset().At(start.Offset)
		}
	})
	if len(at) == 0 {
		return nil
	}
	// Control records tell when the end is reached.
	cl, err := kgo.NewClient(kgo.SeedBrokers(b.addrs...), kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.KeepControlRecords(), kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: from}))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	var records []kafkatx.Record
	for len(at) > 0 {
		fetches := cl.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			t.Fatalf("franz-go: %v", err)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			end, ok := at[r.Partition]
			if !ok {
				return
			}
			if r.Offset >= end-1 {
				delete(at, r.Partition)
			}
			if r.Offset < end && !r.Attrs.IsControl() {
				records = append(records, fromFranz(r))
			}
		})
	}
	sortRecords(records)
	return records
}

func fromFranz(r *kgo.Record) kafkatx.Record {
	rec := kafkatx.Record{Topic: r.Topic, Partition: int(r.Partition), Offset: r.Offset, Time: r.Timestamp, Key: r.Key, Value: r.Value}
	for _, h := range r.Headers {
		rec.Headers = append(rec.Headers, kafka.Header{Key: h.Key, Value: h.Value})
	}
	return rec
}

func sortRecords(records []kafkatx.Record) {
	slices.SortStableFunc(records, func(x, y kafkatx.Record) int {
		if x.Partition != y.Partition {
			return x.Partition - y.Partition
		}
		return int(x.Offset - y.Offset)
	})
}

// readOurs reads a partition with the reader under test, and copies its records.
func readOurs(t testing.TB, c *kafkatx.Client, topic string, partition int, from int64) ([]kafkatx.Record, int64) {
	t.Helper()
	var records []kafkatx.Record
	next, err := c.ReadCommitted(testContext(t), topic, partition, from, func(r kafkatx.Record) error {
		r.Key, r.Value = bytes.Clone(r.Key), bytes.Clone(r.Value)
		r.Headers = slices.Clone(r.Headers)
		for i := range r.Headers {
			r.Headers[i].Value = bytes.Clone(r.Headers[i].Value)
		}
		records = append(records, r)
		return nil
	})
	if err != nil {
		t.Fatalf("ReadCommitted from %d: %v", from, err)
	}
	return records, next
}

// sameRecords compares records without their offsets, unless offsets says so.
func sameRecords(t testing.TB, what string, got, want []kafkatx.Record, offsets bool) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d records, want %d", what, len(got), len(want))
	}
	for i := range got {
		if d := difference(got[i], want[i], offsets); d != "" {
			t.Fatalf("%s: record %d: %s", what, i, d)
		}
	}
}

func difference(g, w kafkatx.Record, offsets bool) string {
	switch {
	case g.Topic != w.Topic || g.Partition != w.Partition:
		return fmt.Sprintf("in %s/%d, want %s/%d", g.Topic, g.Partition, w.Topic, w.Partition)
	case offsets && g.Offset != w.Offset:
		return fmt.Sprintf("offset %d, want %d", g.Offset, w.Offset)
	case !w.Time.IsZero() && g.Time.UnixMilli() != w.Time.UnixMilli():
		return fmt.Sprintf("time %v, want %v", g.Time, w.Time)
	case !bytes.Equal(g.Key, w.Key) || (g.Key == nil) != (w.Key == nil):
		return fmt.Sprintf("key %.40q, want %.40q", g.Key, w.Key)
	case !bytes.Equal(g.Value, w.Value) || (g.Value == nil) != (w.Value == nil):
		return fmt.Sprintf("value %.40q, want %.40q", g.Value, w.Value)
	case len(g.Headers) != len(w.Headers):
		return fmt.Sprintf("%d headers, want %d", len(g.Headers), len(w.Headers))
	}
	for i, h := range g.Headers {
		if v := w.Headers[i]; h.Key != v.Key || !bytes.Equal(h.Value, v.Value) || (h.Value == nil) != (v.Value == nil) {
			return fmt.Sprintf("header %q=%q, want %q=%q", h.Key, h.Value, v.Key, v.Value)
		}
	}
	return ""
}

// values are the values of records, in order.
func values(records []kafkatx.Record) []string {
	var s []string
	for _, r := range records {
		s = append(s, string(r.Value))
	}
	return s
}

// texts makes records of partition 0.
func texts(topic string, values ...string) []kafkatx.Record {
	var records []kafkatx.Record
	for _, v := range values {
		records = append(records, kafkatx.Record{Topic: topic, Key: []byte("k"), Value: []byte(v)})
	}
	return records
}

// eventually polls for something that other processes do.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("not within %s: %s", patience, what)
		}
		<-tick.C
	}
}
