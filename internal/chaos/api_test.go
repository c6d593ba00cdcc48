//go:build unix

package chaos_test

import (
	"bytes"
	"io"
	"net/http"
	"sync"
	"time"

	"attemptstream/internal/imochasim"
)

// An api is the simulated API, whose requests can be waited for and held up.
type api struct {
	sim *imochasim.Simulator

	mu      sync.Mutex
	open    chan struct{} // closed: requests pass
	delay   time.Duration // of every request, beside the simulator's own
	arrived int
	passed  int
	waiting []waiter
}

// A waiter waits until so many requests have been answered.
type waiter struct {
	passed int
	done   chan struct{}
}

func newAPI(sim *imochasim.Simulator) *api {
	a := &api{sim: sim, open: make(chan struct{})}
	close(a.open)
	return a
}

func (a *api) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body) // only then does the server notice when the client goes away
	if err != nil {
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	a.mu.Lock()
	a.arrived++
	open, delay := a.open, a.delay
	a.mu.Unlock()
	timer := time.NewTimer(delay)
	defer timer.Stop()
	if !wait(r, open) || !wait(r, timer.C) {
		return
	}
	defer a.pass() // also of a fault, which panics
	a.sim.ServeHTTP(w, r)
}

// wait is false if the client went away meanwhile.
func wait[T any](r *http.Request, done <-chan T) bool {
	select {
	case <-done:
		return true
	case <-r.Context().Done():
		return false
	}
}

// slow delays every request from now on: so it is sure that a history lasts until all harm has been done.
func (a *api) slow(delay time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.delay = delay
}

func (a *api) pass() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.passed++
	rest := a.waiting[:0]
	for _, w := range a.waiting {
		if a.passed >= w.passed {
			close(w.done)
		} else {
			rest = append(rest, w)
		}
	}
	a.waiting = rest
}

// requests is how many requests have come.
func (a *api) requests() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.arrived
}

// answers returns a channel that is closed when n more requests have been answered.
func (a *api) answers(n int) <-chan struct{} {
	a.mu.Lock()
	defer a.mu.Unlock()
	w := waiter{a.passed + n, make(chan struct{})}
	a.waiting = append(a.waiting, w)
	return w.done
}

// hold lets no more requests through, and returns the number of those that have come.
func (a *api) hold() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.open = make(chan struct{})
	return a.arrived
}

// release lets them through again.
func (a *api) release() {
	a.mu.Lock()
	defer a.mu.Unlock()
	close(a.open)
}
