package schedule

import "attemptstream/internal/attempt"

// Coverage is what has been read of one state: every instant from Start up to, not including, Front, except the Gaps.
type Coverage struct {
	Start attempt.Instant `json:"start"`
	Front attempt.Instant `json:"front"`
	Gaps  []Span          `json:"gaps,omitempty"` // sorted, disjoint, not touching, all within Start and Front
	// Width is the length, in seconds, that the next window at the front is planned with.
	Width int64 `json:"width"`
	// LookedBack[i] is when tier i of the look-back was last read to its end.
	LookedBack []attempt.Instant `json:"lookedBack,omitempty"`
	// Counts are what was told of the state in all its history, for people to see.
	Counts Counts `json:"counts,omitzero"`
}

// Counts are what was told of a state.
type Counts struct {
	Told     int64 `json:"told,omitempty"`     // events, of which
	Late     int64 `json:"late,omitempty"`     // were found by reading covered time again, or while the state was behind others
	CameBack int64 `json:"cameBack,omitempty"` // tell of invitations that were in this status before
	Dead     int64 `json:"dead,omitempty"`     // letters
}

// Through is the first instant that has not certainly been read: the start of the oldest gap, or the front. Everything
// from Start up to it is in the topic.
func (c *Coverage) Through() attempt.Instant {
	if len(c.Gaps) > 0 {
		return c.Gaps[0].From
	}
	return c.Front
}

// advance moves the front over s, which must begin at it, as read.
func (c *Coverage) advance(s Span) { c.Front = s.Until }

// skip moves the front over s, which must begin at it, as a gap.
func (c *Coverage) skip(s Span) {
	c.Front = s.Until
	c.Gaps = join(c.Gaps, s)
}

// fill takes s, which has been read after all, out of the gaps.
func (c *Coverage) fill(s Span) { c.Gaps = cut(c.Gaps, s) }

// before is where the coverage that ends at or before i, not counting gaps, ends: the end of the last window that was
// read before i. It is Start if there was none.
func (c *Coverage) before(i attempt.Instant) attempt.Instant {
	for j := len(c.Gaps) - 1; j >= 0; j-- {
		if g := c.Gaps[j]; g.From < i && i <= g.Until {
			return g.From
		}
	}
	return i
}

// read is s without what is not covered and without the gaps: what may be read again.
func (c *Coverage) read(s Span) []Span {
	s = s.Intersect(Span{c.Start, c.Front})
	if s.Empty() {
		return nil
	}
	spans := []Span{s}
	for _, g := range c.Gaps {
		spans = cut(spans, g)
	}
	return spans
}

// missing tells whether i is in a gap, and until when, at most until end, that does not change.
func (c *Coverage) missing(i, end attempt.Instant) (missing bool, until attempt.Instant) {
	for _, g := range c.Gaps {
		switch {
		case i < g.From:
			return false, min(end, g.From)
		case i < g.Until:
			return true, min(end, g.Until)
		}
	}
	return false, end
}
