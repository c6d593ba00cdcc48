// Package consoletest is a terminal for tests.
package consoletest

import (
	"strings"
	"sync"
)

// erase is what a console.Screen takes its line away with (ECMA-48: carriage return, EL).
const erase = "\r\x1b[K"

// A Terminal understands as much as a Screen uses of one.
type Terminal struct {
	mu     sync.Mutex
	lines  []string
	writes int
}

func (t *Terminal) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.writes++
	if t.lines == nil {
		t.lines = []string{""}
	}
	for text := string(p); text != ""; {
		last := &t.lines[len(t.lines)-1]
		switch {
		case strings.HasPrefix(text, erase):
			*last, text = "", text[len(erase):]
		case text[0] == '\n':
			t.lines, text = append(t.lines, ""), text[1:]
		default:
			*last, text = *last+text[:1], text[1:]
		}
	}
	return len(p), nil
}

func (t *Terminal) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.Join(t.lines, "/")
}

// Writes is how often something was written.
func (t *Terminal) Writes() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.writes
}
