package admin

import (
	"slices"
	"sync"
	"time"

	"attemptstream/internal/attempt"
	"attemptstream/internal/worker"
)

const (
	// step is how often the server looks at the worker, and the grain of what the page shows of the last minutes.
	step = 5 * time.Second
	// steps are kept: ten minutes.
	steps = 120
	// recent are the steps that make the present rate.
	recent = 6
)

// rates remember how much was done in each of the last steps, all accounts together.
type rates struct {
	mu   sync.Mutex
	last map[attempt.Account]counted // by each: accounts come and go, and what they have done with them
	done []counted                   // the oldest first
}

// counted is what has been done since the process started, or within a step.
type counted struct{ events, late, requests, failed int64 }

func (c counted) minus(d counted) counted {
	return counted{c.events - d.events, c.late - d.late, c.requests - d.requests, c.failed - d.failed}
}

func (c counted) plus(d counted) counted {
	return counted{c.events + d.events, c.late + d.late, c.requests + d.requests, c.failed + d.failed}
}

// step ends a step.
func (r *rates) step(accounts []worker.Progress) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := make(map[attempt.Account]counted, len(accounts))
	var done counted
	for i := range accounts {
		p := &accounts[i]
		n := counted{int64(p.Events), int64(p.Late), p.Requests, p.Failed}
		done = done.plus(n.minus(r.last[p.Account]))
		now[p.Account] = n
	}
	r.last = now
	r.done = append(r.done, done)
	if n := len(r.done); n > steps {
		r.done = slices.Delete(r.done, 0, n-steps)
	}
}

func (r *rates) report() Rates {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := Rates{StepSeconds: int(step / time.Second), EventsByStep: []int64{}, RequestsByStep: []int64{}, FailuresByStep: []int64{}, LateByStep: []int64{}}
	var lately counted
	for i, c := range r.done {
		out.EventsByStep = append(out.EventsByStep, c.events)
		out.RequestsByStep = append(out.RequestsByStep, c.requests)
		out.FailuresByStep = append(out.FailuresByStep, c.failed)
		out.LateByStep = append(out.LateByStep, c.late)
		if i >= len(r.done)-recent {
			lately.events += c.events
			lately.requests += c.requests
		}
	}
	if n := min(recent, len(r.done)); n > 0 {
		span := (time.Duration(n) * step).Seconds()
		out.Events, out.Requests = float64(lately.events)/span, float64(lately.requests)/span
	}
	return out
}
