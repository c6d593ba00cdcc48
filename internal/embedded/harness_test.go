package embedded_test

import (
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/zap/zaptest"

	"attemptstream/internal/embedded"
)

const patience = 30 * time.Second

func testContext(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// start starts a broker on a free port, to be closed by the test or after it.
func start(t testing.TB, dir string) *embedded.Broker {
	t.Helper()
	b, err := embedded.Start(embedded.Config{Addr: ":0", DataDir: dir, Logger: zaptest.NewLogger(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, b) })
	return b
}

func stop(t testing.TB, b *embedded.Broker) {
	t.Helper()
	if err := b.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
}

func client(t testing.TB, addr string, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	cl, err := kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(addr)}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Close)
	return cl
}

func createTopic(t testing.TB, addr, topic string, partitions int32, configs map[string]*string) {
	t.Helper()
	if _, err := kadm.NewClient(client(t, addr)).CreateTopic(testContext(t), partitions, 1, configs, topic); err != nil {
		t.Fatal(err)
	}
}

// producer returns a transactional producer that sends each record to the partition it names.
func producer(t testing.TB, addr, id string, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	return client(t, addr, append([]kgo.Opt{
		kgo.TransactionalID(id), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerLinger(0),
	}, opts...)...)
}

// everywhere are records with one value for each of so many partitions.
func everywhere(topic, value string, partitions int32) (records []*kgo.Record) {
	for p := range partitions {
		records = append(records, &kgo.Record{Topic: topic, Partition: p, Key: []byte("k"), Value: []byte(value)})
	}
	return records
}

// transact writes records in a transaction and ends it.
func transact(ctx context.Context, cl *kgo.Client, end kgo.TransactionEndTry, records ...*kgo.Record) error {
	if err := cl.BeginTransaction(); err != nil {
		return err
	}
	if err := cl.ProduceSync(ctx, records...).FirstErr(); err != nil {
		return err
	}
	return cl.EndTransaction(ctx, end)
}

// committed reads what a read_committed consumer sees of a topic: values by partition.
func committed(t testing.TB, addr, topic string) map[int32][]string {
	t.Helper()
	ctx := testContext(t)
	admin := kadm.NewClient(client(t, addr))
	ends, err := admin.ListEndOffsets(ctx, topic)
	if err != nil {
		t.Fatal(err)
	}
	left := make(map[int32]int64)
	from := make(map[int32]kgo.Offset)
	values := make(map[int32][]string)
	ends.Each(func(o kadm.ListedOffset) {
		if o.Offset > 0 {
			left[o.Partition] = o.Offset
			from[o.Partition] = kgo.NewOffset().AtStart()
		}
		values[o.Partition] = nil
	})
	if len(left) == 0 {
		return values
	}
	cl := client(t, addr, kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.KeepControlRecords(),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: from}))
	defer cl.Close()
	for len(left) > 0 {
		fetches := cl.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			t.Fatalf("read %s: %v; not read to the end: %v", topic, err, slices.Collect(maps.Keys(left)))
		}
		fetches.EachRecord(func(r *kgo.Record) {
			if !r.Attrs.IsControl() {
				values[r.Partition] = append(values[r.Partition], string(r.Value))
			}
			if r.Offset >= left[r.Partition]-1 {
				delete(left, r.Partition)
			}
		})
	}
	return values
}

// mustSee compares what is committed in every partition of a topic.
func mustSee(t testing.TB, addr, topic string, want ...string) {
	t.Helper()
	for p, got := range committed(t, addr, topic) {
		if !slices.Equal(got, want) {
			t.Errorf("%s partition %d: got %q, want %q", topic, p, got, want)
		}
	}
}

// snapshot copies a data directory that nothing is written to, as if its broker died now.
func snapshot(t testing.TB, dir string) string {
	t.Helper()
	to := t.TempDir()
	if err := os.CopyFS(to, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	return to
}

func numbers(n int) (s []string) {
	for i := range n {
		s = append(s, fmt.Sprint(i))
	}
	return s
}
