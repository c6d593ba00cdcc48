package admin

import (
	"slices"
	"sync"
	"time"

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
	last counted
	done []counted // the oldest first
}

// counted is what has been done since the process started, or within a step.
type counted struct{ events, late, requests, failed int64 }

func (c counted) minus(d counted) counted {
	return counted{c.events - d.events, c.late - d.late, c.requests - d.requests, c.failed - d.failed}
}

// step ends a step.
func (r *rates) step(accounts []worker.Progress) {
	var now counted
	for i := range accounts {
		p := &accounts[i]
		now.events += int64(p.Events)
		now.late += int64(p.Late)
		now.requests += p.Requests
		now.failed += p.Failed
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.done = append(r.done, now.minus(r.last))
	r.last = now
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
