package worker_test

import (
	"testing"
	"time"

	"attemptstream/internal/imochasim"
)

// slowly is how long the API takes for an answer: work is under way for a part of the time, as it is in life.
func slowly() imochasim.Latency {
	return imochasim.Latency{Fixed: 50 * time.Millisecond, Random: time.Second}
}

// A live day with the settings' defaults, and a restart every few hours.
func TestVirtualDay(t *testing.T) {
	for i, b := range imochasim.Boundaries() {
		t.Run(b.String(), func(t *testing.T) {
			inVirtualTime(t, imochasim.Config{Boundary: b, Seed: uint64(i), Latency: slowly()}, func(w *virtualWorld) {
				hours := []int{2, 4} // at the end of which the worker is another
				if b == imochasim.ExclusiveEnd {
					hours = []int{1, 6, 9, 16, 24}
				}
				w.populate(account, quietLives(uint64(i)), 30*time.Hour)
				var p *virtualProcess
				for _, hour := range hours {
					p = w.runFor(w.until(time.Duration(hour) * time.Hour))
					if behind := time.Since(p.progressOf(account).Front); behind > 2*time.Minute {
						t.Errorf("after %d hours the front is %s behind", hour, behind)
					}
				}
				events := w.verify(account, w.scope(p.progressOf(account), time.Now()))
				if n := countLate(events); n > 0 {
					t.Errorf("%d events are late, where nothing came late", n)
				}
			})
		})
	}
}

// An API that shows an invitation under its latest status alone, so that earlier ones go away when they are read again.
func TestVirtualCurrentStatusOnly(t *testing.T) {
	inVirtualTime(t, imochasim.Config{Current: true, Seed: 4, Latency: slowly()}, func(w *virtualWorld) {
		w.schedule.PollInterval = 2 * time.Minute
		lives := quietLives(4)
		lives.ComeBacks, lives.Resent = .5, .8
		w.populate(account, lives, 13*time.Hour)
		w.runFor(5 * time.Hour)
		p := w.runFor(7 * time.Hour)
		w.verify(account, w.scope(p.progressOf(account), time.Now()))
	})
}
