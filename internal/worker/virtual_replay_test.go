package worker_test

import (
	"context"
	"encoding/json"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"

	"attemptstream/internal/attempt"
	"attemptstream/internal/imochasim"
	"attemptstream/internal/kafkatx"
	"attemptstream/internal/operate/replay"
	"attemptstream/internal/state"
	"attemptstream/internal/worker"
)

// A stopwatch reads events as soon as they are committed, and notes when that was.
type stopwatch struct {
	w      *virtualWorld
	client *kafkatx.Client

	mu   sync.Mutex
	next []int64
	seen map[telling]time.Time // when what is not replayed could be seen for the first time
	late int
}

func newStopwatch(w *virtualWorld) *stopwatch {
	return &stopwatch{w: w, client: w.kafkaClient(nil), next: make([]int64, w.layout.Events.Partitions), seen: map[telling]time.Time{}}
}

func (s *stopwatch) use(c *worker.Config) {
	c.Committed = func(worker.Commit) { s.read() }
	c.RequestInterval = 2 * time.Second
}

func (s *stopwatch) read() {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	for p := range s.next {
		next, err := s.client.ReadCommitted(s.w.Context(), s.w.layout.Events.Name, p, s.next[p], func(r kafkatx.Record) error {
			var e struct {
				Late    bool
				Replay  *struct{}
				Attempt struct {
					TestInvitationID int64
					TestStatus       attempt.Status
				}
			}
			if err := json.Unmarshal(r.Value, &e); err != nil || e.Replay != nil {
				return err
			}
			if e.Late {
				s.late++
			}
			s.seen[telling{e.Attempt.TestInvitationID, e.Attempt.TestStatus}] = now
			return nil
		})
		if err != nil {
			s.w.Error(err)
		}
		s.next[p] = next
	}
}

// longest is the longest delay of what happened between two times, of some states or of all if none is given, and how many
// events that were.
func (s *stopwatch) longest(from, to time.Time, states ...attempt.State) (longest time.Duration, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.w.sim.Ledger(string(account)) {
		if at, ok := s.seen[telling{e.ID, e.Status}]; ok && e.At.After(from) && e.At.Before(to) && (states == nil || slices.Contains(states, e.State)) {
			n++
			longest = max(longest, at.Sub(e.At))
		}
	}
	return longest, n
}

// longestLive is longest without what became visible only later than it happened.
func (s *stopwatch) longestLive(from, to time.Time) (longest time.Duration, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.w.sim.Ledger(string(account)) {
		if at, ok := s.seen[telling{e.ID, e.Status}]; ok && e.At.After(from) && e.At.Before(to) && e.Visible.Equal(e.At) {
			n++
			longest = max(longest, at.Sub(e.At))
		}
	}
	return longest, n
}

// ask asks for a replay, as the command does.
func (w *virtualWorld) ask(wish replay.Wish) (id string) {
	w.Helper()
	client := w.kafkaClient(nil)
	defer client.Close()
	board, err := replay.Look(w.Context(), client, w.layout, "")
	if err != nil {
		w.Fatal(err)
	}
	requests, err := board.Requests(wish, time.Now())
	if err == nil {
		err = board.Ask(w.Context(), client.Kafka(), requests...)
	}
	if err != nil {
		w.Fatal(err)
	}
	return requests[0].ID
}

// wait waits until a replay has ended.
func (w *virtualWorld) wait(id string) *replay.Replay {
	w.Helper()
	client := w.kafkaClient(nil)
	defer client.Close()
	ctx, cancel := context.WithTimeout(w.Context(), 24*time.Hour)
	defer cancel()
	board, err := replay.Look(ctx, client, w.layout, "")
	if err != nil {
		w.Fatal(err)
	}
	replays, err := board.Follow(ctx, id, func([]*replay.Replay) {})
	if err != nil {
		w.Fatalf("%v: %+v", err, replays[0])
	}
	return replays[0]
}

// What is new keeps flowing while a long range is told again from an API that takes its time: nothing of it is later than
// the poll interval, the settle delay and two seconds.
func TestVirtualReplayBesideLiveEvents(t *testing.T) {
	sim := imochasim.Config{Seed: 3, Latency: imochasim.Latency{Fixed: 50 * time.Millisecond, Random: 800 * time.Millisecond}}
	inVirtualTime(t, sim, func(w *virtualWorld) {
		lives := quietLives(3)
		lives.PerDay, lives.Quick, lives.ComeBacks = 1000, 0, 0
		w.populate(account, lives, 4*time.Hour)
		w.schedule.WindowAttempts = 12
		w.kafka = w.slowKafka(3)
		watch := newStopwatch(w)
		defer watch.client.Close()
		p := w.start(watch.use)
		time.Sleep(w.until(3 * time.Hour))
		asked := time.Now()
		from, to := attempt.InstantOf(w.began), attempt.InstantOf(w.began.Add(170*time.Minute))
		id := w.ask(replay.Wish{From: from, To: to})
		r := w.wait(id)
		ended := time.Now()
		time.Sleep(5 * time.Minute)
		p.stop()
		w.verify(account, w.scope(p.progressOf(account), time.Now()))
		told := mustBeRetold(t, w.sim.Ledger(string(account)), w.observed(account), id, from, to)
		alone, n := watch.longest(w.began.Add(time.Minute), asked.Add(-2*time.Minute))
		beside, m := watch.longest(asked, ended.Add(-time.Minute))
		t.Logf("%d events told again in %s, at the request's position %s after it was made; the longest delay of %d live events was %s, before it %s of %d",
			told, ended.Sub(asked), r.Said.StartedAt.Sub(asked), m, beside, alone, n)
		if limit := w.schedule.PollInterval + w.schedule.SettleDelay + 2*time.Second; beside > limit || m < 10 || ended.Sub(asked) < 3*w.schedule.PollInterval {
			t.Errorf("the longest delay of %d live events was %s, want at most %s; the replay took %s", m, beside, limit, ended.Sub(asked))
		}
		if r.Status() != state.Done || watch.late > 0 {
			t.Errorf("the replay is %s, %d live events are late", r.Status(), watch.late)
		}
	})
}

// Gaps are passed over and counted, and so are seconds that cannot be read any more, while the rest is told. What is in the
// gaps is told when it can be read, as ever.
func TestVirtualReplayPassesOver(t *testing.T) {
	inVirtualTime(t, imochasim.Config{Seed: 6, Latency: imochasim.Latency{Fixed: 50 * time.Millisecond}}, func(w *virtualWorld) {
		lives := quietLives(6)
		lives.PerDay = 1000
		w.populate(account, lives, 2*time.Hour)
		gap, gone := w.began.Add(20*time.Minute), w.began.Add(40*time.Minute)
		poison := func(seconds ...imochasim.Poisoned) {
			t.Helper()
			if err := w.sim.SetFaults(imochasim.Faults{Poisoned: seconds}); err != nil {
				t.Fatal(err)
			}
		}
		inGap := imochasim.Poisoned{State: attempt.Completed, Second: attempt.InstantOf(gap)}
		for _, second := range []time.Time{gap, gone} {
			if err := w.sim.Add(string(account), imochasim.Change{ID: second.Unix(), Status: "Completed", At: second.Add(time.Millisecond)}); err != nil {
				t.Fatal(err)
			}
		}
		poison(inGap)
		p := w.start()
		time.Sleep(w.until(3 * time.Hour))
		poison(inGap, imochasim.Poisoned{State: attempt.Completed, Second: attempt.InstantOf(gone)})
		from, to := attempt.InstantOf(w.began), attempt.InstantOf(w.began.Add(2*time.Hour))
		r := w.wait(w.ask(replay.Wish{From: from, To: to}))
		const most = 3 // seconds around a poisoned one that no window shows without it
		if r.Status() != state.Done || r.Said.Complete() || r.Said.Gaps < 1 || r.Said.Gaps > most || r.Said.Unreadable < 1 || r.Said.Unreadable > most {
			t.Errorf("the replay says %+v", r.Said)
		}
		entries := w.sim.Ledger(string(account))
		for i := range entries {
			e := &entries[i]
			if e.State == attempt.Completed && (e.At.Sub(gap).Abs() <= most*time.Second || e.At.Sub(gone).Abs() <= most*time.Second) {
				e.Unsure = true
			}
		}
		told := mustBeRetold(t, entries, w.observed(account), r.ID, from, to)
		if int(r.Said.Told) != told {
			t.Errorf("the replay says that it told %d, and told %d", r.Said.Told, told)
		}
		poison()
		time.Sleep(30 * time.Minute)
		p.stop()
		scope := w.scope(p.progressOf(account), time.Now())
		scope.Gaps = true
		w.verify(account, scope)
	})
}

// What takes longer than the time between two polls is not given up for every poll, or the replay would never end; and what
// is new does not wait for it.
func TestVirtualReplayOutlastsPolls(t *testing.T) {
	inVirtualTime(t, imochasim.Config{Seed: 8, Latency: imochasim.Latency{Fixed: 50 * time.Millisecond}}, func(w *virtualWorld) {
		lives := quietLives(8)
		lives.PerDay, lives.Quick, lives.ComeBacks = 600, 0, 0
		w.populate(account, lives, 4*time.Hour)
		w.schedule.Lookback = 0 // which would read the same time, and waits for its answers
		w.kafka = w.slowKafka(8)
		watch := newStopwatch(w)
		defer watch.client.Close()
		p := w.start(watch.use)
		time.Sleep(w.until(2 * time.Hour))
		stuck := attempt.InstantOf(w.began.Add(30 * time.Minute))
		err := w.sim.SetFaults(imochasim.Faults{HangFor: time.Minute, Script: func(_ int, r imochasim.Request) imochasim.Fault {
			if r.State == attempt.Expired && r.Start < stuck && stuck < r.End {
				return imochasim.Fault{Kind: imochasim.Hang} // for longer than the client's patience, which is a poll interval
			}
			return imochasim.Fault{}
		}})
		if err != nil {
			t.Fatal(err)
		}
		asked := time.Now()
		from, to := attempt.InstantOf(w.began), attempt.InstantOf(w.began.Add(time.Hour))
		r := w.wait(w.ask(replay.Wish{From: from, To: to}))
		ended := time.Now()
		p.stop()
		if r.Status() != state.Done || r.Said.Gaps != 0 || r.Said.Unreadable < 1 || r.Said.Unreadable > 3 {
			t.Errorf("the replay says %+v", r.Said)
		}
		entries := w.sim.Ledger(string(account))
		for i := range entries {
			if e := &entries[i]; e.State == attempt.Expired && e.At.Sub(stuck.Time()).Abs() <= 3*time.Second {
				e.Unsure = true
			}
		}
		told := mustBeRetold(t, entries, w.observed(account), r.ID, from, to)
		beside, n := watch.longest(asked, ended.Add(-2*time.Minute))
		t.Logf("%d told again in %s; the longest delay of %d live events was %s", told, ended.Sub(asked), n, beside)
		if limit := w.schedule.PollInterval + w.schedule.SettleDelay + 2*time.Second; beside > limit || n < 100 {
			t.Errorf("the longest delay of %d live events was %s, want at most %s", n, beside, limit)
		}
	})
}

// slowKafka is a way to Kafka that takes some time.
func (w *virtualWorld) slowKafka(seed uint64) func(kafka.RoundTripper) kafka.RoundTripper {
	return func(t kafka.RoundTripper) kafka.RoundTripper {
		return &weakLink{RoundTripper: t, latency: 30 * time.Millisecond, random: rand.New(rand.NewPCG(seed, 0)), fuse: -1,
			away: func(time.Time) bool { return false }}
	}
}
