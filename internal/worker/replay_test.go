package worker_test

import (
	"testing"
	"time"

	"attemptstream/internal/attempt"
	"attemptstream/internal/imochasim"
	"attemptstream/internal/operate/replay"
	"attemptstream/internal/state"
)

// A range is told again, each attempt once and in order, while what is new goes on; whatever ends of windows belong to
// them. Two replays have their turns one after the other, of different states and ranges that overlap.
func TestReplay(t *testing.T) {
	onBrokers(t, func(t *testing.T, brokers []string) {
		for i, b := range imochasim.Boundaries() {
			t.Run(b.String(), func(t *testing.T) {
				t.Parallel()
				w := newWorld(t, brokers, imochasim.Config{Boundary: b, Seed: uint64(i)}, day, day.Add(3*time.Hour))
				w.populate(lives(uint64(i)))
				end := w.schedule.Stop
				w.schedule.Stop = attempt.InstantOf(day.Add(2 * time.Hour))
				w.read()
				from, to := attempt.InstantOf(day.Add(30*time.Minute)), attempt.InstantOf(day.Add(100*time.Minute))
				first := w.ask(replay.Wish{From: from, To: to})
				second := w.ask(replay.Wish{From: from.Add(-20 * time.Minute), States: []attempt.State{attempt.Expired}})
				w.schedule.Stop = end
				p := w.read()
				w.verify(w.scope())
				w.agree(p)
				w.said(w.replay(first), state.Done, w.retold(first, from, to))
				w.said(w.replay(second), state.Done, w.retold(second, from.Add(-20*time.Minute), attempt.InstantOf(day.Add(2*time.Hour)), attempt.Expired))
				if w.ordered(first) == 0 {
					t.Error("no order was seen: the test shows little")
				}
				if a, b := w.replay(first).Said, w.replay(second).Said; b.StartedAt.Before(a.EndedAt) {
					t.Errorf("the second replay began at %s, before the first one ended at %s", b.StartedAt, a.EndedAt)
				}
				told := w.records()
				w.read()
				if again := w.records(); again != told {
					t.Errorf("%d records after another worker, %d before", again, told)
				}
			})
		}
	})
}
