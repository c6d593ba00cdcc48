//go:build linux

package bench_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"attemptstream/internal/kafkatest"
	"attemptstream/internal/program"
)

// BenchmarkLatency is how long a live attempt takes from the answer that showed it first, whose last bytes the API was about
// to send, to its commit, by the time that the broker gave the transaction's marker, and to a consumer that reads what is
// committed, franz-go in this process. All clocks are the machine's; the broker's time has whole milliseconds.
//
// An iteration is a minute of life, in which each account is asked for once a second, the least that the settings allow.
// What is reported is milliseconds: half of the events took at most so long, 99 of 100, and all. read is to when the worker
// says that it had read the answer. The API takes as much as is asked of it, but in limits, where the settings are those that
// nobody has changed: there the states' requests have to wait for the rate limit, and the first answer for the last one. In busy
// there is another account, in a backfill.
func BenchmarkLatency(b *testing.B) {
	for _, bench := range []struct {
		name string
		life life
	}{
		{"one", life{accounts: 1}},
		{"limits", life{accounts: 1, settings: []string{"IMOCHA_RATE_LIMIT=5", "IMOCHA_CONCURRENCY=4"}}},
		{"twenty", life{accounts: 20}},
		{"busy", life{accounts: 1, backfill: true}},
	} {
		b.Run(bench.name, func(b *testing.B) {
			p := &place{b: b, brokers: kafkatest.Shared(b).Addrs()}
			l := p.live(bench.life)
			from := time.Now()
			for b.Loop() {
				<-time.After(time.Minute)
			}
			seen := l.since(from)
			var read, committed, arrived []time.Duration
			commits := map[string]bool{}
			for _, s := range seen {
				read = append(read, s.observed.Sub(s.shown))
				committed = append(committed, s.committed.Sub(s.shown))
				arrived = append(arrived, s.arrived.Sub(s.shown))
				commits[s.window] = true
			}
			for name, took := range map[string][]time.Duration{"read": read, "commit": committed, "arrive": arrived} {
				slices.Sort(took)
				for share, part := range map[string]int{"50%": 50, "99%": 99, "100%": 100} {
					b.ReportMetric(float64(took[(len(took)*part-1)/100].Microseconds())/1000, fmt.Sprint(name, "-", share, "-ms"))
				}
			}
			b.ReportMetric(float64(len(seen)), "events")
			b.ReportMetric(float64(len(commits)), "commits")
			b.ReportMetric(float64(l.others())/time.Since(from).Seconds(), "backfill/s")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// What is measured is what happened: of each event first the answer, then the commit, then the consumer. And all that the
// API showed arrives.
func TestLatency(t *testing.T) {
	t.Parallel()
	p := &place{b: t, brokers: []string{start(t, "broker")}}
	l := p.live(life{accounts: 2})
	from := time.Now()
	<-time.After(2 * time.Second)
	seen := l.since(from)
	if len(seen) == 0 {
		t.Fatal("nothing was shown")
	}
	const tick = time.Millisecond // the events' and the broker's times are cut to it
	for _, s := range seen {
		if s.observed.Before(s.shown.Add(-tick)) || s.committed.Before(s.observed) || s.arrived.Before(s.committed) {
			t.Errorf("%d: shown at %s, observed %s later, committed %s, arrived %s", s.id, s.shown, s.observed.Sub(s.shown),
				s.committed.Sub(s.shown), s.arrived.Sub(s.shown))
		}
	}
}

// A life is what a worker is measured in: so many accounts in which an attempt happens every 50 ms, and one more in a
// backfill that does not end.
type life struct {
	accounts int
	backfill bool
	settings []string // beside the usual ones of benchmarks
}

// A sighting is an event, with the times of what happened to it.
type sighting struct {
	id                                  int64
	window                              string // and account
	shown, observed, committed, arrived time.Time
}

// A lived is a life under way.
type lived struct {
	b      testing.TB
	api    string
	worker *program.Process
	stop   func()

	mu      sync.Mutex
	events  map[int64]*sighting
	windows map[string]int // of each live account, that have arrived
	other   int
}

// live starts a worker, and returns when it has caught up with each of the live accounts.
func (p *place) live(of life) *lived {
	p.b.Helper()
	began := time.Now().Truncate(time.Second)
	// The first windows are long, so that answers of the length that live ones have are known to be whole.
	live := stream{start: began.Add(-2 * time.Minute), spacing: 50 * time.Millisecond}
	long := stream{start: began.AddDate(-20, 0, 0), spacing: 4 * time.Second}
	p.api = startLiveAPI(p.b, live, long)
	p.history.start = live.start
	var keys []string
	for i := range of.accounts {
		keys = append(keys, liveKey+strconv.Itoa(i))
	}
	name := topic()
	c := p.command(name, "run")
	settings := []string{"STREAM_POLL_INTERVAL=1s", "STREAM_SETTLE_DELAY=1s"}
	if of.backfill {
		keys = append(keys, longKey)
		settings = append(settings, "STREAM_START_AT="+long.start.Format(time.RFC3339))
	}
	settings = append(settings, of.settings...)
	env := slices.DeleteFunc(c.Env, func(s string) bool { return strings.HasPrefix(s, "IMOCHA_API_KEY=") })
	env = append(append(env, settings...),
		"IMOCHA_ACCOUNTS_FILE="+program.AccountsFile(p.b, keys, func(name string) string { return name }))
	l := &lived{b: p.b, api: p.api, events: map[int64]*sighting{}, windows: map[string]int{}}
	l.worker = program.Start(p.b, c.Path, env, c.Args[1:]...)
	l.worker.Says(time.Minute, "attemptstream starts")
	l.consume(p.client(kgo.ConsumeTopics(name), kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.KeepControlRecords()))
	program.Eventually(p.b, 2*time.Minute, "all accounts are live", func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		caughtUp := 0
		for _, n := range l.windows {
			if n >= 10 {
				caughtUp++
			}
		}
		return caughtUp == of.accounts
	}, l.worker.Tail)
	return l
}

// consume notes what arrives until the benchmark ends, or stop is called.
func (l *lived) consume(client *kgo.Client) {
	ctx, cancel := context.WithCancel(l.b.Context())
	done := make(chan struct{})
	l.stop = func() { cancel(); <-done }
	l.b.Cleanup(l.stop)
	type writer struct {
		partition int32
		producer  int64
	}
	open := map[writer][]*sighting{}
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			fetches := client.PollFetches(ctx)
			now := time.Now()
			l.mu.Lock()
			fetches.EachRecord(func(r *kgo.Record) {
				w := writer{r.Partition, r.ProducerID}
				if r.Attrs.IsControl() {
					for _, s := range open[w] {
						s.committed = r.Timestamp
					}
					delete(open, w)
					return
				}
				if s := l.note(r, now); s != nil {
					open[w] = append(open[w], s)
				}
			})
			l.mu.Unlock()
		}
	}()
}

// note is what is known of an event when it arrives; nil for one of the backfill.
func (l *lived) note(r *kgo.Record, now time.Time) *sighting {
	var e struct {
		Account string
		Window  struct{ End string }
	}
	id, err := strconv.ParseInt(string(r.Key), 10, 64)
	if err == nil && id >= longIDs {
		l.other++
		return nil
	}
	if err == nil {
		err = json.Unmarshal(r.Value, &e)
	}
	if err != nil {
		l.b.Errorf("an event that is none: %v", err)
		return nil
	}
	s := &sighting{id: id, window: e.Account + " " + e.Window.End, observed: r.Timestamp, arrived: now}
	l.events[id] = s
	if _, ok := l.windows[s.window]; !ok {
		l.windows[e.Account]++
		l.windows[s.window] = 0
	}
	return s
}

// since are the events whose attempts were shown first after from and before now. They have all arrived.
func (l *lived) since(from time.Time) (seen []*sighting) {
	l.b.Helper()
	until := time.Now()
	shown := shownAt(l.b, l.api)
	maps.DeleteFunc(shown, func(_ int64, at time.Time) bool { return !at.After(from) || at.After(until) })
	missing := 0
	program.Eventually(l.b, time.Minute, "all that was shown arrives", func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		missing = 0
		for id := range shown {
			if s := l.events[id]; s == nil || s.committed.IsZero() {
				missing++
			}
		}
		return missing == 0
	}, func() string { return fmt.Sprintf("%d are missing; %s", missing, l.worker.Tail()) })
	l.stop()
	for id, at := range shown {
		s := l.events[id]
		s.shown = at
		seen = append(seen, s)
	}
	return seen
}

// others is how many events of the backfill have arrived.
func (l *lived) others() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.other
}
