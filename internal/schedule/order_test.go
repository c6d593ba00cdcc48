package schedule

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"attemptstream/internal/attempt"
)

// covered is a checkpoint of which everything from start on has been read up to a time, and a planner for it that has
// nothing else to do.
func covered(now time.Time, ahead time.Duration) (*Checkpoint, *Planner) {
	cp := NewCheckpoint("default")
	s := settings()
	s.Lookback = 0
	for _, state := range attempt.States() {
		cp.States[state] = &Coverage{Start: start, Front: start.Add(ahead), Width: 60}
	}
	return cp, NewPlanner(s, cp, now)
}

// Whatever fails and whatever is in gaps, an order ends, shows every second that can be read for each of its states, and
// counts the others.
func TestOrderShowsWhatCanBeRead(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const ahead = time.Hour
		now := start.Time().Add(ahead)
		cp, p := covered(now, ahead)
		a := newAPI()
		states := rapid.SampledFrom([][]attempt.State{attempt.States(), {attempt.Completed}, {attempt.Completed, attempt.Cancelled}}).Draw(t, "states")
		for i := rapid.IntRange(0, 5).Draw(t, "gaps"); i > 0; i-- {
			c := cp.States[rapid.SampledFrom(attempt.States()).Draw(t, "state")]
			from := start.Add(time.Duration(rapid.IntRange(0, 3000).Draw(t, "from")) * time.Second)
			c.Gaps = join(c.Gaps, Span{from, from.Add(time.Duration(rapid.IntRange(1, 400).Draw(t, "length")) * time.Second)})
		}
		for i := rapid.IntRange(0, 4).Draw(t, "poisoned"); i > 0; i-- {
			a.poisoned[rapid.SampledFrom(states).Draw(t, "state")][start+attempt.Instant(rapid.IntRange(1, 3500).Draw(t, "second"))] = true
		}
		p.passes = nil // gaps are not tried again
		from := start.Add(time.Duration(rapid.IntRange(0, 1800).Draw(t, "begin")) * time.Second)
		o := &Order{States: slices.Clone(states), Span: Span{from, start.Add(ahead - time.Duration(rapid.IntRange(0, 1700).Draw(t, "end"))*time.Second)}, Position: from}
		p.Take(o)
		shown := map[attempt.State]map[attempt.Instant]int{}
		for _, state := range states {
			shown[state] = map[attempt.Instant]int{}
		}
		show := func(states []attempt.State, s Span) {
			for _, state := range states {
				if missing, _ := cp.States[state].missing(s.From, s.Until); missing {
					t.Fatalf("%s of %s is read, and lies in a gap", s, state)
				}
				for i := s.From; i < s.Until; i++ {
					shown[state][i]++
				}
			}
		}
		for steps := 0; !o.Done(); steps++ {
			if steps > 20_000 {
				t.Fatalf("the order stands at %s", o.Position)
			}
			r := p.Begin(now)
			if r == nil {
				now = now.Add(p.Wait(now))
				continue
			}
			if r.Kind != Replay { // the fronts go on as time passes
				for s, ok := r.Next(); ok; s, ok = r.Next() {
					r.Read(s, 1, now)
				}
				continue
			}
			s, ok := r.Next()
			if !ok || s.From != o.Position {
				t.Fatalf("the next span is %s, the order stands at %s", s, o.Position)
			}
			var good, bad []attempt.State
			for _, state := range r.States {
				if a.ask(state, s) {
					good = append(good, state)
				} else {
					bad = append(bad, state)
				}
			}
			switch {
			case len(bad) == 0:
				show(good, s)
				r.Read(s, rapid.IntRange(0, 120).Draw(t, "entries"), now)
			case r.Failed(s, bad, now) == Probe:
				for _, state := range bad {
					if !a.ask(state, r.Probe(state, s)) {
						t.Fatalf("the probe of %s fails", state)
					}
				}
				show(good, s)
				r.Part(good).Read(s, 1, now)
			}
		}
		var gaps, unreadable int64
		for _, state := range states {
			for i := o.Span.From; i < o.Span.Until; i++ {
				missing, _ := cp.States[state].missing(i, o.Span.Until)
				readable := a.ask(state, Span{i, i + 1})
				switch n := shown[state][i]; {
				case n > 1 || n == 1 && missing:
					t.Fatalf("%s of %s is read %d times; in a gap: %v", i, state, n, missing)
				case missing:
					gaps++
				case n == 0 && readable:
					t.Fatalf("%s of %s is passed over, and can be read", i, state)
				case n == 0:
					unreadable++
				}
			}
		}
		if o.Position != o.Span.Until || o.Skipped != (Skipped{gaps, unreadable}) {
			t.Fatalf("it ends at %s of %s with %+v, want %d seconds of gaps and %d unreadable", o.Position, o.Span, o.Skipped, gaps, unreadable)
		}
	})
}

// An order waits for fronts and passes, stands back for them, and is held with the rest of the account.
func TestOrderComesLast(t *testing.T) {
	now := start.Time().Add(time.Hour)
	_, p := covered(now, time.Hour)
	p.settings.Phase = 20 * time.Second
	o := &Order{States: attempt.States(), Span: Span{start, start.Add(30 * time.Minute)}, Position: start}
	p.Take(o)
	if due := p.FrontDue(); !due.Equal(now.Add(time.Minute)) {
		t.Errorf("a front is due at %s, want %s", due, now.Add(time.Minute))
	}
	r := p.Begin(now)
	if r.Kind == Gap { // there are none, so they are done at once
		t.Fatal("a gap is due")
	}
	if r.Kind != Replay || r.Yields(now) {
		t.Fatalf("the run is a %s, yields %v; want a replay that has time", r.Kind, r.Yields(now))
	}
	if later := now.Add(time.Minute); !r.Yields(later) || p.Begin(later).Kind != Front {
		t.Error("it does not stand back when a front is due")
	}
	p.Postpone(now.Add(10 * time.Second))
	if p.Begin(now.Add(9*time.Second)) != nil {
		t.Error("it goes on while nothing may be asked for")
	}
	if wait := p.Wait(now); wait != 10*time.Second {
		t.Errorf("wait is %s, want 10s", wait)
	}
	p.Take(nil)
	if r := p.Begin(now.Add(10 * time.Second)); r != nil {
		t.Errorf("after its end there is a %s", r.Kind)
	}
}

// While the API is down for a state, an order waits where it is, and goes on afterwards without having passed over anything.
func TestOrderWaitsForTheAPI(t *testing.T) {
	now := start.Time().Add(time.Hour)
	_, p := covered(now, 40*time.Hour)
	o := &Order{States: []attempt.State{attempt.Completed}, Span: Span{start, start.Add(10 * time.Minute)}, Position: start}
	p.Take(o)
	failed := 0
	for end := now.Add(20 * time.Minute); now.Before(end); {
		r := p.Begin(now)
		if r == nil {
			now = now.Add(p.Wait(now))
			continue
		}
		s, _ := r.Next()
		failed++
		if r.Failed(s, r.States, now) == Probe {
			r.Probed(s, nil)
		}
	}
	if o.Position != start || failed > 100 {
		t.Errorf("the order stands at %s after %d failures", o.Position, failed)
	}
	for end := now.Add(20 * time.Minute); now.Before(end) && !o.Done(); {
		r := p.Begin(now)
		if r == nil {
			now = now.Add(p.Wait(now))
			continue
		}
		s, _ := r.Next()
		r.Read(s, 1, now)
	}
	if !o.Done() || o.Skipped != (Skipped{}) {
		t.Errorf("in the end it stands at %s, having skipped %+v", o.Position, o.Skipped)
	}
}
