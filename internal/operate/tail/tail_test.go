package tail_test

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"attemptstream/internal/brokertest"
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

// What is handed out is what another client's read_committed consumer sees, whatever was aborted and is open.
func TestEqualsAReadCommittedConsumer(t *testing.T) {
	brokertest.OnBoth(t, func(t *testing.T, brokers []string) {
		w := newWorld(t, brokers, 3)
		rng := rand.New(rand.NewPCG(7, 7))
		base := time.Now().Truncate(time.Millisecond)
		at := base
		producers := []*producer{w.producer(), w.producer()}
		for range 40 {
			for _, p := range producers { // their transactions overlap
				p.begin()
			}
			for range 1 + rng.IntN(3) {
				for _, p := range producers {
					var times []time.Time
					for range 1 + rng.IntN(40) {
						at = at.Add(time.Duration(rng.IntN(3)) * time.Millisecond)
						times = append(times, at)
					}
					p.write(rng.IntN(3), times...)
				}
			}
			for _, p := range producers {
				p.end(kgo.TransactionEndTry(rng.IntN(3) > 0))
			}
		}
		p := producers[0]
		p.begin()
		for partition := range 3 {
			p.write(partition, at)
		}
		p.end(kgo.TryCommit)
		open := producers[1]
		open.begin()
		for partition := range 2 { // partition 2 goes on
			open.write(partition, at)
		}
		p.begin()
		for partition := range 3 {
			p.write(partition, at.Add(time.Millisecond), at.Add(2*time.Millisecond))
		}
		p.end(kgo.TryCommit)

		all := w.settled(func(lines []line) bool {
			return slices.ContainsFunc(lines, func(l line) bool { return l.partition == 2 && l.at == at.Add(2*time.Millisecond).UnixMilli() })
		})
		if len(all) < 500 {
			t.Fatalf("only %d records: the test shows little", len(all))
		}
		w.same("all", w.run(tail.Query{From: base}, nil), all)
		for _, n := range []int{1, 2, 10, 333, len(all) - 1, len(all), tail.MaxLast} {
			w.same(fmt.Sprintf("the last %d", n), w.run(tail.Query{Last: n}, nil), all[max(0, len(all)-n):])
		}
		for _, part := range [][2]int{{len(all) / 3, len(all) / 2}, {0, len(all) / 4}, {len(all) / 2, len(all) - 1}, {len(all) / 2, len(all)/2 + 1}} {
			from, to := time.UnixMilli(all[part[0]].at), time.UnixMilli(all[part[1]].at)
			if part[0] == 0 {
				from = from.Add(-48 * time.Hour)
			}
			var want []line
			for _, l := range all {
				if l.at >= from.UnixMilli() && l.at < to.UnixMilli() {
					want = append(want, l)
				}
			}
			w.same(fmt.Sprintf("%s to %s", from, to), w.run(tail.Query{From: from, To: to}, nil), want)
			w.same(fmt.Sprintf("the last 7 of those to %s", to), w.run(tail.Query{To: to, Last: 7}, nil), lastBefore(all, to, 7))
		}
		odd := func(r kafkatx.Record) bool { return r.Offset%5 == 0 }
		var want []line
		for _, l := range all {
			if l.offset%5 == 0 {
				want = append(want, l)
			}
		}
		w.same("some", w.run(tail.Query{From: base, Match: odd}, nil), want)
		w.same("the last of some", w.run(tail.Query{Last: 9, Match: odd}, nil), want[len(want)-9:])
		enough := func(n int) error {
			if n == 5 {
				return tail.ErrEnough
			}
			return nil
		}
		w.same("the first 5", w.run(tail.Query{From: base}, enough), all[:5])

		// Retention takes the beginning away.
		offsets := kadm.Offsets{}
		offsets.AddOffset(w.topic.Name, 0, 200, -1)
		if _, err := w.admin.DeleteRecords(testContext(t), offsets); err != nil {
			t.Fatal(err)
		}
		all = w.judge()
		w.same("all that is left", w.run(tail.Query{From: base}, nil), all)
		w.same("the last ones, more than there are", w.run(tail.Query{Last: len(all) + 5}, nil), all)

		open.end(kgo.TryCommit)
		all = w.settled(func(lines []line) bool {
			n := 0
			for _, l := range lines {
				if l.at == at.Add(2*time.Millisecond).UnixMilli() {
					n++
				}
			}
			return n == 3
		})
		w.same("all, with nothing open", w.run(tail.Query{From: base}, nil), all)
		for n := 1; n < 10; n++ { // some of the same time
			w.same(fmt.Sprintf("the last %d, with nothing open", n), w.run(tail.Query{Last: n}, nil), all[len(all)-n:])
		}
	})
}

func lastBefore(all []line, to time.Time, n int) []line {
	var before []line
	for _, l := range all {
		if l.at < to.UnixMilli() {
			before = append(before, l)
		}
	}
	return before[max(0, len(before)-n):]
}

// settled is what the judge sees when it sees what was committed last: that takes some milliseconds.
func (w *world) settled(there func([]line) bool) []line {
	w.t.Helper()
	ctx := testContext(w.t)
	for ctx.Err() == nil {
		if lines := w.judge(); there(lines) {
			return lines
		}
	}
	w.t.Fatal("what was committed does not show")
	return nil
}

// Two workers whose clocks differ leave times out of order: none of them is lost at the ends of a range.
func TestTimesOutOfOrder(t *testing.T) {
	brokertest.OnBoth(t, func(t *testing.T, brokers []string) {
		w := newWorld(t, brokers, 1)
		to := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
		cl, err := kgo.NewClient(kgo.SeedBrokers(brokers...), kgo.DefaultProduceTopic(w.topic.Name))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(cl.Close)
		for _, seconds := range []int{-3, -1, 0, 1, -2, 2, 3600, -1} {
			r := &kgo.Record{Value: []byte("x"), Timestamp: to.Add(time.Duration(seconds) * time.Second)}
			if err := cl.ProduceSync(testContext(t), r).FirstErr(); err != nil {
				t.Fatal(err)
			}
		}
		var offsets []int64
		for _, l := range w.run(tail.Query{From: to.Add(-2 * time.Second), To: to}, nil) {
			offsets = append(offsets, l.offset)
		}
		// What is behind one of an hour later is not looked for.
		if !slices.Equal(offsets, []int64{1, 4}) {
			t.Errorf("offsets %v, want 1 and 4", offsets)
		}
	})
}

// Who follows sees within a second of its commit what was committed, and nothing else; the end of the context is the end.
func TestFollow(t *testing.T) {
	brokertest.OnBoth(t, func(t *testing.T, brokers []string) {
		w := newWorld(t, brokers, 3)
		p, other := w.producer(), w.producer()
		p.begin()
		p.write(1, time.Now(), time.Now())
		p.end(kgo.TryCommit)
		w.settled(func(lines []line) bool { return len(lines) == 2 })

		ctx, cancel := context.WithCancel(testContext(t))
		seen := make(chan line, 100)
		done := make(chan error, 1)
		go func() {
			done <- tail.Run(ctx, w.kafka, w.topic, tail.Query{Last: 1, Follow: true}, func(r kafkatx.Record) error {
				seen <- line{r.Time.UnixMilli(), r.Partition, r.Offset, string(r.Value)}
				return nil
			})
		}()
		next := func() line {
			t.Helper()
			select {
			case l := <-seen:
				return l
			case err := <-done:
				t.Fatalf("it ended: %v", err)
			case <-testContext(t).Done():
				t.Fatal("nothing comes")
			}
			return line{}
		}
		if l := next(); l.partition != 1 || l.offset != 1 {
			t.Fatalf("first comes %+v, want the last one that was there", l)
		}
		other.begin()
		other.write(2, time.Now())
		for i := range 5 {
			p.begin()
			p.write(0, time.Now())
			p.end(kgo.TryAbort)
			p.begin()
			p.write(i%2, time.Now())
			p.end(kgo.TryCommit)
			committed := time.Now()
			want := fmt.Sprintf("%s-%d ", w.topic.Name, p.count)
			if l := next(); !strings.HasPrefix(l.value, want) {
				t.Fatalf("it shows %.60s, want %s", l.value, want)
			}
			if took := time.Since(committed); took > time.Second {
				t.Errorf("an event showed %s after its commit", took)
			}
		}
		other.end(kgo.TryCommit)
		if l := next(); l.partition != 2 {
			t.Errorf("it shows %+v, want what was open", l)
		}
		cancel()
		if err := <-done; err != nil {
			t.Errorf("it ended with %v", err)
		}
		if len(seen) > 0 {
			t.Errorf("it shows more: %+v", <-seen)
		}
	})
}
