package audit

import (
	"fmt"

	"attemptstream/internal/attempt"
	"attemptstream/internal/schedule"
)

// A piece is time that is audited as a whole: covered, or a gap. Covered pieces do not touch each other.
type piece struct {
	schedule.Span
	gap bool
}

// An Uncovered span is a part of the range of which nothing can be said, and why.
type Uncovered struct {
	Account attempt.Account `json:"account"`
	State   attempt.State   `json:"state"`
	schedule.Span
	Reason string `json:"reason"`
	gap    bool
}

// piecesOf cuts a range by what is covered of a state. Events of what lies before kept may be gone; 0: none are.
func piecesOf(c *schedule.Coverage, want schedule.Span, kept attempt.Instant) (pieces []piece, uncovered []Uncovered) {
	leave := func(s schedule.Span, gap bool, format string, args ...any) {
		if s = s.Intersect(want); !s.Empty() {
			uncovered = append(uncovered, Uncovered{Span: s, Reason: fmt.Sprintf(format, args...), gap: gap})
		}
	}
	if c == nil {
		leave(want, false, "the state was never read: it is not in the worker's STREAM_STATES")
		return nil, uncovered
	}
	leave(schedule.Span{From: want.From, Until: c.Start}, false, "before the coverage, which begins at %s", c.Start)
	start := c.Start
	if kept > start {
		leave(schedule.Span{From: start, Until: min(kept, c.Front)}, false,
			"Kafka has deleted events from before %s (retention), so nothing can be said of what was told", kept)
		start = kept
	}
	from := start
	keep := func(s schedule.Span, gap bool) {
		if s = s.Intersect(want); !s.Empty() {
			pieces = append(pieces, piece{s, gap})
		}
	}
	for _, g := range c.Gaps {
		if g.Until <= start {
			continue
		}
		g.From = max(g.From, start)
		keep(schedule.Span{From: from, Until: g.From}, false)
		keep(g, true)
		leave(g, true, "a gap of the coverage: the worker could not read it")
		from = g.Until
	}
	keep(schedule.Span{From: from, Until: c.Front}, false)
	leave(schedule.Span{From: max(c.Front, start), Until: want.Until}, false, "beyond the front, which is at %s", c.Front)
	return pieces, uncovered
}

// covered tells whether any of the pieces is covered.
func covered(pieces []piece) bool {
	for _, p := range pieces {
		if !p.gap {
			return true
		}
	}
	return false
}
