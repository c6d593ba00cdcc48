package groups_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"attemptstream/internal/kafkatest"
	"attemptstream/internal/kafkatx"
	"attemptstream/internal/witness"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
)

// patience bounds every wait of a test for something that has to come.
const patience = 30 * time.Second

// A world is a topic of events on a broker, those who write to it, and our client.
type world struct {
	addrs  []string
	real   *kafkatest.Cluster // nil: the embedded broker
	topic  string
	client *kafkatx.Client
	admin  *kadm.Client

	ours   *kafkatx.Producer
	aborts *kgo.Client // whose transactions are aborted
	joins  []kgo.Opt   // how consumers join groups
	clock  time.Time   // of the last event
	random *rand.Rand
}

// onBrokers runs a test on the embedded broker, and on a real Apache Kafka if there is one.
func onBrokers(t *testing.T, test func(t *testing.T, w *world)) {
	t.Helper()
	t.Parallel()
	t.Run("kfake", func(t *testing.T) {
		t.Parallel()
		c, err := kfake.NewCluster(kfake.NumBrokers(1))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(c.Close)
		test(t, newWorld(t, c.ListenAddrs(), nil))
	})
	t.Run("kafka", func(t *testing.T) {
		t.Parallel()
		test(t, realWorld(t))
	})
}

func realWorld(t *testing.T) *world {
	t.Helper()
	c := kafkatest.Shared(t)
	return newWorld(t, c.Addrs(), c)
}

const partitions = 3

func newWorld(t *testing.T, addrs []string, real *kafkatest.Cluster) *world {
	t.Helper()
	w := &world{
		addrs: addrs, real: real, topic: unique(t, "topic"), clock: time.Now().Add(-24 * time.Hour).Truncate(time.Millisecond),
		random: rand.New(rand.NewPCG(1, 2)),
	}
	w.admin = kadm.NewClient(w.franz(t))
	w.create(t, w.topic)
	w.client = kafkatx.NewClient(kafkatx.Config{Brokers: addrs, ClientID: "test"})
	t.Cleanup(w.client.Close)
	w.ours = w.client.NewProducer(kafkatx.ProducerConfig{TransactionalID: unique(t, "ours")})
	if err := w.ours.Init(testContext(t)); err != nil {
		t.Fatal(err)
	}
	w.aborts = w.franz(t, kgo.TransactionalID(unique(t, "aborts")), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	return w
}

func (w *world) create(t *testing.T, topic string, configs ...string) {
	t.Helper()
	settings := make(map[string]*string)
	for _, c := range configs {
		k, v, _ := strings.Cut(c, "=")
		settings[k] = &v
	}
	if _, err := w.admin.CreateTopic(testContext(t), partitions, 1, settings, topic); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the new topic has leaders", func() bool {
		ends, err := w.admin.ListEndOffsets(testContext(t), topic)
		return err == nil && ends.Error() == nil && len(ends[topic]) == partitions
	})
}

// franz returns a client that is not ours.
func (w *world) franz(t testing.TB, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	c, err := kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(w.addrs...), kgo.MetadataMinAge(10 * time.Millisecond)}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// consumer joins a group that reads the topic, read_committed.
func (w *world) consumer(t testing.TB, group string, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	return w.franz(t, append([]kgo.Opt{kgo.ConsumerGroup(group), kgo.ConsumeTopics(w.topic), kgo.DisableAutoCommit(),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.ClientID("reader"), kgo.FetchMaxWait(50 * time.Millisecond)}, slices.Concat(w.joins, opts)...)...)
}

// commit writes a transaction of n events into random partitions; each is some milliseconds younger than the last.
func (w *world) commit(t testing.TB, n int) {
	var records []kafkatx.Record
	for range n {
		w.clock = w.clock.Add(time.Duration(w.random.IntN(3)) * 500 * time.Millisecond)
		records = append(records, kafkatx.Record{
			Topic: w.topic, Partition: w.random.IntN(partitions), Key: []byte("k"), Value: []byte(w.clock.String()), Time: w.clock,
		})
	}
	if err := w.ours.Commit(testContext(t), records); err != nil {
		t.Errorf("commit: %v", err)
	}
}

// abort writes a transaction that is aborted.
func (w *world) abort(t testing.TB) {
	if err := w.aborts.BeginTransaction(); err != nil {
		t.Error(err)
	}
	for range 1 + w.random.IntN(3) {
		r := &kgo.Record{Topic: w.topic, Partition: int32(w.random.IntN(partitions)), Value: []byte("aborted"), Timestamp: w.clock.Add(time.Minute)}
		if err := w.aborts.ProduceSync(testContext(t), r).FirstErr(); err != nil {
			t.Errorf("produce: %v", err)
		}
	}
	if err := w.aborts.EndTransaction(testContext(t), kgo.TryAbort); err != nil {
		t.Errorf("abort: %v", err)
	}
}

// traffic writes until stop is called, which waits for the last transaction.
func (w *world) traffic(t testing.TB) (stop func()) {
	var done atomic.Bool
	var running sync.WaitGroup
	running.Go(func() {
		for !done.Load() && !t.Failed() {
			if w.random.IntN(4) == 0 {
				w.abort(t)
			} else {
				w.commit(t, 1+w.random.IntN(40))
			}
		}
	})
	return func() { done.Store(true); running.Wait() }
}

// records are those of the topic, as franz-go's read_committed consumer gets them once no transaction is open.
func (w *world) records(t testing.TB) []*kgo.Record {
	t.Helper()
	records, err := witness.Records(testContext(t), w.addrs, w.topic)
	if err != nil {
		t.Fatal(err)
	}
	return records
}

// poll takes n events or more from a consumer, and commits what it has taken.
func poll(t testing.TB, c *kgo.Client, n, most int) []*kgo.Record {
	t.Helper()
	var records []*kgo.Record
	for len(records) < n {
		fetches := c.PollRecords(testContext(t), most)
		if err := fetches.Err(); err != nil {
			t.Fatalf("after %d of %d events: %v", len(records), n, err)
		}
		records = append(records, fetches.Records()...)
		if err := c.CommitRecords(testContext(t), fetches.Records()...); err != nil {
			t.Fatal(err)
		}
	}
	return records
}

// sorted orders records by partition and offset.
func sorted(records []*kgo.Record) []*kgo.Record {
	slices.SortFunc(records, func(a, b *kgo.Record) int {
		if a.Partition != b.Partition {
			return int(a.Partition - b.Partition)
		}
		return int(a.Offset - b.Offset)
	})
	return records
}

func testContext(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), patience)
	t.Cleanup(cancel)
	return ctx
}

var count atomic.Int64

// unique returns a name that no other test uses.
func unique(t testing.TB, what string) string {
	return fmt.Sprintf("%s-%s-%d-%d", what, strings.ReplaceAll(t.Name(), "/", "-"), os.Getpid(), count.Add(1))
}

// eventually polls for something that other processes do.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("not within %s: %s", patience, what)
		}
		<-tick.C
	}
}
