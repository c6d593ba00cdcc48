package schedule

import (
	"time"

	"attemptstream/internal/attempt"
)

// A Span is a half-open range of instants, From ≤ t < Until: what a window makes certain. It is the unit of coverage, as
// attempt.Window is the unit of asking.
type Span struct {
	From  attempt.Instant `json:"from"`
	Until attempt.Instant `json:"until"`
}

// Window is the question whose answer certainly shows all of s, even where the API takes both ends as exclusive. The
// windows of two spans that touch overlap by attempt.Overlap.
func (s Span) Window() attempt.Window {
	return attempt.Window{Start: s.From.Add(-attempt.Overlap), End: s.Until}
}

// Length is the time from From to Until, 0 for an empty span.
func (s Span) Length() time.Duration {
	if s.Empty() {
		return 0
	}
	return s.Until.Sub(s.From)
}

// seconds is Length as a number.
func (s Span) seconds() int64 { return int64(s.Length() / time.Second) }

// Empty tells whether s has no instant at all.
func (s Span) Empty() bool { return s.From >= s.Until }

// Smallest tells whether s is a single second, which cannot be split. Its window is two seconds long.
func (s Span) Smallest() bool { return s.Until-s.From <= 1 }

// Halves cuts s in two that together are s. It must not be Smallest.
func (s Span) Halves() (older, younger Span) {
	middle := s.From + (s.Until-s.From)/2
	return Span{s.From, middle}, Span{middle, s.Until}
}

// Intersect is what s and t have in common; it may be empty.
func (s Span) Intersect(t Span) Span {
	return Span{From: max(s.From, t.From), Until: min(s.Until, t.Until)}
}

// String is from/until, as ISO 8601 spells an interval.
func (s Span) String() string { return s.From.String() + "/" + s.Until.String() }

// join adds s to a sorted list of disjoint spans and merges those that touch.
func join(spans []Span, s Span) []Span {
	if s.Empty() {
		return spans
	}
	var out []Span
	for i, t := range spans {
		switch {
		case t.Until < s.From:
			out = append(out, t)
		case s.Until < t.From:
			return append(append(out, s), spans[i:]...)
		default:
			s = Span{From: min(s.From, t.From), Until: max(s.Until, t.Until)}
		}
	}
	return append(out, s)
}

// cut removes s from a sorted list of disjoint spans.
func cut(spans []Span, s Span) []Span {
	var out []Span
	for _, t := range spans {
		if left := t.Intersect(Span{From: t.From, Until: s.From}); !left.Empty() {
			out = append(out, left)
		}
		if right := t.Intersect(Span{From: s.Until, Until: t.Until}); !right.Empty() {
			out = append(out, right)
		}
	}
	return out
}
