package worker

import (
	"cmp"
	"fmt"
	"os"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"go.uber.org/zap"

	"attemptstream/internal/attempt"
	"attemptstream/internal/complete"
	"attemptstream/internal/embedded"
	"attemptstream/internal/event"
	"attemptstream/internal/kafkatest"
	"attemptstream/internal/kafkatx"
	"attemptstream/internal/schedule"
	"attemptstream/internal/state"
	"attemptstream/internal/topics"
)

// windowAttempts are the new invitations of one window.
const windowAttempts = 1000

// spreads are how ids lie: the i-th of them. All have about the same number of digits, which cost time too.
var spreads = map[string]func(i int64) int64{
	"dense":  func(i int64) int64 { return 20_000_000 + i + i/49 },
	"random": func(i int64) int64 { return int64(uint64(i+1) * 0x9e3779b97f4a7c15 >> 1) }, // a bijection: no id twice
}

// BenchmarkWindow is one window of 1,000 new invitations, from its answers to the end of its transaction, where 0, 1
// million and 10 million were told before. All of them take turns, and each history is there twice: how far apart the
// two are, which do the same, is the noise that differences between histories have to be held against. An iteration is
// one window of each.
//
// The metrics are medians: ms/0, ms/1M, ms/10M of both together; apart-% is how far the histories are apart at most, and
// noise-% how far the two of a history are apart at most, which is the A/A control. GC-ms is what a garbage collection
// takes that has to look at everything.
//
// Dense ids, as iMocha gives them, are no further apart than the noise. Ids at random are found at the speed of the caches
// while the index is small, and of main memory when it is not: for each of them up to a microsecond more was measured.
func BenchmarkWindow(b *testing.B) {
	for spread, id := range spreads {
		for where, brokers := range map[string]func(testing.TB) []string{"embedded": windowBroker, "kafka": func(t testing.TB) []string { return kafkatest.Shared(t).Addrs() }} {
			b.Run(spread+"/"+where, func(b *testing.B) {
				benchWindow(b, brokers(b), id)
			})
		}
	}
}

func windowBroker(t testing.TB) []string {
	t.Helper()
	b, err := embedded.Start(embedded.Config{Addr: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	return []string{b.Addr()}
}

// A history is an account to which something was told, and how long its windows took.
type history struct {
	*session
	told int64 // before
	id   func(i int64) int64
	next int64 // of the ids
	took []time.Duration
}

var benchTopic atomic.Int64

func benchWindow(b *testing.B, brokers []string, id func(int64) int64) {
	told := []int64{0, 1_000_000, 10_000_000}
	const twins = 2
	layout, client := benchTopics(b, brokers)
	encoder, err := event.NewEncoder(event.Plain, nil)
	if err != nil {
		b.Fatal(err)
	}
	c := Config{Kafka: client, Topics: layout, Events: encoder, Compression: kafka.Zstd, Log: zap.NewNop(), Concurrency: 1,
		Schedule: schedule.Settings{States: attempt.States(), Start: 1_500_000_000, PollInterval: time.Second, WindowMax: 24 * time.Hour,
			WindowAttempts: 1000}}
	for i := range told {
		for twin := range twins {
			c.Accounts = append(c.Accounts, Account{Name: attempt.Account(fmt.Sprint("told-", told[i], "-", twin))})
		}
	}
	var all []*history
	for i, a := range New(c).accounts {
		all = append(all, newHistory(b, a, told[i/twins], id))
	}
	b.ResetTimer()
	for round := 0; b.Loop(); round++ {
		for i := range all {
			all[(i+round)%len(all)].window(b) // none is always behind the same one
		}
	}
	b.StopTimer()

	var medians []float64
	noise := 0.
	for i := 0; i < len(all); i += twins {
		first, second := median(all[i].took), median(all[i+1].took)
		both := median(slices.Concat(all[i].took, all[i+1].took))
		noise = max(noise, apart(first, second))
		medians = append(medians, both)
		b.ReportMetric(both, "ms/"+[]string{"0", "1M", "10M"}[i/twins])
	}
	b.ReportMetric(apart(slices.Min(medians), slices.Max(medians)), "apart-%")
	b.ReportMetric(noise, "noise-%")
	began := time.Now()
	runtime.GC()
	b.ReportMetric(float64(time.Since(began).Microseconds())/1000, "GC-ms")
	runtime.KeepAlive(all)
}

// apart is by how many percent the larger one is larger.
func apart(x, y float64) float64 { return 100 * (max(x, y)/min(x, y) - 1) }

// median is in milliseconds.
func median(took []time.Duration) float64 {
	s := slices.SortedFunc(slices.Values(took), cmp.Compare)
	return float64(s[len(s)/2].Nanoseconds()) / 1e6
}

func benchTopics(b *testing.B, brokers []string) (topics.Layout, *kafkatx.Client) {
	b.Helper()
	admin := kafkatx.NewClient(kafkatx.Config{Brokers: brokers})
	defer admin.Close()
	layout, err := topics.Ensure(b.Context(), admin.Kafka(), topics.Config{
		Topic: fmt.Sprintf("window-%d-%d", os.Getpid(), benchTopic.Add(1)), Partitions: 6, ReplicationFactor: 1})
	if err != nil {
		b.Fatal(err)
	}
	client := kafkatx.NewClient(kafkatx.Config{Brokers: brokers,
		MetadataTopics: []string{layout.Events.Name, layout.State.Name, layout.DLQ.Name}})
	b.Cleanup(client.Close)
	return layout, client
}

// newHistory takes over an account after told ids were told of it, and written to the topic.
func newHistory(b *testing.B, a *account, told int64, id func(int64) int64) *history {
	b.Helper()
	ctx := b.Context()
	a.at.Partition = 0 // the same for all
	if err := a.producer.Init(ctx); err != nil {
		b.Fatal(err)
	}
	memory, err := state.Recover(ctx, a.worker.Kafka, a.at, a.name)
	if err != nil {
		b.Fatal(err)
	}
	const most = 50_000
	for i := range told {
		memory.Index.Tell(id(i), statusOf(i))
		if memory.Index.DirtyBlocks() < most && i+1 < told {
			continue
		}
		records, err := memory.AppendRecords(nil)
		if err != nil {
			b.Fatal(err)
		}
		if err := a.producer.Commit(ctx, records); err != nil {
			b.Fatal(err)
		}
		memory.Commit()
	}
	if err := a.producer.Init(ctx); err != nil { // what was written is visible then
		b.Fatal(err)
	}
	if memory, err = state.Recover(ctx, a.worker.Kafka, a.at, a.name); err != nil || memory.Index.Told() != told {
		b.Fatal(memory.Index.Told(), err)
	}
	s := newSession(a, memory)
	s.plan()
	return &history{session: s, told: told, id: id, next: told}
}

// statusOf is Completed mostly: 7 of 10, and 2 Expired and 1 Cancelled.
func statusOf(i int64) attempt.Status {
	return [...]attempt.Status{"Completed", "Completed", "Expired", "Completed", "Completed", "Cancelled", "Completed", "Expired", "Completed", "Completed"}[i*7%10]
}

// window reads a window, as execute does when its answers are there.
func (h *history) window(b *testing.B) {
	b.Helper()
	r := &reading{}
	answers := map[attempt.Status]*complete.Answer{}
	for _, state := range attempt.States() {
		a := &complete.Answer{State: state, At: h.worker.now()}
		answers[map[attempt.State]attempt.Status{attempt.Completed: "Completed", attempt.Expired: "Expired", attempt.Cancelled: "Cancelled"}[state]] = a
		r.states = append(r.states, stateReading{state: state, answer: a})
	}
	for range windowAttempts {
		id, status := h.id(h.next), statusOf(h.next)
		h.next++
		a := answers[status]
		a.Length++
		a.Attempts = append(a.Attempts, attempt.Attempt{ID: id, Status: status, TestID: attempt.Some(id / 1000), Name: attempt.Some(fmt.Sprint("Name ", id)),
			Email: attempt.Some(fmt.Sprint(id, "@example.com")), InvitationType: attempt.Some("api"), Size: 2})
	}

	began := time.Now()
	r.run = h.planner.Begin(h.worker.now())
	var ok bool
	if r.span, ok = r.run.Next(); !ok || h.settle(b.Context(), r.run, r) != goesOn {
		b.Fatal("the window was not staged")
	}
	if h.batch.total().Events != windowAttempts {
		b.Fatalf("%+v, want %d events", h.batch.counts, windowAttempts)
	}
	if err := h.commit(b.Context()); err != nil {
		b.Fatal(err)
	}
	h.took = append(h.took, time.Since(began))
}
