package schedule

import (
	"testing"
	"time"

	"attemptstream/internal/attempt"
)

// Nothing is asked for before the settle delay has passed, and everything after it.
func TestNothingIsAskedForBeforeItHasSettled(t *testing.T) {
	now, to := start.Time().Add(20*time.Minute+500*time.Millisecond), settings()
	to.SettleDelay = 90 * time.Second
	cp := NewCheckpoint("default")
	p := NewPlanner(to, cp, now)
	settled := start.Add(20*time.Minute - to.SettleDelay)
	for r := p.Begin(now); r != nil; r = p.Begin(now) {
		for s, ok := r.Next(); ok; s, ok = r.Next() {
			if w := s.Window(); w.End > settled {
				t.Fatalf("%s is asked for at %s, with a delay of %s", w, now, to.SettleDelay)
			}
			r.Read(s, 1, now)
		}
	}
	for state, c := range cp.States {
		if c.Front != settled {
			t.Errorf("%s stands at %s, want %s", state, c.Front, settled)
		}
	}
}

// What can be seen before it is older than the look-back is found, though it leaves one tier, or the last one, between two
// passes.
func TestNothingSlipsThroughBetweenTwoPasses(t *testing.T) {
	const lookback, shift = 4 * time.Hour, 13 * time.Minute
	all := tiers(lookback, 10*time.Minute)
	for visible := time.Minute; visible < lookback; visible += time.Minute { // after it happened, at start
		found := false
		for i, tier := range all {
			last := start.Add(-time.Duration(i+1) * shift)
			for now := last.Add(tier.every); now.Sub(start) < 2*lookback; now = now.Add(tier.every) {
				s := tier.span(now, last)
				found = found || now.Sub(start) >= visible && s.From <= start && start < s.Until
				last = now
			}
		}
		if !found {
			t.Errorf("what can be seen %s after it happened is not found", visible)
		}
	}
}

// What was proven before the API began to cut its answers does not count beyond the cut.
func TestTrustAfterACut(t *testing.T) {
	var trust Trust
	trust.Prove(1000)
	trust.Cut(500)
	if !trust.Complete(499) || trust.Complete(500) || trust.Complete(800) {
		t.Errorf("%+v: want 499 believed, and nothing from 500 on", trust)
	}
}

// A second that cannot be read becomes a gap while the front moves on, and is covered when it can be read.
func TestGapsAreTriedAgain(t *testing.T) {
	a, cp, now := newAPI(), NewCheckpoint("default"), start.Time().Add(time.Hour)
	const bad = start + 1000
	a.poisoned[attempt.Completed][bad] = true
	p := NewPlanner(settings(), cp, now)
	c := cp.States[attempt.Completed]
	for range 60 {
		drive(t, p, a, now)
		now = now.Add(time.Minute)
	}
	if c.Through() != bad || len(c.Gaps) != 1 || now.Sub(c.Front.Time()) > 5*time.Minute {
		t.Fatalf("covered through %s, gaps %v, front %s at %s; want a gap at %s alone", c.Through(), c.Gaps, c.Front, now, bad)
	}
	delete(a.poisoned[attempt.Completed], bad)
	for range 20 {
		drive(t, p, a, now)
		now = now.Add(time.Minute)
	}
	if len(c.Gaps) != 0 || !a.shown[attempt.Completed][bad] {
		t.Errorf("it can be read again, and the gaps are %v", c.Gaps)
	}
}
