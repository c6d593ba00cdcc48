package worker_test

import (
	"cmp"
	"context"
	"slices"
	"testing"
	"time"

	"attemptstream/internal/attempt"
	"attemptstream/internal/imochasim"
	"attemptstream/internal/imochasim/ledger"
	"attemptstream/internal/kafkatx"
	"attemptstream/internal/operate/replay"
	"attemptstream/internal/state"
	"attemptstream/internal/topics"
)

// look reads what the state topic says of replays.
func (w *world) look() (*replay.Board, *kafkatx.Client) {
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
	return board, client
}

// ask asks for a replay, and answers its id.
func (w *world) ask(wish replay.Wish) (id string) {
	w.t.Helper()
	board, client := w.look()
	requests, err := board.Requests(wish, time.Now())
	if err == nil {
		err = board.Ask(w.t.Context(), client.Kafka(), requests...)
	}
	if err != nil {
		w.t.Fatal(err)
	}
	return requests[0].ID
}

// cancel asks for the end of a replay.
func (w *world) cancel(id string) {
	w.t.Helper()
	board, client := w.look()
	requests, err := board.Cancellation(id)
	if err == nil {
		err = board.Ask(w.t.Context(), client.Kafka(), requests...)
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

// replay is what the state topic says of a replay.
func (w *world) replay(id string) *replay.Replay {
	w.t.Helper()
	board, _ := w.look()
	all := board.Replays(id)
	if len(all) != 1 {
		w.t.Fatalf("replay %s: %d, want one", id, len(all))
	}
	return all[0]
}

// await waits until a replay is as it should be.
func (w *world) await(id, what string, good func(*replay.Replay) bool) *replay.Replay {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), patience)
	defer cancel()
	board, _ := w.look()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		if err := board.LookOn(ctx); err != nil {
			w.t.Fatal(err)
		}
		if r := board.Replays(id)[0]; good(r) {
			return r
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			w.t.Fatalf("waiting for %s: %+v", what, board.Replays(id)[0])
		}
	}
}

// A telling is an id with a status.
type telling struct {
	id     int64
	status attempt.Status
}

// done holds a replay to having told every attempt of its range once, among these events, and to saying so.
func (w *world) done(events []ledger.Observed, id string, from, to attempt.Instant, states ...attempt.State) {
	w.t.Helper()
	w.said(w.replay(id), state.Done, mustBeRetold(w.t, w.sim.Ledger(string(account)), events, id, from, to, states...))
}

func mustBeRetold(
	t testing.TB, entries []ledger.Entry, observed []ledger.Observed, id string, from, to attempt.Instant, states ...attempt.State,
) (told int) {
	t.Helper()
	problems, told, required := ledger.CheckReplay(entries, observed, id, from.Time(), to.Time(), states...)
	if required == 0 {
		t.Fatal("nothing had to be told again: the test shows nothing")
	}
	if len(problems) > 0 {
		t.Fatalf("%d problems with %d replayed events, %d required:\n%v", len(problems), told, required, problems[:min(len(problems), 20)])
	}
	return told
}

// ordered holds the events of a replay to the order in which things happened, where the replay told more than one status
// of an invitation and each was taken once.
func (w *world) ordered(events []ledger.Observed, id string) (compared int) {
	w.t.Helper()
	times := map[telling][]time.Time{}
	for _, e := range w.sim.Ledger(string(account)) {
		times[telling{e.ID, e.Status}] = append(times[telling{e.ID, e.Status}], e.At)
	}
	last := map[int64]ledger.Observed{}
	slices.SortStableFunc(events, func(a, b ledger.Observed) int {
		return cmp.Or(cmp.Compare(a.Partition, b.Partition), cmp.Compare(a.Offset, b.Offset))
	})
	for _, e := range events {
		if e.ReplayID != id {
			continue
		}
		before, again := last[e.ID]
		last[e.ID] = e
		if !again {
			continue
		}
		a, b := times[telling{e.ID, before.Status}], times[telling{e.ID, e.Status}]
		if len(a) != 1 || len(b) != 1 || attempt.InstantOf(a[0]) == attempt.InstantOf(b[0]) {
			continue
		}
		compared++
		if a[0].After(b[0]) {
			w.t.Errorf("%d was %s at %s, and is told after %s, at %s", e.ID, e.Status, b[0], before.Status, a[0])
		}
	}
	return compared
}

// said holds the replay's own counts to its events.
func (w *world) said(r *replay.Replay, status state.ReplayStatus, told int) {
	w.t.Helper()
	if r.Status() != status || int(r.Said.Told) != told {
		w.t.Errorf("replay %s is %s and says that it told %d events, %s; want %s and %d", r.ID, r.Status(), r.Said.Told, r.Said.Reason, status, told)
	}
}

// fewLives are enough for a replay that shows something.
func fewLives(seed uint64) imochasim.Lives {
	l := lives(seed)
	l.PerDay, l.BurstsPerDay = 700, 4
	return l
}
