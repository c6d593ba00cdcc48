package worker_test

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"attemptstream/internal/attempt"
	"attemptstream/internal/imochasim/ledger"
	"attemptstream/internal/kafkatx"
	"attemptstream/internal/operate/replay"
	"attemptstream/internal/state"
	"attemptstream/internal/topics"
	"attemptstream/internal/witness"
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

// A demand is what a replay has to tell: what happened in its range, each once. What happened at its ends may be told.
type demand struct {
	must, may map[telling]bool
}

func demandOf(entries []ledger.Entry, from, to attempt.Instant, states ...attempt.State) demand {
	d := demand{map[telling]bool{}, map[telling]bool{}}
	if len(states) == 0 {
		states = attempt.States()
	}
	for _, e := range entries {
		if e.Class == ledger.Letter || !slices.Contains(states, e.State) {
			continue
		}
		t := telling{e.ID, e.Status}
		if !e.At.Before(from.Add(-attempt.Overlap).Time()) && !e.At.After(to.Add(attempt.Overlap).Time()) {
			d.may[t] = true
		}
		if !e.At.Before(from.Time()) && e.At.Before(to.Time()) && e.Class == ledger.Event && !e.Unsure {
			d.must[t] = true
		}
	}
	return d
}

// retold is what is wrong with the events of a replay.
func (d demand) retold(id string, events []ledger.Observed) (problems []string, told int) {
	seen := map[telling]int{}
	for _, e := range events {
		if e.ReplayID != id {
			continue
		}
		told++
		seen[telling{e.ID, e.Status}]++
		if first := ledger.FirstEventID(account, e.ID, e.Status); e.EventID != first {
			problems = append(problems, fmt.Sprintf("%s is replayed, want %s", e.EventID, first))
		}
	}
	for t, n := range seen {
		if n > 1 || !d.may[t] {
			problems = append(problems, fmt.Sprintf("%d %s is told %d times, may be told: %v", t.id, t.status, n, d.may[t]))
		}
	}
	for t := range d.must {
		if seen[t] == 0 {
			problems = append(problems, fmt.Sprintf("%d %s is missing", t.id, t.status))
		}
	}
	slices.Sort(problems)
	return problems, told
}

// retold holds the events of a replay to having told every attempt of the range once.
func (w *world) retold(id string, from, to attempt.Instant, states ...attempt.State) int {
	w.t.Helper()
	d := demandOf(w.sim.Ledger(string(account)), from, to, states...)
	problems, told := d.retold(id, witness.Events(w.t, w.brokers, w.topic, account))
	report(w.t, problems, told, len(d.must))
	return told
}

func report(t testing.TB, problems []string, told, must int) {
	t.Helper()
	if must == 0 {
		t.Fatal("nothing had to be told again: the test shows nothing")
	}
	if len(problems) > 0 {
		t.Fatalf("%d problems with %d replayed events, %d required:\n%v", len(problems), told, must, problems[:min(len(problems), 20)])
	}
}

// ordered holds the events of a replay to the order in which things happened, where the replay told more than one status
// of an invitation and each was taken once.
func (w *world) ordered(id string) (compared int) {
	w.t.Helper()
	times := map[telling][]time.Time{}
	for _, e := range w.sim.Ledger(string(account)) {
		times[telling{e.ID, e.Status}] = append(times[telling{e.ID, e.Status}], e.At)
	}
	last := map[int64]ledger.Observed{}
	events := witness.Events(w.t, w.brokers, w.topic, account)
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
