package schedule

import (
	"slices"
	"testing"
	"time"

	"attemptstream/internal/attempt"
)

// parted is a checkpoint in which one state stands at start and the others are ahead by the given time.
func parted(behind attempt.State, ahead time.Duration) *Checkpoint {
	cp := NewCheckpoint("default")
	for _, state := range attempt.States() {
		front := start.Add(ahead)
		if state == behind {
			front = start
		}
		cp.States[state] = &Coverage{Start: start, Front: front, Width: 60}
	}
	return cp
}

// While everything is far behind, the state that is furthest behind is read first, until it has joined the others: the
// shorter states are apart, the less is told out of order.
func TestTheFurthestBehindCatchesUpFirst(t *testing.T) {
	now := start.Time().Add(24 * time.Hour)
	cp := parted(attempt.Expired, time.Hour)
	p := NewPlanner(settings(), cp, now)
	r := p.Begin(now)
	if !slices.Equal(r.States, []attempt.State{attempt.Expired}) || !r.Lagging {
		t.Fatalf("the first run is of %v, lagging %v; want expired alone", r.States, r.Lagging)
	}
	for s, ok := r.Next(); ok; s, ok = r.Next() {
		if r.Yields(now) {
			t.Fatal("it yields to states that have as much to read")
		}
		r.Read(s, 1, now)
	}
	if front := cp.States[attempt.Expired].Front; front != start.Add(time.Hour) {
		t.Fatalf("expired stands at %s, want where the others are", front)
	}
	if r = p.Begin(now); len(r.States) != len(attempt.States()) || r.Lagging {
		t.Errorf("then a run is of %v, lagging %v; want all of them together", r.States, r.Lagging)
	}
}

// A state with much to catch up with, such as one that was added, does not hold up the news of the others.
func TestNewsDoNotWaitForAStateThatCatchesUp(t *testing.T) {
	now := start.Time().Add(24*time.Hour + time.Minute)
	cp := parted(attempt.Expired, 24*time.Hour-30*time.Second)
	p := NewPlanner(settings(), cp, now)
	r := p.Begin(now)
	if slices.Contains(r.States, attempt.Expired) {
		t.Fatalf("the first run is of %v, want those with news", r.States)
	}
	for s, ok := r.Next(); ok; s, ok = r.Next() {
		r.Read(s, 1, now)
	}
	r = p.Begin(now)
	if !r.Lagging || r.Yields(now) {
		t.Fatalf("then lagging is %v, yields %v; want it to catch up", r.Lagging, r.Yields(now))
	}
	if !r.Yields(now.Add(settings().PollInterval)) {
		t.Error("it does not yield when there are news")
	}
}

// What was read and cannot be told is a gap like one that cannot be read: named, and read again.
func TestSkip(t *testing.T) {
	now := start.Time().Add(time.Hour)
	cp := NewCheckpoint("default")
	p := NewPlanner(settings(), cp, now)
	r := p.Begin(now)
	s, _ := r.Next()
	r.Skip(s, now)
	for state, c := range cp.States {
		if c.Front != s.Until || c.Through() != s.From || !slices.Equal(c.Gaps, []Span{s}) {
			t.Fatalf("%s: front %s, through %s, gaps %v; want %s as a gap", state, c.Front, c.Through(), c.Gaps, s)
		}
	}
	// The gaps have their turn when the fronts have nothing to do. One that is skipped again stays, for the next time.
	drive(t, p, newAPI(), now)
	now = now.Add(time.Hour)
	p = NewPlanner(settings(), cp, now)
	for _, state := range attempt.States() {
		cp.States[state].Front = attempt.InstantOf(now)
		cp.States[state].Gaps = []Span{s}
	}
	seen := 0
	for r := p.Begin(now); r != nil; r = p.Begin(now) {
		g, _ := r.Next()
		if r.Kind == Gap {
			seen++
			r.Skip(g, now)
			continue
		}
		r.Read(g, 0, now)
	}
	if seen != len(attempt.States()) {
		t.Errorf("%d gaps were read again at once, want one of each state, once", seen)
	}
	if gaps := cp.States[attempt.Completed].Gaps; !slices.Equal(gaps, []Span{s}) {
		t.Errorf("the gaps are %v, want %s still", gaps, s)
	}
}

// After a failure one span is tried, until it has been read.
func TestCautious(t *testing.T) {
	now := start.Time().Add(time.Hour)
	p := NewPlanner(settings(), NewCheckpoint("default"), now)
	r := p.Begin(now)
	if r.Cautious() {
		t.Error("it is cautious though nothing failed")
	}
	s, _ := r.Next()
	r.Failed(s, []attempt.State{attempt.Expired}, now)
	now = now.Add(time.Minute)
	r = p.Begin(now)
	if !r.Cautious() {
		t.Error("it is not cautious after a failure")
	}
	s, _ = r.Next()
	r.Read(s, 1, now)
	if r.Cautious() {
		t.Error("it is cautious still, though what failed has been read")
	}
}
