package tail_test

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"attemptstream/internal/kafkatest"
	"attemptstream/internal/kafkatx"
	"attemptstream/internal/operate/tail"
	"attemptstream/internal/topics"
)

const patience = time.Minute

func TestMain(m *testing.M) { os.Exit(kafkatest.Main(m)) }

func testContext(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// A world is a topic that franz-go writes to and judges.
type world struct {
	t       testing.TB
	brokers []string
	topic   topics.Topic
	kafka   *kafkatx.Client
	admin   *kadm.Client
	count   int
}

var number atomic.Int64

func newWorld(t testing.TB, brokers []string, partitions int) *world {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(brokers...))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Close)
	w := &world{t: t, brokers: brokers, admin: kadm.NewClient(cl),
		topic: topics.Topic{Name: fmt.Sprintf("tail-%d-%d", os.Getpid(), number.Add(1)), Partitions: partitions}}
	if _, err := w.admin.CreateTopic(testContext(t), int32(partitions), 1, nil, w.topic.Name); err != nil {
		t.Fatal(err)
	}
	w.kafka = kafkatx.NewClient(kafkatx.Config{Brokers: brokers, RequestTimeout: 20 * time.Second})
	t.Cleanup(w.kafka.Close)
	return w
}

// A producer writes transactions, one after another.
type producer struct {
	*world
	cl *kgo.Client
}

func (w *world) producer() *producer {
	w.t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(w.brokers...), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.TransactionTimeout(patience),
		kgo.TransactionalID(fmt.Sprintf("%s/%d", w.topic.Name, number.Add(1))), kgo.ProducerBatchCompression(kgo.ZstdCompression()))
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(cl.Close)
	return &producer{w, cl}
}

// write writes records into an open transaction: partition p at times[i].
func (p *producer) write(partition int, times ...time.Time) {
	p.t.Helper()
	var records []*kgo.Record
	for _, at := range times {
		p.count++
		records = append(records, &kgo.Record{Topic: p.topic.Name, Partition: int32(partition), Timestamp: at,
			Key: []byte("k"), Value: fmt.Appendf(nil, "%s-%d %s", p.topic.Name, p.count, strings.Repeat("x", p.count%700))})
	}
	if err := p.cl.ProduceSync(testContext(p.t), records...).FirstErr(); err != nil {
		p.t.Fatal(err)
	}
}

func (p *producer) begin() {
	p.t.Helper()
	if err := p.cl.BeginTransaction(); err != nil {
		p.t.Fatal(err)
	}
}

func (p *producer) end(commit kgo.TransactionEndTry) {
	p.t.Helper()
	if err := p.cl.EndTransaction(testContext(p.t), commit); err != nil {
		p.t.Fatal(err)
	}
}

// A line is a record as both readers see it.
type line struct {
	at        int64 // milliseconds
	partition int
	offset    int64
	value     string
}

// judge is what franz-go's read_committed consumer sees, in the order of time. Before the last stable offset of each
// partition there must be a commit's marker.
func (w *world) judge() []line {
	w.t.Helper()
	ctx := testContext(w.t)
	ends, err := w.admin.ListCommittedOffsets(ctx, w.topic.Name)
	if err != nil {
		w.t.Fatal(err)
	}
	starts, err := w.admin.ListStartOffsets(ctx, w.topic.Name)
	if err != nil {
		w.t.Fatal(err)
	}
	from, open := map[int32]kgo.Offset{}, map[int32]int64{}
	ends.Each(func(o kadm.ListedOffset) {
		if start, _ := starts.Lookup(w.topic.Name, o.Partition); start.Offset < o.Offset {
			from[o.Partition], open[o.Partition] = kgo.NewOffset().At(start.Offset), o.Offset
		}
	})
	cl, err := kgo.NewClient(kgo.SeedBrokers(w.brokers...), kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.KeepControlRecords(),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{w.topic.Name: from}))
	if err != nil {
		w.t.Fatal(err)
	}
	defer cl.Close()
	var lines []line
	for len(open) > 0 {
		fetches := cl.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			w.t.Fatal(err)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			if !r.Attrs.IsControl() {
				lines = append(lines, line{r.Timestamp.UnixMilli(), int(r.Partition), r.Offset, string(r.Value)})
			}
			if r.Offset == open[r.Partition]-1 {
				delete(open, r.Partition)
			}
		})
	}
	slices.SortFunc(lines, func(x, y line) int {
		return cmp.Or(cmp.Compare(x.at, y.at), cmp.Compare(x.partition, y.partition), cmp.Compare(x.offset, y.offset))
	})
	return lines
}

// run is what Run hands out.
func (w *world) run(q tail.Query, each func(n int) error) []line {
	w.t.Helper()
	var lines []line
	err := tail.Run(testContext(w.t), w.kafka, w.topic, q, func(r kafkatx.Record) error {
		lines = append(lines, line{r.Time.UnixMilli(), r.Partition, r.Offset, string(r.Value)})
		if each != nil {
			return each(len(lines))
		}
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return lines
}

func (w *world) same(what string, got, want []line) {
	w.t.Helper()
	if slices.Equal(got, want) {
		return
	}
	for i := range min(len(got), len(want)) {
		if got[i] != want[i] {
			w.t.Fatalf("%s: %d lines, want %d; line %d is %.60v, want %.60v", what, len(got), len(want), i, got[i], want[i])
		}
	}
	w.t.Fatalf("%s: %d lines, want %d", what, len(got), len(want))
}
