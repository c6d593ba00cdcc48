//go:build unix

package chaos_test

import (
	"context"
	"encoding/json"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"attemptstream/internal/attempt"
	"attemptstream/internal/imochasim"
	"attemptstream/internal/imochasim/ledger"
	"attemptstream/internal/kafkatest"
	"attemptstream/internal/kafkatx"
	"attemptstream/internal/operate/replay"
	"attemptstream/internal/topics"
	"attemptstream/internal/witness"
)

// A history is told again while the worker is killed again and again, and while it follows what happens: each attempt once,
// and what is new is not kept waiting. With ATTEMPTSTREAM_CHAOS=10 it is 100,000 attempts and 10 kills.
func TestReplayKills(t *testing.T) {
	t.Parallel()
	n := scale(t)
	kills := max(3, n)
	const poll, settle = 2 * time.Second, time.Second
	w := newWorld(t, kafkatest.Shared(t).Addrs(), imochasim.Config{Boundary: imochasim.ExclusiveStart, Seed: 11,
		Latency: imochasim.Latency{Fixed: 5 * time.Millisecond, Random: 20 * time.Millisecond}}, imochasim.Lives{}, 0)
	now := time.Now().Truncate(time.Second)
	w.from, w.to = now.Add(-time.Duration(n)*190*time.Minute), now.Add(15*time.Minute)
	l := lives(11, 10_000)
	l.Quick, l.ComeBacks = 0, 0 // which take more than one look, and so longer, with a replay or without
	if err := w.sim.Populate(string(account), l, w.from, w.to); err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{
		"STREAM_START_AT": w.from.Format(time.RFC3339), "STREAM_POLL_INTERVAL": poll.String(), "STREAM_SETTLE_DELAY": settle.String(),
		"STREAM_LOOKBACK": "0", "IMOCHA_RATE_LIMIT": "1000", "STREAM_WINDOW_ATTEMPTS": "50",
	} {
		w.set[name] = value
	}
	w.start("run", "--once").wait(0, patience)
	w.set["IMOCHA_RATE_LIMIT"] = "100" // so that the replay takes a while: it has half of that
	p := w.start("run")
	p.says("account taken over")

	arrivals := w.listen()
	from, to := w.from.Add(time.Second), now.Add(-time.Minute)
	command := w.start("replay", "--from", from.Format(time.RFC3339), "--to", to.Format(time.RFC3339), "--output", "json")
	command.says("replay requested")
	asked := time.Now()
	board := w.board()
	share := func() float64 {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		if err := board.LookOn(ctx); err != nil {
			t.Fatal(err)
		}
		share, _ := replay.Share(board.Replays(""))
		return share
	}
	type harm struct{ from, to time.Time }
	var harms []harm
	for k := range kills {
		eventually(t, "the replay goes on", func() bool { return share() > float64(k)/float64(kills+1) }, p.Tail)
		h := harm{from: time.Now()}
		if !p.Kill() {
			t.Fatalf("the worker ended by itself:\n%s", p.Tail())
		}
		if s := share(); s >= 1 {
			t.Fatalf("the replay was over after %d kills", k+1)
		}
		p = w.start("run")
		p.says("account taken over")
		h.to = time.Now().Add(poll) // by then it has seen what happened meanwhile
		harms = append(harms, h)
	}
	command.wait(0, 10*patience)
	took := time.Since(asked)
	w.to = time.Now()
	eventually(t, "something is told that happened later", func() bool {
		return slices.ContainsFunc(w.sim.Ledger(string(account)), func(e ledger.Entry) bool {
			_, told := arrivals.of(e.ID, e.Status)
			return told && e.At.After(w.to.Add(time.Second))
		})
	}, p.Tail)
	p.Signal(syscall.SIGTERM)
	p.wait(0, stopTime)

	required, found := w.verify()
	id := board.Replays("")[0].ID
	problems, told, must := ledger.CheckReplay(w.sim.Ledger(string(account)), witness.Events(t, w.brokers, w.topic, account), id, from, to)
	if len(problems) > 0 {
		t.Errorf("%d problems with %d replayed events, %d required, the first: %v", len(problems), told, must, problems[:min(len(problems), 20)])
	}
	// Delays of what happened while a worker was at work all the time.
	const limit = poll + settle + 2*time.Second
	var longest, ever time.Duration
	live := 0
	for _, e := range w.sim.Ledger(string(account)) {
		at, ok := arrivals.of(e.ID, e.Status)
		if !ok || e.At.Before(asked) || e.At.After(asked.Add(took)) {
			continue
		}
		ever = max(ever, at.Sub(e.At))
		disturbed := false
		for _, h := range harms {
			disturbed = disturbed || e.At.After(h.from.Add(-limit)) && e.At.Before(h.to)
		}
		if !disturbed {
			live++
			longest = max(longest, at.Sub(e.At))
		}
	}
	t.Logf("%d attempts told again in %s with %d kills, none missing, none twice; %d events in all, %d required; the longest delay "+
		"of %d live events meanwhile was %s, of those around kills %s", told, took.Round(time.Second), kills, found, required,
		live, longest.Round(time.Millisecond), ever.Round(time.Millisecond))
	if must < 10_000*n {
		t.Errorf("%d attempts had to be told again: want %d at least", must, 10_000*n)
	}
	if n > 1 && (longest > limit || live == 0) { // the short form shares the machine with other tests
		t.Errorf("live events came up to %s late, want %s at most", longest, limit)
	}
}

// board is what the state topic says of replays.
func (w *world) board() *replay.Board {
	w.t.Helper()
	client := kafkatx.NewClient(kafkatx.Config{Brokers: w.brokers})
	w.t.Cleanup(client.Close)
	layout, err := topics.Find(w.t.Context(), client.Kafka(), w.topic)
	if err != nil {
		w.t.Fatal(err)
	}
	board, err := replay.Look(w.t.Context(), client, layout, "")
	if err != nil {
		w.t.Fatal(err)
	}
	return board
}

// Arrivals are when events that are not replayed could be read.
type arrivals struct {
	mu sync.Mutex
	at map[told]time.Time
}

type told struct {
	id     int64
	status attempt.Status
}

func (a *arrivals) of(id int64, status attempt.Status) (time.Time, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	at, ok := a.at[told{id, status}]
	return at, ok
}

// listen notes from now on when events arrive.
func (w *world) listen() *arrivals {
	w.t.Helper()
	a := &arrivals{at: map[told]time.Time{}}
	client, err := kgo.NewClient(kgo.SeedBrokers(w.brokers...), kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.ConsumeTopics(w.topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtEnd()), kgo.FetchMaxWait(100*time.Millisecond))
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			fetches := client.PollFetches(ctx)
			now := time.Now()
			a.mu.Lock()
			fetches.EachRecord(func(r *kgo.Record) {
				var e struct {
					Attempt struct {
						TestInvitationID int64
						TestStatus       attempt.Status
					}
					Replay *struct{}
				}
				if json.Unmarshal(r.Value, &e) == nil && e.Replay == nil {
					a.at[told{e.Attempt.TestInvitationID, e.Attempt.TestStatus}] = now
				}
			})
			a.mu.Unlock()
		}
	}()
	w.t.Cleanup(func() { cancel(); <-done; client.Close() })
	return a
}
