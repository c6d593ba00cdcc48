package schedule

import (
	"testing"
	"time"

	"attemptstream/internal/attempt"
)

// What fails in a look-back is not forgiven because the front, or another pass, was read meanwhile: it is split.
func TestPassesAreSplitWhileFrontsAreRead(t *testing.T) {
	s := settings()
	s.States = []attempt.State{attempt.Completed}
	now := start.Time().Add(2 * time.Hour)
	p := NewPlanner(s, &Checkpoint{States: map[attempt.State]*Coverage{
		attempt.Completed: {Start: start, Front: attempt.InstantOf(now.Add(-31 * time.Second)), Width: 3600},
	}}, now.Add(-time.Hour))
	const readable = 5 * time.Minute // by one answer
	failed := 0
	for end := now.Add(4 * time.Hour); now.Before(end); {
		r := p.Begin(now)
		if r == nil {
			now = now.Add(p.Wait(now))
			continue
		}
		span, _ := r.Next()
		switch {
		case span.Length() <= readable:
			r.Read(span, 1, now)
		case r.Kind == Front:
			t.Fatalf("the front is %s long: it has been kept waiting", span.Length())
		default:
			failed++
			now = now.Add(time.Minute) // in which the front has become due
			r.Failed(span, r.States, now)
		}
	}
	if last := p.checkpoint.States[attempt.Completed].LookedBack[0]; now.Sub(last.Time()) > time.Hour || failed == 0 {
		t.Errorf("the last hour was last read to its end at %s, now it is %s; %d tries failed", last, now, failed)
	}
}

// A state whose passes fail keeps no other state's from their turn, and no gap.
func TestFailingPassesTakeTurns(t *testing.T) {
	s := settings()
	now := start.Time().Add(5 * time.Hour)
	checkpoint := &Checkpoint{States: map[attempt.State]*Coverage{}}
	for _, state := range s.States {
		checkpoint.States[state] = &Coverage{Start: start, Front: attempt.InstantOf(now.Add(4 * time.Hour)), Width: 3600}
	}
	gap := Span{start.Add(time.Hour), start.Add(time.Hour + time.Second)}
	checkpoint.States[attempt.Expired].Gaps = []Span{gap}
	p := NewPlanner(s, checkpoint, now.Add(-4*time.Hour))
	for end := now.Add(2 * time.Hour); now.Before(end); now = now.Add(2 * time.Minute) { // longer than any back-off
		r := p.Begin(now)
		if r == nil {
			continue
		}
		span, _ := r.Next()
		if r.States[0] == attempt.Cancelled {
			r.Failed(span, r.States, now)
			continue
		}
		r.Read(span, 1, now)
	}
	for _, state := range []attempt.State{attempt.Completed, attempt.Expired} {
		if last := checkpoint.States[state].LookedBack[0]; now.Sub(last.Time()) > time.Hour {
			t.Errorf("%s was last looked back at %s, now it is %s", state, last, now)
		}
	}
	if len(checkpoint.States[attempt.Expired].Gaps) > 0 {
		t.Error("the gap was not read")
	}
}
