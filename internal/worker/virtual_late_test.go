package worker_test

import (
	"strings"
	"testing"
	"time"

	"attemptstream/internal/attempt"
	"attemptstream/internal/imochasim"
)

// lateLives are lives of which a quarter of the changes become visible up to so much later.
func lateLives(seed uint64, by time.Duration) imochasim.Lives {
	l := quietLives(seed)
	l.Late, l.LateBy = .25, time.Duration(float64(by)*l.Speed)
	return l
}

// What becomes visible hours after it happened is found by reading covered time again, and says so.
func TestVirtualLateByHours(t *testing.T) {
	for i, b := range imochasim.Boundaries() {
		t.Run(b.String(), func(t *testing.T) {
			inVirtualTime(t, imochasim.Config{Boundary: b, Seed: uint64(i)}, func(w *virtualWorld) {
				w.schedule.PollInterval = 5 * time.Minute
				w.populate(account, lateLives(uint64(20+i), 3*time.Hour), 5*time.Hour)
				w.runFor(3*time.Hour + 7*time.Minute)
				p := w.runFor(w.until(9 * time.Hour)) // the tier of hours 2 to 4 has its turn every 40 minutes
				events := w.verify(account, w.scope(p.progressOf(account), time.Now()))
				if n := countLate(events); n < 10 {
					t.Errorf("%d events are late: the test shows nothing", n)
				}
			})
		})
	}
}

// The same, days later, with restarts that are more frequent than the passes over the oldest tiers.
func TestVirtualLateByDays(t *testing.T) {
	inVirtualTime(t, imochasim.Config{Boundary: imochasim.ExclusiveStart, Seed: 5}, func(w *virtualWorld) {
		w.schedule.PollInterval, w.schedule.LookbackInterval = 30*time.Minute, 20*time.Minute
		lives := lateLives(5, 60*time.Hour)
		lives.BurstsPerDay = 0
		w.populate(account, lives, 20*time.Hour)
		var p *virtualProcess
		for time.Since(w.began) < 105*time.Hour { // hours 32 to 64 are read again every 21 hours
			p = w.runFor(15 * time.Hour)
		}
		events := w.verify(account, w.scope(p.progressOf(account), time.Now()))
		if n := countLate(events); n < 50 {
			t.Errorf("%d events are late: the test shows nothing", n)
		}
	})
}

// Where covered time is not read again, what comes late is missing, and the tests above would see it.
func TestVirtualLateWithoutLookback(t *testing.T) {
	inVirtualTime(t, imochasim.Config{Seed: 6}, func(w *virtualWorld) {
		w.schedule.PollInterval, w.schedule.Lookback = 5*time.Minute, 0
		w.populate(account, lateLives(6, 3*time.Hour), 5*time.Hour)
		p := w.runFor(9 * time.Hour)
		problems, events := w.problems(account, w.scope(p.progressOf(account), time.Now()))
		missing := 0
		for _, line := range problems {
			switch {
			case strings.HasPrefix(line, "missing"):
				missing++
			case !strings.HasPrefix(line, "last status"):
				t.Error(line)
			}
		}
		if missing < 10 || countLate(events) > 0 {
			t.Errorf("%d events are missing and %d late: want some, and none", missing, countLate(events))
		}
	})
}

// An API that takes too long for wide windows of one state does not keep those of other states, and narrow ones, from
// being read again.
func TestVirtualLateWhereWideWindowsHang(t *testing.T) {
	inVirtualTime(t, imochasim.Config{Seed: 13}, func(w *virtualWorld) {
		err := w.sim.SetFaults(imochasim.Faults{Script: func(_ int, r imochasim.Request) imochasim.Fault {
			if r.State == attempt.Cancelled && r.End.Sub(r.Start) > 4*time.Minute {
				return imochasim.Fault{Kind: imochasim.Hang}
			}
			return imochasim.Fault{}
		}})
		if err != nil {
			t.Fatal(err)
		}
		w.schedule.PollInterval = time.Minute
		w.populate(account, lateLives(13, time.Hour), 4*time.Hour)
		p := w.runFor(8 * time.Hour)
		if behind := time.Since(p.progressOf(account).Through); behind > 5*time.Minute {
			t.Errorf("the front is %s behind", behind)
		}
		events := w.verify(account, w.scope(p.progressOf(account), time.Now()))
		if n := countLate(events); n < 10 {
			t.Errorf("%d events are late: the test shows nothing", n)
		}
	})
}
