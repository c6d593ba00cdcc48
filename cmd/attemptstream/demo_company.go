package main

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"attemptstream/internal/attempt"
	"attemptstream/internal/imochasim"
	"attemptstream/internal/imochasim/ledger"
)

const (
	// companySpeed makes a day of the company last two minutes.
	companySpeed = 24 * 60 / 2
	// companyAge is how long it exists when the demo starts: long enough for things to have become usual.
	companyAge = 20 * time.Minute
)

// companyLives are few, so that a person can read along, and have more than their share of what is difficult.
func companyLives(seed uint64) imochasim.Lives {
	l := imochasim.DefaultLives(seed)
	l.PerDay, l.Speed = 110, companySpeed
	l.Resent, l.ComeBacks = .5, .6
	l.Late, l.LateBy = .12, 2*time.Hour
	l.BurstsPerDay, l.BurstSize = .5, 8
	l.Quick, l.Malformed = .01, .02
	return l
}

// companyFaults fails one request in ten, in every way that passes, but for those which only cost time. It fails no
// request more than twice in a row: that would part the states, and what the slower one then finds counts as late, which the
// ledger cannot know.
func companyFaults(seed uint64) imochasim.Faults {
	costly := []imochasim.FaultKind{imochasim.Hang, imochasim.TooMany, imochasim.TooManyDate, imochasim.TooManyBare}
	kinds := slices.DeleteFunc(imochasim.PassingKinds(), func(k imochasim.FaultKind) bool { return slices.Contains(costly, k) })
	type request struct {
		state      attempt.State
		start, end attempt.Instant
	}
	var mu sync.Mutex
	failures := map[request]int{} // in a row
	return imochasim.Faults{Script: func(n int, r imochasim.Request) imochasim.Fault {
		random := rand.New(rand.NewPCG(seed, uint64(n)))
		key := request{r.State, r.Start, r.End}
		mu.Lock()
		defer mu.Unlock()
		if failures[key] == 2 || random.Float64() >= .1 {
			delete(failures, key)
			return imochasim.Fault{}
		}
		failures[key]++
		return imochasim.Fault{Kind: kinds[random.IntN(len(kinds))]}
	}}
}

// A company is the simulated iMocha of a demo, and the people who live in it.
type company struct {
	sim   *imochasim.Simulator
	url   string
	clock haltingClock
	stop  context.CancelFunc // of its life
	over  chan struct{}      // closed when nothing happens any more
}

// found starts the API and the company's life as parts of work.
func found(ctx context.Context, work *errgroup.Group, seed uint64) (*company, error) {
	c := &company{over: make(chan struct{})}
	sim, err := imochasim.New(imochasim.Config{Seed: seed, Now: c.clock.now, Date: time.Now, Faults: companyFaults(seed), Duplicates: .01,
		Latency: imochasim.Latency{Fixed: 5 * time.Millisecond, Random: 20 * time.Millisecond}})
	if err != nil {
		return nil, err
	}
	ln, err := listen(ctx, "127.0.0.1:0", "nothing: it is free")
	if err != nil {
		return nil, err
	}
	c.sim, c.url = sim, "http://"+ln.Addr().String()
	life, stop := context.WithCancel(ctx)
	c.stop = stop
	ready := make(chan struct{})
	work.Go(func() error { return serve(ctx, ln, sim, 0) })
	work.Go(func() error {
		defer close(c.over)
		return sim.Run(life, string(attempt.DefaultAccount), companyLives(seed), time.Now().Add(-companyAge), sync.OnceFunc(func() { close(ready) }))
	})
	select {
	case <-ready:
		return c, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// freeze lets time stand still for the company, and its API work flawlessly. It returns the time of that. Answers are still
// dated by the time that goes on: a worker reads no further than that.
func (c *company) freeze() time.Time {
	c.stop()
	<-c.over
	_ = c.sim.SetFaults(imochasim.Faults{}) // no faults cannot be wrong ones
	return c.clock.halt()
}

// A haltingClock is the time until it is halted.
type haltingClock struct{ halted atomic.Pointer[time.Time] }

func (c *haltingClock) now() time.Time {
	if t := c.halted.Load(); t != nil {
		return *t
	}
	return time.Now()
}

func (c *haltingClock) halt() time.Time {
	t := time.Now()
	c.halted.CompareAndSwap(nil, &t)
	return c.now()
}

// expected is what a worker must have told by now, if it has read everything from a time on. Its first window begins a
// second earlier, and this API's windows include their ends.
func (c *company) expected(from time.Time) *ledger.Expected {
	return c.sim.Expected(string(attempt.DefaultAccount), ledger.Scope{From: from.Add(-attempt.Overlap)})
}

// A verdict is what came of comparing Kafka with the ledger.
type verdict struct{ problems []string }

// verdict compares what was read back from Kafka with what happened since a time.
func (c *company) verdict(from time.Time, f *feed) verdict {
	expected := c.expected(from)
	var v verdict
	for _, p := range ledger.Check(expected, f.observed) {
		v.problems = append(v.problems, p.String())
	}
	for _, p := range ledger.CheckLetters(expected, f.observedLetters) {
		v.problems = append(v.problems, "dead letter "+p)
	}
	return v
}
