package worker_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"attemptstream/internal/attempt"
	"attemptstream/internal/imocha"
	"attemptstream/internal/imochasim"
	"attemptstream/internal/worker"
)

// concurrency lets a worker make so many requests at once.
func (w *virtualWorld) concurrency(n int) func(*worker.Config) {
	return func(c *worker.Config) {
		c.Concurrency = n
		for i := range c.Accounts {
			c.Accounts[i].API = w.apiWith(c.Accounts[i].Name, virtualAPI, "key", n)
		}
	}
}

// liveLives are those of a test that looks at how late events are: all of them are told once, and none is late by itself.
func liveLives(seed uint64) imochasim.Lives {
	l := quietLives(seed)
	l.PerDay, l.Quick, l.ComeBacks, l.Resent = 1000, 0, 0, 0
	return l
}

// bound is how late an event may be where the API answers at once: it may just have missed a poll.
func (w *virtualWorld) bound() time.Duration {
	return w.schedule.PollInterval + w.schedule.SettleDelay + 2*time.Second
}

// What is new does not wait for what is read again, though the API takes longer for each of those windows than a request may,
// and though the time has to be read again for late arrivals and for a gap. When the API answers again, all of it is told.
func TestVirtualLiveEventsBesideHangingLookback(t *testing.T) {
	for _, concurrency := range []int{2, 4} {
		t.Run(fmt.Sprint("concurrency ", concurrency), func(t *testing.T) { besideHangingLookback(t, concurrency) })
	}
}

func besideHangingLookback(t *testing.T, concurrency int) {
	inVirtualTime(t, imochasim.Config{Seed: 21, Latency: imochasim.Latency{Fixed: 100 * time.Millisecond}}, func(w *virtualWorld) {
		lives := liveLives(21)
		lives.Late, lives.LateBy = .1, time.Duration(float64(time.Hour)*lives.Speed)
		w.populate(account, lives, 4*time.Hour)
		hangFrom, hangTo := w.began.Add(time.Hour), w.began.Add(150*time.Minute)
		poisoned := imochasim.Poisoned{State: attempt.Completed, Second: attempt.InstantOf(w.began.Add(30 * time.Minute))}
		hung := make(chan struct{}, 1000)
		faults := imochasim.Faults{Poisoned: []imochasim.Poisoned{poisoned}, Script: func(_ int, r imochasim.Request) imochasim.Fault {
			if r.At.After(hangFrom) && r.At.Before(hangTo) && r.At.Sub(r.End.Time()) > 3*time.Minute {
				hung <- struct{}{}
				return imochasim.Fault{Kind: imochasim.Hang}
			}
			return imochasim.Fault{}
		}}
		if err := w.sim.SetFaults(faults); err != nil {
			t.Fatal(err)
		}
		watch := newStopwatch(w)
		defer watch.client.Close()
		p := w.start(watch.use, w.concurrency(concurrency))
		time.Sleep(time.Until(hangTo))
		if gaps := p.progressOf(account).Gaps; gaps == 0 {
			t.Error("there is no gap: the test shows less")
		}
		faults.Poisoned = nil
		if err := w.sim.SetFaults(faults); err != nil {
			t.Fatal(err)
		}
		time.Sleep(w.until(9 * time.Hour))
		p.stop()
		scope := w.scope(p.progressOf(account), time.Now().Add(-130*time.Minute))
		scope.Gaps = true
		w.verify(account, scope)
		longest, n := watch.longestLive(hangFrom, hangTo)
		t.Logf("the longest delay of %d events was %s, while %d requests hung", n, longest, len(hung))
		if longest > w.bound() || n < 50 || len(hung) < 50 {
			t.Errorf("the longest delay of %d events was %s, want at most %s; %d requests hung", n, longest, w.bound(), len(hung))
		}
	})
}

// A slowForOld is an API that takes its time for what is older than some minutes.
type slowForOld struct {
	worker.API
	takes time.Duration
}

func (s slowForOld) Attempts(ctx context.Context, state attempt.State, w attempt.Window, each func(*imocha.Entry) error) error {
	if time.Since(w.End.Time()) > 3*time.Minute {
		select {
		case <-time.After(s.takes):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return s.API.Attempts(ctx, state, w, each)
}

// What is read again from an API that takes longer for it than from one poll to the next is read nevertheless: late arrivals
// are told, and what is new does not wait.
func TestVirtualLookbackOutlastsPolls(t *testing.T) {
	inVirtualTime(t, imochasim.Config{Seed: 23}, func(w *virtualWorld) {
		lives := liveLives(23)
		lives.Late, lives.LateBy = .2, time.Duration(float64(time.Hour)*lives.Speed)
		w.populate(account, lives, 3*time.Hour)
		watch := newStopwatch(w)
		defer watch.client.Close()
		p := w.start(watch.use, func(c *worker.Config) {
			c.Accounts[0].API = slowForOld{c.Accounts[0].API, w.schedule.PollInterval + 10*time.Second}
		})
		time.Sleep(w.until(6 * time.Hour))
		p.stop()
		events := w.verify(account, w.scope(p.progressOf(account), time.Now().Add(-130*time.Minute)))
		longest, n := watch.longestLive(w.began.Add(time.Minute), w.began.Add(3*time.Hour))
		if late := countLate(events); longest > w.bound() || n < 50 || late < 10 {
			t.Errorf("the longest delay of %d events was %s, want at most %s; %d events are late", n, longest, w.bound(), late)
		}
	})
}

// One state's endpoint does not answer for an hour. Once its front has been left behind, nothing of the other states waits
// for it; and when it answers again, all is told.
func TestVirtualLiveEventsBesideHangingState(t *testing.T) {
	for _, concurrency := range []int{2, 4} {
		t.Run(fmt.Sprint("concurrency ", concurrency), func(t *testing.T) { besideHangingState(t, concurrency) })
	}
}

func besideHangingState(t *testing.T, concurrency int) {
	inVirtualTime(t, imochasim.Config{Seed: 22, Latency: imochasim.Latency{Fixed: 100 * time.Millisecond}}, func(w *virtualWorld) {
		w.populate(account, liveLives(22), 4*time.Hour)
		hangFrom, hangTo := w.began.Add(time.Hour), w.began.Add(2*time.Hour)
		err := w.sim.SetFaults(imochasim.Faults{Script: func(_ int, r imochasim.Request) imochasim.Fault {
			if r.State == attempt.Expired && r.At.After(hangFrom) && r.At.Before(hangTo) {
				return imochasim.Fault{Kind: imochasim.Hang}
			}
			return imochasim.Fault{}
		}})
		if err != nil {
			t.Fatal(err)
		}
		watch := newStopwatch(w)
		defer watch.client.Close()
		p := w.start(watch.use, w.concurrency(concurrency))
		time.Sleep(time.Until(hangTo))
		if behind := time.Since(p.progressOf(account).Through); behind < 55*time.Minute {
			t.Errorf("the state that hangs is %s behind: the test shows nothing", behind)
		}
		time.Sleep(10 * time.Minute)
		if behind := time.Since(p.progressOf(account).Through); behind > 3*time.Minute {
			t.Errorf("ten minutes after it answers again, the state is %s behind", behind)
		}
		p.stop()
		w.verify(account, w.scope(p.progressOf(account), time.Now()))
		const parted = 10 * time.Minute // two tries of the window for all states
		longest, n := watch.longest(hangFrom.Add(parted), hangTo, attempt.Completed, attempt.Cancelled)
		t.Logf("the longest delay of %d events of the other states was %s", n, longest)
		if longest > w.bound() || n < 20 {
			t.Errorf("the longest delay of %d events of the other states was %s, want at most %s", n, longest, w.bound())
		}
	})
}
