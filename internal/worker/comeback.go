package worker

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"attemptstream/internal/attempt"
	"attemptstream/internal/complete"
	"attemptstream/internal/imocha"
	"attemptstream/internal/schedule"
)

// returns are the entries of a span that came back to a status which they had before.
type returns map[returned]struct{}

// returned is an entry of a state.
type returned struct {
	state attempt.State
	entry complete.Identity
}

func (r returns) has(state attempt.State, e complete.Identity) bool {
	_, ok := r[returned{state, e}]
	return ok
}

// taken forgets an entry that is being told. An answer can show it twice, and where it is told late, nothing else keeps
// it from being told again.
func (r returns) taken(state attempt.State, e complete.Identity) { delete(r, returned{state, e}) }

// lookForReturns finds out which entries of a are back in a status that was told before. An entry with such a status came
// back, unless it lies in what the window shares with the one before, and was told from there. So two parts of the window
// are asked for once more: what lies in the rest, from a second after the end of the window before, came back; what does
// not, and lies in the last second of the window before, was told from it; what lies in neither is at the edge between
// them, which the API excludes from windows on one of its ends, and so was not in the window before: it came back too.
//
// Three changes of an invitation within two seconds can look as if it had not come back.
func (s *session) lookForReturns(
	ctx context.Context, run *schedule.Run, span schedule.Span, a *complete.Answer, twice map[int64]struct{}, found *returns,
) error {
	candidates := map[complete.Identity]struct{}{}
	for i := range a.Attempts {
		e := &a.Attempts[i]
		standing := s.memory.Index.Look(e.ID, e.Status)
		_, undecided := twice[e.ID] // what is told before it, of the same span, supersedes it
		if standing.Told && (standing.Superseded || undecided) {
			candidates[complete.IdentityOf(e)] = struct{}{}
		}
	}
	if len(candidates) == 0 {
		return nil
	}
	if err := s.mayAsk(); err != nil {
		return err
	}
	before, end := run.Since(a.State, span), span.Window().End
	inRest, err := s.shown(ctx, a.State, attempt.Window{Start: before.Add(attempt.Overlap), End: end}, candidates)
	if err != nil {
		return err
	}
	inShared, err := s.shown(ctx, a.State, attempt.Window{Start: before.Add(-attempt.Overlap), End: before}, candidates)
	if err != nil {
		return err
	}
	if *found == nil {
		*found = returns{}
	}
	for e := range candidates {
		_, later := inRest[e]
		_, shared := inShared[e]
		if later || !shared {
			(*found)[returned{a.State, e}] = struct{}{}
		}
	}
	return nil
}

// hidden tells whether a return may be hidden in the span of a state that is behind: a window shows an entry that came back
// within it as it shows one that did not. Where the states are read together, the status in between stands beside it, and the
// span is divided. Here that status was told by a state that is ahead: so those are asked for the same window, if the answers
// show an invitation of which another status was told. If they show it too, or cannot be read, the span is to be divided.
//
// The error is one for which nothing of the account can be asked now, or the end of ctx.
func (s *session) hidden(ctx context.Context, run *schedule.Run, span schedule.Span, answers []*complete.Answer) (
	hidden bool, failed attempt.State, err error,
) {
	suspects := map[int64]struct{}{}
	for _, a := range answers {
		for i := range a.Attempts {
			if e := &a.Attempts[i]; s.memory.Index.Look(e.ID, e.Status).Others {
				suspects[e.ID] = struct{}{}
			}
		}
	}
	if len(suspects) == 0 {
		return false, "", nil
	}
	if err := s.mayAsk(); err != nil {
		return false, "", err
	}
	for _, state := range s.worker.Schedule.States {
		if slices.Contains(run.States, state) || s.memory.Checkpoint.States[state].Front < span.Until {
			continue
		}
		a, found, err := s.reader.Read(ctx, state, span)
		switch {
		case err != nil && (ctx.Err() != nil || holdFor(err, s.worker.now()) != nil):
			return false, state, fmt.Errorf("ask a state that is ahead: %w", err)
		case err != nil && !errors.Is(err, complete.ErrLong):
			s.complain(span, state, err)
			return true, "", nil
		case err != nil, found == complete.Cut, found == complete.Changed:
			return true, "", nil
		}
		shows := slices.ContainsFunc(a.Attempts, func(e attempt.Attempt) bool { _, ok := suspects[e.ID]; return ok })
		s.reader.Release(a)
		if shows {
			return true, "", nil
		}
	}
	return false, "", nil
}

// shown are those of the candidates that a window shows. An empty window shows nothing and is not asked for.
func (s *session) shown(
	ctx context.Context, state attempt.State, w attempt.Window, candidates map[complete.Identity]struct{},
) (map[complete.Identity]struct{}, error) {
	found := map[complete.Identity]struct{}{}
	if w.Start >= w.End {
		return found, nil
	}
	err := s.request(ctx, state, w, func() func(*imocha.Entry) error {
		clear(found)
		return func(e *imocha.Entry) error {
			if e.Malformed != nil {
				return nil
			}
			if _, ok := candidates[complete.IdentityOf(&e.Attempt)]; ok {
				found[complete.IdentityOf(&e.Attempt)] = struct{}{}
			}
			return nil
		}
	})
	if err != nil {
		return nil, fmt.Errorf("ask for part of a window, %s: %w", w, err)
	}
	return found, nil
}
