package schedule

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"attemptstream/internal/attempt"
)

const start attempt.Instant = 1_700_000_000

func settings() Settings {
	return Settings{
		States: attempt.States(), Start: start, PollInterval: 30 * time.Second, SettleDelay: 30 * time.Second,
		Lookback: 4 * time.Hour, LookbackInterval: 10 * time.Minute, WindowMax: time.Hour, WindowAttempts: 100,
	}
}

// An API in a few lines: per second and state, is it readable, and is it up at all?
type api struct {
	poisoned map[attempt.State]map[attempt.Instant]bool
	down     map[attempt.State]bool
	// shown are the instants that an answer certainly showed, under the worst of the boundary modes.
	shown map[attempt.State]map[attempt.Instant]bool
}

func newAPI() *api {
	a := &api{poisoned: map[attempt.State]map[attempt.Instant]bool{}, down: map[attempt.State]bool{},
		shown: map[attempt.State]map[attempt.Instant]bool{}}
	for _, s := range attempt.States() {
		a.poisoned[s], a.shown[s] = map[attempt.Instant]bool{}, map[attempt.Instant]bool{}
	}
	return a
}

// ask reads the window of s with both ends exclusive.
func (a *api) ask(state attempt.State, s Span) bool {
	w := s.Window()
	for t := range a.poisoned[state] {
		if w.Start < t && t < w.End {
			return false
		}
	}
	return !a.down[state]
}

func (a *api) show(kind Kind, state attempt.State, s Span) {
	if kind == LookBack {
		return // it was shown before, or a test fails
	}
	w := s.Window()
	for t := w.Start + 1; t < w.End; t++ {
		a.shown[state][t] = true
	}
}

// drive does what the planner says until nothing is due, and answers how many runs that took.
func drive(t interface{ Fatalf(string, ...any) }, p *Planner, a *api, now time.Time) (runs int) {
	for ; runs < 100_000; runs++ {
		r := p.Begin(now)
		if r == nil {
			return runs
		}
		for s, ok := r.Next(); ok; s, ok = r.Next() {
			var good, bad []attempt.State
			for _, state := range r.States {
				if a.ask(state, s) {
					good = append(good, state)
				} else {
					bad = append(bad, state)
				}
			}
			if len(bad) == 0 {
				r.Read(s, 1, now)
				for _, state := range good {
					a.show(r.Kind, state, s)
				}
				continue
			}
			switch r.Failed(s, bad, now) {
			case Part:
				r.Part(good).Read(s, 1, now)
				for _, state := range good {
					a.show(r.Kind, state, s)
				}
			case Probe:
				var answered []attempt.State
				for _, state := range bad {
					if a.ask(state, r.Probe(state, s)) {
						answered = append(answered, state)
					}
				}
				r.Probed(s, answered)
			}
			break
		}
	}
	t.Fatalf("still at work after %d runs", runs)
	return runs
}

// Whatever fails, what counts as covered was shown, and what works is covered in the end.
func TestCoverageIsWhatWasShown(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := newAPI()
		cp := NewCheckpoint("default")
		now := start.Time().Add(time.Duration(rapid.IntRange(60, 7200).Draw(t, "age")) * time.Second)
		end := attempt.InstantOf(now)
		for i := rapid.IntRange(0, 6).Draw(t, "poisoned"); i > 0; i-- {
			state := rapid.SampledFrom(attempt.States()).Draw(t, "state")
			from := attempt.Instant(rapid.Int64Range(int64(start), int64(end)).Draw(t, "second"))
			for k := rapid.Int64Range(1, 5).Draw(t, "seconds"); k > 0; k-- {
				a.poisoned[state][from+attempt.Instant(k)-1] = true
			}
		}
		if rapid.Bool().Draw(t, "outage") {
			a.down[rapid.SampledFrom(attempt.States()).Draw(t, "down")] = true
		}
		p := NewPlanner(settings(), cp, now)
		steps := 0
		step := func() {
			for range 12 {
				drive(t, p, a, now)
				now = now.Add(5 * time.Second)
			}
			for state, c := range cp.States {
				for i := c.Start; i < c.Front; i++ {
					if !inGap(c, i) && !a.shown[state][i] {
						t.Fatalf("%s: %s counts as covered and was never shown", state, i)
					}
				}
			}
			if steps++; steps%20 != 0 {
				return
			}
			// A restart must not change anything: only the checkpoint survives.
			data, err := cp.Encode()
			if err != nil {
				t.Fatal(err)
			}
			if cp, err = DecodeCheckpoint(data); err != nil {
				t.Fatal(err)
			}
			p = NewPlanner(settings(), cp, now)
		}
		for range 5 {
			step()
		}
		a.down = map[attempt.State]bool{}
		for range 120 {
			step()
		}
		for state, c := range cp.States {
			for i := c.Start; i < c.Front; i++ {
				if inGap(c, i) != a.poisoned[state][i] {
					t.Fatalf("%s: %s in a gap: %v, unreadable: %v", state, i, inGap(c, i), a.poisoned[state][i])
				}
			}
			if behind := now.Sub(c.Front.Time()); behind > 10*time.Minute {
				t.Fatalf("%s: front is %v behind", state, behind)
			}
		}
	})
}

func inGap(c *Coverage, i attempt.Instant) bool {
	for _, g := range c.Gaps {
		if g.From <= i && i < g.Until {
			return true
		}
	}
	return false
}

// One state whose endpoint is down does not hold up the others, gets no gap, and joins them when it is back.
func TestStateThatIsDownGoesOnItsOwn(t *testing.T) {
	a, cp, now := newAPI(), NewCheckpoint("default"), start.Time().Add(time.Hour)
	a.down[attempt.Expired] = true
	p := NewPlanner(settings(), cp, now)
	for range 30 {
		drive(t, p, a, now)
		now = now.Add(time.Minute)
	}
	if c := cp.States[attempt.Expired]; c.Front != start || len(c.Gaps) != 0 {
		t.Fatalf("expired stands at %s with gaps %v, want %s and none", c.Front, c.Gaps, start)
	}
	if front := cp.States[attempt.Completed].Front; now.Sub(front.Time()) > 3*time.Minute {
		t.Fatalf("completed stands at %s, it is %s", front, now)
	}
	a.down[attempt.Expired] = false
	for range 3 {
		now = now.Add(time.Minute)
		drive(t, p, a, now)
	}
	if e, c := cp.States[attempt.Expired].Front, cp.States[attempt.Completed].Front; e != c {
		t.Fatalf("expired stands at %s, completed at %s", e, c)
	}
}

func TestWindowsStayUnderTheAim(t *testing.T) {
	cp, now := NewCheckpoint("default"), start.Time().Add(24*time.Hour)
	p := NewPlanner(settings(), cp, now)
	density := func(i attempt.Instant) int { // per second: an hour of quiet, an hour of two a second
		return 2 * int((i-start)/3600%2)
	}
	longest, windows := 0, 0
	for r := p.Begin(now); r != nil && r.Kind == Front; r = p.Begin(now) {
		for s, ok := r.Next(); ok; s, ok = r.Next() {
			n := 0
			for i := s.From; i < s.Until; i++ {
				n += density(i)
			}
			if n > 1000 && !s.Smallest() {
				r.Narrow(s)
				break
			}
			windows++
			r.Read(s, n, now)
			if s.From > start+2*3600 {
				longest = max(longest, n)
			}
		}
	}
	if longest > 1000 || windows > 5000 {
		t.Fatalf("longest answer %d, %d windows", longest, windows)
	}
}

// Failures that hit one state now and another then are no reason to part them: only a row of failures is.
func TestScatteredFailuresDoNotPartStates(t *testing.T) {
	now := start.Time().Add(time.Hour)
	p := NewPlanner(settings(), NewCheckpoint("default"), now)
	for i := range 30 {
		now = now.Add(2 * time.Minute) // beyond every back-off
		r := p.Begin(now)
		s, ok := r.Next()
		if !ok || len(r.States) != len(attempt.States()) {
			t.Fatalf("try %d: states %v, want all of them", i, r.States)
		}
		if v := r.Failed(s, []attempt.State{attempt.States()[i%2]}, now); v != Again {
			t.Fatalf("try %d: verdict %d, want to try again", i, v)
		}
	}
}

// Postpone holds back everything, whatever is due; Wait says for how long.
func TestPostpone(t *testing.T) {
	now := start.Time().Add(time.Hour)
	p := NewPlanner(settings(), NewCheckpoint("default"), now)
	p.Postpone(now.Add(10 * time.Second))
	if p.Begin(now) != nil || p.Begin(now.Add(9*time.Second)) != nil {
		t.Error("there is work while everything is postponed")
	}
	if wait := p.Wait(now); wait != 10*time.Second {
		t.Errorf("wait is %v, want 10s", wait)
	}
	if p.Begin(now.Add(10*time.Second)) == nil {
		t.Error("there is no work afterwards")
	}
}

// With a Stop the fronts go exactly there, however little is left, and no further.
func TestStop(t *testing.T) {
	a, cp, now, to := newAPI(), NewCheckpoint("default"), start.Time().Add(time.Hour), settings()
	to.Stop = start + 1801
	p := NewPlanner(to, cp, now)
	if p.CaughtUp() {
		t.Fatal("caught up before anything was read")
	}
	drive(t, p, a, now)
	for state, c := range cp.States {
		if c.Front != to.Stop {
			t.Errorf("%s: front %s, want %s", state, c.Front, to.Stop)
		}
	}
	if !p.CaughtUp() {
		t.Error("not caught up at the stop")
	}
}

// An account polls at its own moment of the interval, however it begins: a poll too early at most, and none too late.
func TestPhase(t *testing.T) {
	t.Parallel()
	s := settings()
	s.Lookback = 0
	for phase := range 30 {
		s.Phase = time.Duration(phase) * time.Second
		now := start.Time().Add(s.SettleDelay + time.Duration(7*phase)*time.Second + time.Millisecond)
		p := NewPlanner(s, NewCheckpoint("default"), now)
		var polls []attempt.Instant
		for range 6 {
			for r := p.Begin(now); r != nil && r.Kind == Front; r = p.Begin(now) {
				span, ok := r.Next()
				if !ok {
					t.Fatal("a run has no span")
				}
				r.Read(span, 1, now)
			}
			polls = append(polls, p.checkpoint.States[attempt.Completed].Front)
			wait := p.Wait(now)
			if wait > s.PollInterval {
				t.Fatalf("phase %s: it waits for %s", s.Phase, wait)
			}
			now = now.Add(wait + 3*time.Millisecond)
		}
		for i, front := range polls[2:] {
			if int(front)%30 != phase || front.Sub(polls[i+1]) != s.PollInterval {
				t.Errorf("phase %s: fronts %v", s.Phase, polls)
			}
		}
	}
}

// Accounts whose phases lie in the same second do not poll at the same time, and nobody who is to stop waits for that.
func TestPhaseWithinASecond(t *testing.T) {
	t.Parallel()
	s := settings()
	s.Lookback = 0
	s.Phase = 7*time.Second + 250*time.Millisecond
	now := start.Time().Add(time.Hour)
	_, p := covered(now, time.Hour-s.SettleDelay)
	p = NewPlanner(s, p.checkpoint, now)
	for range 3 {
		now = p.FrontDue()
		if at := time.Duration(now.UnixNano()) % s.PollInterval; at != (s.Phase+s.SettleDelay)%s.PollInterval {
			t.Fatalf("a poll is due %s after the beginning of an interval", at)
		}
		if r := p.Begin(now.Add(-1)); r != nil && r.Kind == Front {
			t.Fatal("due before its time")
		}
		drive(t, p, newAPI(), now)
		if front := p.checkpoint.States[attempt.Completed].Front; front != attempt.InstantOf(now.Add(-s.SettleDelay)) {
			t.Fatalf("read until %s at %s", front, now)
		}
	}
	s.Stop = attempt.InstantOf(now)
	p = NewPlanner(s, p.checkpoint, now)
	if drive(t, p, newAPI(), s.Stop.Time().Add(s.SettleDelay)); !p.CaughtUp() {
		t.Error("not caught up when all has settled")
	}
}
