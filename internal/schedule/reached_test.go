package schedule

import (
	"testing"
	"time"

	"attemptstream/internal/attempt"
)

// Fronts stop where the API's clock is, follow it, and go on by this machine's when nothing has been said of it for a while.
func TestReached(t *testing.T) {
	t.Parallel()
	const front, ahead = attempt.Instant(100_000), 10 * time.Minute
	s := Settings{States: attempt.States(), Start: front, PollInterval: 10 * time.Second, SettleDelay: 5 * time.Second, WindowMax: time.Hour, WindowAttempts: 100}
	p := NewPlanner(s, NewCheckpoint("default"), front.Time())
	api := front.Time()                                  // what its clock shows
	now := func() time.Time { return api.Add(ahead) }    // what this machine's shows
	read := func() (until attempt.Instant, reads bool) { // reads all that is due
		for r := p.Begin(now()); r != nil && r.Kind == Front; r = p.Begin(now()) {
			for {
				span, ok := r.Next()
				if !ok {
					break
				}
				r.Read(span, 0, now())
				until, reads = span.Until, true
			}
		}
		return until, reads
	}
	p.Reached(attempt.InstantOf(api), now())
	if until, reads := read(); reads {
		t.Errorf("read until %s at %s by the API's clock", until, api)
	}
	wait := p.Wait(now())
	if wait != s.PollInterval {
		t.Errorf("waits for %s, want the poll interval", wait)
	}
	if due := p.FrontDue(); !due.Equal(now().Add(s.PollInterval)) {
		t.Errorf("a front is due %s from now", due.Sub(now()))
	}
	api = api.Add(wait)
	if until, _ := read(); until != attempt.InstantOf(api) {
		t.Errorf("read until %s at %s by the API's clock", until, api)
	}
	api = api.Add(5 * time.Second)
	if wait := p.Wait(now()); wait != 5*time.Second {
		t.Errorf("waits for %s, want the rest of the poll interval", wait)
	}
	p.Reached(attempt.InstantOf(api), now())
	api = api.Add(reachedFor)
	if until, _ := read(); until != attempt.InstantOf(api) {
		t.Errorf("read until %s at %s by the API's clock", until, api)
	}
	if wait := p.Wait(now()); wait > s.PollInterval || wait < time.Millisecond {
		t.Errorf("waits for %s", wait)
	}
	api = api.Add(time.Second)
	if until, _ := read(); until != attempt.InstantOf(now().Add(-s.SettleDelay)) {
		t.Errorf("read until %s when nothing has been said of the API's clock for a while, want until %s", until, now().Add(-s.SettleDelay))
	}
	// A clock that is within the settle delay changes nothing.
	p.Reached(attempt.InstantOf(now().Add(-time.Second)), now())
	if limit, _ := p.limit(attempt.States(), now()); limit != attempt.InstantOf(now().Add(-s.SettleDelay)) {
		t.Errorf("the limit is %s", limit)
	}
}

// A pass that was last made by a clock which was years ahead is made again.
func TestLookedBackInTheFuture(t *testing.T) {
	t.Parallel()
	now := attempt.Instant(1_000_000).Time()
	s := Settings{States: []attempt.State{attempt.Expired}, Start: 900_000, PollInterval: 10 * time.Second, Phase: 9 * time.Second, WindowMax: time.Hour, WindowAttempts: 100,
		Lookback: time.Hour, LookbackInterval: time.Minute}
	c := NewCheckpoint("default")
	c.States[attempt.Expired] = &Coverage{Start: 900_000, Front: 999_999, Width: 60, LookedBack: []attempt.Instant{2_000_000_000}}
	p := NewPlanner(s, c, now)
	if run := p.Begin(now); run != nil {
		t.Errorf("due at once: %v", run.Kind)
	}
	now = now.Add(time.Minute)
	c.States[attempt.Expired].Front = attempt.InstantOf(now)
	if run := p.Begin(now); run == nil || run.Kind != LookBack {
		t.Errorf("due after the interval: %+v", run)
	}
}
