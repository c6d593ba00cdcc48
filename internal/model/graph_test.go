package model

import "testing"

// The explorer itself, on graphs of numbers.
func TestExplore(t *testing.T) {
	none := func(int) violation { return "" }
	for _, c := range []struct {
		name         string
		edges        map[int][]int
		check, judge func(int) violation
		broken       violation
		length       int // of the trace
	}{
		{"all is well", map[int][]int{0: {1, 2}, 1: {3}, 2: {3}}, none, none, "", 0},
		{"waiting is no cycle", map[int][]int{0: {0, 1}, 1: {1}}, none, none, "", 0},
		{"a cycle", map[int][]int{0: {1, 4}, 1: {2}, 2: {3}, 3: {1}}, none, none, neverEnds, 1},
		{"a bad state, by the shortest way", map[int][]int{0: {1, 2}, 1: {3}, 3: {9}, 2: {9}, 9: {0}},
			func(s int) violation {
				if s == 9 {
					return toldTwice
				}
				return ""
			}, none, toldTwice, 2},
		{"a bad rest", map[int][]int{0: {1}, 1: {2, 1}}, none,
			func(s int) violation {
				if s != 2 {
					t.Error("it does not rest in", s)
				}
				return neverDone
			}, neverDone, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			steps := func(s int, yield func(step, int)) {
				for _, to := range c.edges[s] {
					yield(step{request: request{parts: parts(to)}}, to)
				}
			}
			x := explore(0, steps, c.check, c.judge)
			if x.broken != c.broken || len(x.trace) != c.length {
				t.Fatalf("%q after %d steps, want %q after %d", x.broken, len(x.trace), c.broken, c.length)
			}
			if c.length > 0 && int(x.trace[c.length-1].request.parts) != x.last {
				t.Errorf("the trace leads to %d, and the broken state is %d", x.trace[c.length-1].request.parts, x.last)
			}
		})
	}
}
