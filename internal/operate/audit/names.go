package audit

import (
	"fmt"
	"hash/fnv"
	"strings"
	"sync"
	"unicode/utf8"

	"attemptstream/internal/attempt"
)

// Bounds of what is remembered by name: statuses are some, replays some hundred. What is beyond comes from something that
// has gone mad.
const (
	maxStatuses = 1 << 16
	maxReplays  = 1 << 14
)

// names are the texts that entries have numbers for. They are safe for concurrent use.
type names struct {
	mu       sync.Mutex
	numbers  map[attempt.Status]int
	statuses []attempt.Status
	replays  map[uint64]string
}

func newNames() *names {
	return &names{numbers: map[attempt.Status]int{}, replays: map[uint64]string{}}
}

// number is that of a status. Statuses that differ in bytes which are not UTF-8 are one, as they are in events.
func (n *names) number(status attempt.Status) (int, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if number, ok := n.numbers[status]; ok {
		return number, nil
	}
	valid := valid(status)
	number, ok := n.numbers[valid]
	if !ok {
		if len(n.statuses) == maxStatuses {
			return 0, fmt.Errorf("there are more than %d different statuses: this is not an API that can be audited", maxStatuses)
		}
		number = len(n.statuses)
		n.statuses = append(n.statuses, valid)
		n.numbers[valid] = number
	}
	return number, nil
}

// valid is a status as events have it: every byte that is not UTF-8 is replaced. It shares no memory with s.
func valid(s attempt.Status) attempt.Status {
	out := make([]byte, 0, len(s))
	for _, r := range string(s) {
		out = utf8.AppendRune(out, r)
	}
	return attempt.Status(out)
}

func (n *names) status(number int) attempt.Status {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.statuses[number]
}

// replay is the number that stands for a replay's id.
func (n *names) replay(id string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(id)) // it never fails
	number := h.Sum64()
	n.mu.Lock()
	defer n.mu.Unlock()
	if _, ok := n.replays[number]; !ok && len(n.replays) < maxReplays {
		n.replays[number] = strings.Clone(id)
	}
	return number
}

func (n *names) replayID(number uint64) string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.replays[number]
}
