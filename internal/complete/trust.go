package complete

import (
	"sync"

	"attemptstream/internal/schedule"
)

// Trust is schedule.Trust for requests that are under way side by side.
type Trust struct {
	mu    sync.Mutex
	known schedule.Trust
}

// Set makes t what was known before.
func (t *Trust) Set(known schedule.Trust) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.known = known
}

// Known is t at the moment.
func (t *Trust) Known() schedule.Trust {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.known
}

func (t *Trust) complete(n int) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.known.Complete(n)
}

func (t *Trust) prove(n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.known.Prove(n)
}

func (t *Trust) cut(n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.known.Cut(n)
}
