package complete

import (
	"sync"

	"attemptstream/internal/attempt"
)

// lengths are those of each state's last answer. The next one is likely to be about as long, since windows are made so, or
// nothing happens; so there is room for it from the start, and slices that grow leave no copies of themselves behind.
type lengths struct {
	mu   sync.Mutex
	last map[attempt.State]int
}

// likely is for how many attempts an answer that has any should have room.
func (l *lengths) likely(state attempt.State) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := l.last[state]
	return n + n/8 + 1
}

func (l *lengths) set(state attempt.State, n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.last == nil {
		l.last = map[attempt.State]int{}
	}
	l.last[state] = n
}
