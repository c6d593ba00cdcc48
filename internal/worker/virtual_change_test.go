package worker_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"attemptstream/internal/attempt"
	"attemptstream/internal/imochasim"
)

// A key that is refused stops its account, with a line a minute in the log, and no other. When it is accepted again, the
// account goes on where it was.
func TestVirtualRefusedKey(t *testing.T) {
	keys := map[string]string{"a": "first", "b": "second"}
	inVirtualTime(t, imochasim.Config{Boundary: imochasim.ExclusiveEnd, Keys: keys, Seed: 9}, func(w *virtualWorld) {
		core, logs := observer.New(zap.InfoLevel)
		w.log = zap.New(core)
		w.keys = map[attempt.Account]string{"first": "a", "second": "b"}
		w.schedule.PollInterval = time.Minute
		w.populate("first", quietLives(9), 4*time.Hour)
		w.populate("second", quietLives(10), 4*time.Hour)
		p := w.start()
		time.Sleep(time.Hour)
		w.sim.SetKeys(map[string]string{"b": "second"})
		const refused = 30 * time.Minute
		time.Sleep(refused)
		for account, wait := range map[attempt.Account]bool{"first": true, "second": false} {
			now := p.progressOf(account)
			if behind := time.Since(now.Through); wait != (behind > refused-time.Minute) || wait != (now.Problem != "") {
				t.Errorf("account %s, after %s: %s behind, problem %q", account, refused, behind, now.Problem)
			}
		}
		lines := 0
		for _, l := range logs.All() {
			if l.Level < zap.WarnLevel {
				continue
			}
			if name := l.ContextMap()["account"]; name != "first" {
				t.Errorf("account %v: %s %v", name, l.Message, l.ContextMap())
			}
			lines++
		}
		if least, most := int(refused.Minutes())-2, int(refused.Minutes())+2; lines < least || lines > most {
			t.Errorf("%d lines in the log in %s, want one a minute", lines, refused)
		}
		if n := w.sim.Stats().Requests["wrong key"]; n > 10*int64(refused.Minutes()) {
			t.Errorf("%d requests with a key that is refused in %s", n, refused)
		}
		w.sim.SetKeys(keys)
		time.Sleep(30 * time.Minute)
		for account := range w.keys {
			now := p.progressOf(account)
			if behind := time.Since(now.Through); behind > 3*time.Minute || now.Problem != "" || now.Gaps > 0 {
				t.Errorf("account %s, afterwards: %s behind, %+v", account, behind, now)
			}
		}
		p.stop()
		for account := range w.keys {
			w.verify(account, w.scope(p.progressOf(account), time.Now()))
		}
	})
}

// A state that is added later begins on its own and joins the others.
func TestVirtualAddedState(t *testing.T) {
	for i, b := range imochasim.Boundaries() {
		t.Run(b.String(), func(t *testing.T) {
			inVirtualTime(t, imochasim.Config{Boundary: b, Duplicates: 1, Seed: uint64(i)}, func(w *virtualWorld) {
				w.schedule.PollInterval = 2 * time.Minute
				w.populate(account, quietLives(uint64(50+i)), 5*time.Hour)
				overtaken := imochasim.Change{ID: 7, Status: "Expired", At: w.began.Add(time.Hour)}
				back := imochasim.Change{ID: 8, Status: "Expired", At: w.began.Add(80 * time.Minute)} // in a state that is behind
				err := w.sim.Add(string(account), overtaken, imochasim.Change{ID: 7, Status: "Completed", At: w.began.Add(90 * time.Minute)},
					imochasim.Change{ID: 8, Status: "Expired", At: w.began.Add(20 * time.Minute)},
					imochasim.Change{ID: 8, Status: "Completed", At: w.began.Add(50 * time.Minute)}, back)
				if err != nil {
					t.Fatal(err)
				}
				w.schedule.States = []attempt.State{attempt.Completed, attempt.Cancelled}
				p := w.runFor(2 * time.Hour)
				scope := w.scope(p.progressOf(account), time.Now())
				scope.States = w.schedule.States
				w.verify(account, scope)

				var mu sync.Mutex
				newest := map[attempt.State]attempt.Instant{} // that was asked for
				err = w.sim.SetFaults(imochasim.Faults{Script: func(_ int, r imochasim.Request) imochasim.Fault {
					mu.Lock()
					defer mu.Unlock()
					newest[r.State] = max(newest[r.State], r.End)
					return imochasim.Fault{}
				}})
				if err != nil {
					t.Fatal(err)
				}
				w.schedule.States = attempt.States()
				p = w.runFor(2*time.Hour + time.Minute)
				if a := newest[attempt.Completed]; a != newest[attempt.Cancelled] || a != newest[attempt.Expired] {
					t.Errorf("the states are apart: %v", newest)
				}
				now := p.progressOf(account)
				if behind := time.Since(now.Through); behind > 5*time.Minute || now.Gaps > 0 {
					t.Errorf("what is covered is %s behind: %+v", behind, now)
				}
				scope = w.scope(now, time.Now())
				scope.Gaps = true
				cameBack := 0
				for _, e := range w.verify(account, scope) {
					if e.ID == back.ID && strings.Contains(e.EventID, "@") {
						cameBack++
					}
					if e.Late && e.WindowEnd.After(w.began.Add(2*time.Hour+5*time.Minute)) {
						t.Errorf("%s of %s is late, though the states were together", e.EventID, e.WindowEnd)
					}
					if e.ID == overtaken.ID && e.Late != (e.Status == overtaken.Status) {
						t.Errorf("%s: late %v", e.EventID, e.Late)
					}
				}
				if cameBack != 1 {
					t.Errorf("the come-back in the new state was told %d times", cameBack)
				}
			})
		})
	}
}

// A clock that is set back makes the worker wait, with a warning, until it shows what has been read already. What was told
// is not told again, also not by another process.
func TestVirtualClockGoesBack(t *testing.T) {
	inVirtualTime(t, imochasim.Config{Seed: 11}, func(w *virtualWorld) {
		core, logs := observer.New(zap.WarnLevel)
		w.log = zap.New(core)
		var clock shiftedClock
		w.now = clock.now
		w.schedule.PollInterval = time.Minute
		w.populate(account, lateLives(11, time.Hour), 3*time.Hour)
		p := w.start()
		time.Sleep(2 * time.Hour)
		before := p.progressOf(account)
		clock.set(-time.Hour)
		time.Sleep(20 * time.Minute)
		now := p.progressOf(account)
		if now.Front != before.Front || !strings.Contains(now.Problem, "clock is ") || logs.FilterMessageSnippet("clock is behind").Len() == 0 {
			t.Errorf("after the clock went back: %+v; %v", now, logs.All())
		}
		p.stop()
		now = w.runFor(20 * time.Minute).progressOf(account)
		if now.Front != before.Front || !strings.Contains(now.Problem, "clock is ") {
			t.Errorf("another process: %+v", now)
		}
		p = w.runFor(2 * time.Hour)
		now = p.progressOf(account)
		if behind := time.Since(now.Through); behind > time.Hour+3*time.Minute || now.Problem != "" {
			t.Errorf("after the clock caught up: %s behind; %+v", behind, now)
		}
		events := w.verify(account, w.scope(now, time.Now().Add(-75*time.Minute)))
		if countLate(events) == 0 {
			t.Error("nothing was late: the test shows little")
		}
	})
}

// A clock that is ahead of the API's, by an hour or by many years, lets no time be read before it has happened: the worker
// follows the API's clock meanwhile, and its own when that is right again. So nothing is even late.
func TestVirtualClockAhead(t *testing.T) {
	inVirtualTime(t, imochasim.Config{Boundary: imochasim.ExclusiveEnd, Seed: 12}, func(w *virtualWorld) {
		core, logs := observer.New(zap.WarnLevel)
		w.log = zap.New(core)
		var clock shiftedClock
		w.now = clock.now
		w.schedule.PollInterval = time.Minute
		w.populate(account, quietLives(12), 8*time.Hour)
		p := w.start()
		keepsUp := func(when string) {
			t.Helper()
			now := p.progressOf(account)
			if behind := time.Since(now.Through); behind > 4*time.Minute || now.Front.After(time.Now().Add(2*time.Second)) {
				t.Errorf("%s: %s behind, front %s; %+v", when, behind, now.Front, now)
			}
		}
		time.Sleep(2 * time.Hour)
		for _, ahead := range []time.Duration{time.Hour, 74 * 365 * 24 * time.Hour} {
			clock.set(ahead)
			time.Sleep(5 * time.Minute)
			keepsUp("soon after the clock went wrong")
			time.Sleep(2 * time.Hour)
			keepsUp("long after the clock went wrong")
			clock.set(0)
			time.Sleep(5 * time.Minute)
			keepsUp("soon after the clock was right again")
		}
		time.Sleep(2 * time.Hour)
		p.stop()
		now := p.progressOf(account)
		if now.Problem != "" || logs.FilterMessageSnippet("clock is ahead").Len() == 0 {
			t.Errorf("after the clock was right again: %+v; %v", now, logs.All())
		}
		for _, e := range w.verify(account, w.scope(now, time.Now())) {
			if e.Late {
				t.Errorf("%s in the window to %s is late", e.EventID, e.WindowEnd)
			}
		}
	})
}

// A shiftedClock is a clock that somebody set wrong.
type shiftedClock struct {
	mu sync.Mutex
	by time.Duration
}

func (c *shiftedClock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.by)
}

func (c *shiftedClock) set(by time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.by = by
}
