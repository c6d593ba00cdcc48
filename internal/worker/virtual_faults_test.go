package worker_test

import (
	"sync"
	"testing"
	"time"

	"attemptstream/internal/attempt"
	"attemptstream/internal/imochasim"
	"attemptstream/internal/imochasim/ledger"
)

// Whatever goes wrong with every tenth request, those that must not simply be tried again among it, everything is told;
// and nothing is asked for while the API wants to be left alone.
func TestVirtualEveryFault(t *testing.T) {
	inVirtualTime(t, imochasim.Config{Boundary: imochasim.Exclusive, Duplicates: .02, Seed: 7}, func(w *virtualWorld) {
		w.schedule.PollInterval = time.Minute
		var mu sync.Mutex
		var throttled, until time.Time // the last time that the API asked to be left alone
		disturbed, times := 0, 0
		faults := imochasim.EveryFault(.1)
		faults.Script = func(n int, r imochasim.Request) imochasim.Fault {
			mu.Lock()
			defer mu.Unlock()
			if r.At.After(throttled) && r.At.Before(until) {
				disturbed++
			}
			if n%50 != 0 {
				return imochasim.Fault{}
			}
			const pause = 40 * time.Second
			throttled, until = r.At, r.At.Add(pause)
			times++
			return imochasim.Fault{Kind: []imochasim.FaultKind{imochasim.TooMany, imochasim.TooManyDate}[n/50%2], RetryAfter: pause}
		}
		if err := w.sim.SetFaults(faults); err != nil {
			t.Fatal(err)
		}
		w.populate(account, quietLives(7), 9*time.Hour)
		w.runFor(3 * time.Hour)
		mu.Lock()
		until = time.Time{} // the next process has not heard of it
		mu.Unlock()
		w.runFor(3 * time.Hour)
		if err := w.sim.SetFaults(imochasim.Faults{}); err != nil {
			t.Fatal(err)
		}
		p := w.runFor(time.Hour)
		w.verify(account, w.scope(p.progressOf(account), time.Now()))
		if disturbed > 0 || times < 20 {
			t.Errorf("%d requests while the API wanted none; it said so %d times", disturbed, times)
		}
	})
}

// A second that cannot be read becomes a gap, which nothing passes by unseen: what is after it is told meanwhile, what is
// in it as soon as it can be read.
func TestVirtualPoisonedSeconds(t *testing.T) {
	for i, b := range imochasim.Boundaries() {
		t.Run(b.String(), func(t *testing.T) {
			inVirtualTime(t, imochasim.Config{Boundary: b, Seed: uint64(i)}, func(w *virtualWorld) {
				w.schedule.PollInterval = 2 * time.Minute
				second := func(d time.Duration) attempt.Instant { return attempt.InstantOf(w.began.Add(d)) }
				first, one := second(time.Hour+10*time.Second), second(2*time.Hour+33*time.Second)
				err := w.sim.SetFaults(imochasim.Faults{Poisoned: []imochasim.Poisoned{
					{State: attempt.Expired, Second: one}, {State: attempt.Completed, Second: first},
					{State: attempt.Cancelled, Second: first}, {State: attempt.Expired, Second: first},
				}})
				if err != nil {
					t.Fatal(err)
				}
				statuses := []attempt.Status{"Completed", "Cancelled", "Expired", "Testleft"}
				for n, status := range statuses {
					for j, at := range []attempt.Instant{first, one} {
						if err := w.sim.Add(string(account), imochasim.Change{ID: int64(1000 + 100*j + n), Status: status, At: at.Time()}); err != nil {
							t.Fatal(err)
						}
					}
				}
				w.populate(account, quietLives(uint64(40+i)), 5*time.Hour)
				w.runFor(w.until(2 * time.Hour))
				p := w.runFor(w.until(3 * time.Hour)) // it has the gaps from the checkpoint
				now := p.progressOf(account)
				if now.Gaps != 4 || now.Through.After(first.Time()) || now.Through.Before(first.Time().Add(-time.Second)) {
					t.Errorf("%d gaps, covered through %s: want 4, and %s", now.Gaps, now.Through, first)
				}
				if behind := time.Since(now.Front); behind > 5*time.Minute {
					t.Errorf("the front is %s behind", behind)
				}
				poisoned := map[string]bool{} // events in the gaps
				for n, status := range statuses {
					poisoned[ledger.FirstEventID(account, int64(1000+n), status)] = true
				}
				poisoned[ledger.FirstEventID(account, 1102, "Expired")] = true
				told := 0
				for _, e := range w.observed(account) {
					if poisoned[e.EventID] {
						t.Errorf("%s is told, though the API does not show it", e.EventID)
					}
					if e.ID >= 1100 && e.ID < 1200 {
						told++
					}
				}
				if told != 3 {
					t.Errorf("%d events of the other states' second are told, want 3", told)
				}
				if err := w.sim.SetFaults(imochasim.Faults{}); err != nil {
					t.Fatal(err)
				}
				now = w.runFor(w.until(4 * time.Hour)).progressOf(account)
				if now.Gaps != 0 || now.Through != now.Front {
					t.Errorf("%d gaps, covered through %s, front %s: want no gap", now.Gaps, now.Through, now.Front)
				}
				scope := w.scope(now, time.Now())
				scope.Gaps = true
				for _, e := range w.verify(account, scope) {
					if poisoned[e.EventID] != e.Late {
						t.Errorf("%s: late %v", e.EventID, e.Late)
					}
				}
			})
		})
	}
}

// One state's endpoint is down for two hours, and later all of them for one.
func TestVirtualOutages(t *testing.T) {
	inVirtualTime(t, imochasim.Config{Boundary: imochasim.ExclusiveEnd, Seed: 8}, func(w *virtualWorld) {
		at := func(hours float64) time.Time { return w.began.Add(time.Duration(hours * float64(time.Hour))) }
		var mu sync.Mutex
		newest := map[attempt.State]attempt.Instant{} // that was asked for
		err := w.sim.SetFaults(imochasim.Faults{
			Outages: []imochasim.Outage{{State: attempt.Expired, From: at(1), To: at(3)}, {From: at(4), To: at(5)}},
			Script: func(_ int, r imochasim.Request) imochasim.Fault {
				mu.Lock()
				defer mu.Unlock()
				newest[r.State] = max(newest[r.State], r.End)
				return imochasim.Fault{}
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		w.schedule.PollInterval = time.Minute
		w.schedule.LookbackInterval = 30 * time.Minute
		w.populate(account, quietLives(8), 7*time.Hour)
		p := w.start()
		together := func(hours float64) {
			t.Helper()
			// Not in the very second of a poll, in which some of its requests are still to be made.
			time.Sleep(time.Until(at(hours).Add(10 * time.Second)))
			w.settle()
			mu.Lock()
			defer mu.Unlock()
			if a := newest[attempt.Completed]; a != newest[attempt.Cancelled] || a != newest[attempt.Expired] {
				t.Errorf("after %v hours the states are apart: %v", hours, newest)
			}
			now := p.progressOf(account)
			if behind := time.Since(now.Through); behind > 3*time.Minute || now.Gaps > 0 {
				t.Errorf("after %v hours what is covered is %s behind, with %d gaps", hours, behind, now.Gaps)
			}
		}
		together(.99)
		time.Sleep(time.Until(at(2.9)))
		last := map[attempt.State]time.Time{}
		for _, e := range w.observed(account) {
			last[e.State] = e.WindowEnd
		}
		for _, state := range attempt.States() {
			if behind := at(2.9).Sub(last[state]); state == attempt.Expired != (behind > 100*time.Minute) {
				t.Errorf("the last event of %s is %s old while one state is away", state, behind)
			}
		}
		together(3.1)
		time.Sleep(time.Until(at(4.95)))
		if now := p.progressOf(account); now.Gaps > 0 || now.Problem == "" || now.Front.Before(at(3.95)) || now.Front.After(at(4)) {
			t.Errorf("while nothing answers: %+v", now)
		}
		together(5.1)
		time.Sleep(time.Until(at(6)))
		p.stop()
		scope := w.scope(p.progressOf(account), time.Now())
		scope.Gaps = true
		w.verify(account, scope)
	})
}
