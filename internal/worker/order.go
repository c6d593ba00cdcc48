package worker

import (
	"context"

	"attemptstream/internal/attempt"
	"attemptstream/internal/complete"
	"attemptstream/internal/schedule"
)

// A phase is a part of the smallest window. That window is two seconds long, and shows up to three instants if the API
// takes its ends as inclusive.
type phase int

const (
	before phase = iota // the first of its two seconds alone shows it
	during              // both show it, or neither
	after               // the second one alone shows it
	edge                // the second one and the one that follows it show it
)

// phases are those of entries that share their id with another status in the same window.
type phases map[returned]phase

// of is the phase of an entry; one that is not in p has no other status to be told before or after.
func (p phases) of(state attempt.State, e complete.Identity) phase {
	if at, ok := p[returned{state, e}]; ok {
		return at
	}
	return during
}

// lookForPhases finds out in which order the statuses of the given ids came, as far as windows can show it: each of the
// two seconds of the smallest window is asked for on its own, and the one that follows. What they do not tell apart came
// in the same second.
func (s *session) lookForPhases(ctx context.Context, span schedule.Span, a *complete.Answer, ids map[int64]struct{}, found phases) error {
	candidates := map[complete.Identity]struct{}{}
	for i := range a.Attempts {
		if _, ok := ids[a.Attempts[i].ID]; ok {
			candidates[complete.IdentityOf(&a.Attempts[i])] = struct{}{}
		}
	}
	if len(candidates) == 0 {
		return nil
	}
	if err := s.mayAsk(); err != nil {
		return err
	}
	w := span.Window()
	middle := w.Start.Add(attempt.Overlap)
	first, err := s.shown(ctx, a.State, attempt.Window{Start: w.Start, End: middle}, candidates)
	if err != nil {
		return err
	}
	second, err := s.shown(ctx, a.State, attempt.Window{Start: middle, End: w.End}, candidates)
	if err != nil {
		return err
	}
	third, err := s.shown(ctx, a.State, attempt.Window{Start: w.End, End: w.End.Add(attempt.Overlap)}, candidates)
	if err != nil {
		return err
	}
	for e := range candidates {
		_, inFirst := first[e]
		_, inSecond := second[e]
		_, inThird := third[e]
		at := during
		switch {
		case inFirst && !inSecond:
			at = before
		case inSecond && !inFirst && !inThird:
			at = after
		case inSecond && !inFirst:
			at = edge
		}
		found[returned{a.State, e}] = at
	}
	return nil
}
