package schedule

import (
	"testing"

	"attemptstream/internal/attempt"
)

// Covered through is the start of the oldest gap, and the front when there is none.
func TestThrough(t *testing.T) {
	c := Coverage{Start: start, Front: start + 100}
	if c.Through() != start+100 {
		t.Errorf("through %s, want the front", c.Through())
	}
	c.Gaps = []Span{{start + 10, start + 11}, {start + 50, start + 60}}
	if c.Through() != start+10 {
		t.Errorf("through %s, want the oldest gap", c.Through())
	}
	c.fill(Span{start + 10, start + 55})
	if c.Through() != start+55 {
		t.Errorf("through %s, want what is left of the second gap", c.Through())
	}
}

// Two windows that follow each other show every second between their outer ends, in all four boundary modes.
func TestNothingFallsBetweenTwoWindows(t *testing.T) {
	older, younger := Span{start, start + 5}, Span{start + 5, start + 6}
	for _, mode := range []struct{ start, end attempt.Instant }{{0, 0}, {0, 1}, {1, 0}, {1, 1}} {
		shown := map[attempt.Instant]bool{}
		for _, w := range []attempt.Window{older.Window(), younger.Window()} {
			for i := w.Start + mode.start; i <= w.End-mode.end; i++ {
				shown[i] = true
			}
		}
		for i := start; i < start+6; i++ {
			if !shown[i] {
				t.Errorf("%+v: %s is not shown", mode, i)
			}
		}
	}
}
