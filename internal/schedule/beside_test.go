package schedule

import (
	"testing"
	"time"

	"attemptstream/internal/attempt"
)

// What is read beside the news says when those are due, to the second at which they are begun; and the news themselves wait
// for nothing.
func TestYieldAt(t *testing.T) {
	poll, settle := settings().PollInterval, settings().SettleDelay
	now := start.Time().Add(24*time.Hour + time.Minute)
	cp := parted(attempt.Expired, 24*time.Hour-30*time.Second)
	p := NewPlanner(settings(), cp, now)
	p.settings.Phase = 20 * time.Second
	r := p.Begin(now)
	if at := r.YieldAt(now); !at.IsZero() || r.Lagging {
		t.Errorf("the first run, lagging %v, yields at %s; want the news, and never", r.Lagging, at)
	}
	s, _ := r.Next()
	r.Read(s, 1, now)
	front := s.Until
	for p.short(p.lanes()[0], now) && p.due(p.lanes()[0], now) {
		r = p.Begin(now)
		s, _ := r.Next()
		r.Read(s, 1, now)
		front = s.Until
	}
	lagging := p.Begin(now)
	due := front.Time().Add(poll + settle)
	if at := lagging.YieldAt(now); !lagging.Lagging || !at.Equal(due) {
		t.Fatalf("lagging %v, it yields at %s, want %s", lagging.Lagging, at, due)
	}
	if lagging.Yields(due.Add(-time.Second)) || !lagging.Yields(due) {
		t.Error("it does not yield when it says")
	}
	if r := p.Begin(due); r.Lagging {
		t.Error("when it has yielded, there are no news")
	}
	much := due.Add(time.Hour)
	if at := lagging.YieldAt(much); !at.IsZero() {
		t.Errorf("it yields at %s to what has much to read itself", at)
	}
}

// A span that is under way while other things are read is taken up by the run that goes on with them, and by no other.
func TestResume(t *testing.T) {
	now := start.Time().Add(time.Hour)
	cp := NewCheckpoint("default")
	p := NewPlanner(settings(), cp, now)
	for _, state := range attempt.States() {
		cp.States[state].Front = attempt.InstantOf(now.Add(-settings().SettleDelay))
		cp.States[state].Width = 60
	}
	later := now.Add(24 * time.Hour)
	for _, state := range attempt.States() {
		cp.States[state].Front = attempt.InstantOf(later.Add(-settings().SettleDelay))
	}
	first := p.Begin(later)
	if first == nil || first.Kind != LookBack {
		t.Fatalf("the first run is %+v, want a look-back", first)
	}
	s, _ := first.Next()
	next, _ := first.Next()
	again := p.Begin(later)
	if !again.Continues(first) || again.Resume(next) || !again.Resume(s) {
		t.Error("the run that goes on does not take up the first span, or another one")
	}
	if got, _ := again.Next(); got != next {
		t.Errorf("then comes %s, want %s", got, next)
	}
	first.Read(s, 1, later)
	if p.Begin(later).Resume(s) {
		t.Error("what has been read is taken up")
	}
	for r := p.Begin(later); r != nil && r.Continues(first); r = p.Begin(later) {
		s, _ := r.Next()
		r.Read(s, 0, later)
	}
	if other := p.Begin(later); other == nil || other.Continues(first) {
		t.Error("another pass takes itself for the first one")
	}
}
