//go:build unix

package chaos_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"attemptstream/internal/imochasim"
)

// A runner plays a plan. Faults overlap, but for those that would be one: of the same worker, of the brokers (Kafka has to
// keep two of three, but for faults that say otherwise), of the same network.
type runner struct {
	*stage
	faults sync.WaitGroup

	mu    sync.Mutex
	freed *sync.Cond
	busy  map[string]bool // what harm is being done to
	idle  int             // faults that hit a system that did nothing
	done  map[string]int  // faults by their names
}

func newRunner(s *stage) *runner {
	r := &runner{stage: s, busy: map[string]bool{}, done: map[string]int{}}
	r.freed = sync.NewCond(&r.mu)
	return r
}

// play does one fault after the other and returns when all are over and all is as it was.
func (r *runner) play() {
	next := time.Now()
	for i, f := range r.plan.faults {
		next = next.Add(f.pause)
		r.wait(time.Until(next))
		place := r.take(f)
		r.stir(f)
		next = time.Now()
		r.faults.Go(func() {
			defer r.free(f, place)
			if f.disturbs() {
				defer r.trouble()()
			}
			r.do(i, f, place)
		})
	}
	r.faults.Wait()
}

// disturbs tells whether a fault stands between workers and Kafka.
func (f fault) disturbs() bool { return f.family == ofBrokers || f.family == ofKafkaNet }

// take waits until nothing else does harm to the place of a fault, and returns it.
func (r *runner) take(f fault) (place string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for {
		if place = r.place(f); place != "" {
			r.busy[place] = true
			if f.takesAll() {
				r.busy[everything] = true
			}
			return place
		}
		r.freed.Wait()
	}
}

// place is where a fault can take place now; empty if it cannot.
func (r *runner) place(f fault) string {
	place := string(f.family)
	if f.kind == workerJoins {
		place = "visitor"
	} else if f.family == ofWorkers {
		free := 0
		for i := range r.plan.workers {
			if name := r.crew.name((f.n + i) % r.plan.workers); !r.busy[name] {
				free++
				if free == 1 {
					place = name
				}
			}
		}
		if free < 2 {
			return "" // one is always left alone
		}
		return place
	}
	if r.busy[place] || f.ofAPI() && r.busy[everything] {
		return "" // without Kafka nobody asks for anything
	}
	return place
}

// everything is the place of a fault that takes all of Kafka away.
const everything = "all of Kafka"

// takesAll tells whether a fault takes all of Kafka away for a good while.
func (f fault) takesAll() bool {
	return f.family == ofKafkaNet && f.role == "" && !f.some && f.kind != netDelay && f.kind != netSlices
}

func (r *runner) free(f fault, place string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.busy, place)
	if f.takesAll() {
		delete(r.busy, everything)
	}
	r.freed.Broadcast()
}

// do does one fault, from its beginning until all is as it was.
func (r *runner) do(i int, f fault, place string) {
	open := r.probe.open(500 * time.Millisecond)
	traffic := r.probe.traffic(3 * time.Second)
	hit := fmt.Sprintf("hit %d open transactions; %s in 3s", len(open), traffic)
	nothing := len(open) == 0 && traffic.recordsKnown && traffic.records == 0
	if f.ofAPI() {
		nothing = traffic.requestsKnown && traffic.requests == 0
	}
	if nothing {
		hit += ": IDLE"
	}
	r.mu.Lock()
	r.done[f.name()]++
	if nothing {
		r.idle++
	}
	r.mu.Unlock()
	began := func(what string) {
		r.say("%2d/%d  %s: %s, for %.1fs; %s", i+1, len(r.plan.faults), f.name(), what, f.lasts.Seconds(), hit)
	}
	if err := r.harm(f, place, began); err != nil {
		r.fail("fault %d, %s: %v", i+1, f.name(), err)
	}
}

// ofAPI tells whether a fault is about requests, and not about what is written.
func (f fault) ofAPI() bool { return f.family == ofAPI || f.family == ofAPINet }

// stir waits a little for the system to do what a fault can hit, in case others have left it with nothing to do.
func (r *runner) stir(f fault) {
	for end := time.Now().Add(3 * time.Second); time.Now().Before(end); r.wait(lookEvery) {
		t := r.probe.traffic(1500 * time.Millisecond)
		if f.ofAPI() && t.requests > 0 || !f.ofAPI() && t.records > 0 {
			return
		}
	}
}

func (r *runner) harm(f fault, place string, began func(what string)) error {
	switch f.family {
	case ofWorkers:
		if f.kind == workerJoins {
			return r.join(f, began)
		}
		slot := slices.IndexFunc(r.crew.workers, func(m *member) bool { return r.crew.name(m.slot) == place })
		return r.worker(f, slot, began)
	case ofBrokers:
		return r.broker(f, began)
	case ofKafkaNet:
		wires, what := r.brokerWires(f)
		return r.network(f, wires, what, began)
	case ofAPINet:
		wires, what := r.apiWires(f)
		return r.network(f, wires, what, began)
	}
	if f.kind == apiFrozen {
		r.sim.Freeze()
		began("it stands still")
		r.wait(f.lasts)
		r.sim.Thaw()
		return nil
	}
	kinds := imochasim.PassingKinds()
	kind := kinds[f.n%len(kinds)]
	r.sim.SetFaults(.5, kind)
	began("by " + string(kind))
	r.wait(f.lasts)
	r.sim.SetFaults(r.sim.Faults)
	return nil
}

// length is about how long a plan takes, on a machine that starts a broker in some seconds.
func (p plan) length() time.Duration {
	const start = 6 * time.Second
	var now time.Duration
	until := map[string][]time.Duration{}
	for _, f := range p.faults {
		now += f.pause
		place, lasts, places := string(f.family), f.lasts, 1
		switch {
		case f.kind == workerJoins:
			place = "visitor"
		case f.family == ofWorkers:
			places = p.workers - 1
		case f.family == ofBrokers && !strings.Contains(string(f.kind), "SIGSTOP"):
			lasts += start
		}
		list := until[place]
		if len(list) < places {
			until[place] = append(list, now+lasts)
			continue
		}
		slices.Sort(list)
		now = max(now, list[0])
		list[0] = now + lasts
	}
	for _, list := range until {
		now = max(now, slices.Max(list))
	}
	return now
}
