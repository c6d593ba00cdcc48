package audit

import (
	"context"
	"fmt"
	"slices"
	"time"

	"attemptstream/internal/attempt"
	"attemptstream/internal/complete"
	"attemptstream/internal/dedupe"
	"attemptstream/internal/schedule"
)

// again asks the API once more for the spans in which candidates were shown.
func (s *second) again(ctx context.Context) error {
	s.run.Progress.begin("asking iMocha again", int64(s.left))
	for rest := s.candidates; len(rest) > 0; {
		first, n := &rest[0], 1
		for n < len(rest) && rest[n].account == first.account {
			n++
		}
		reader := s.run.reader(s.run.Accounts[first.account])
		for group := rest[:n]; len(group) > 0; {
			m := 1
			for m < len(group) && group[m].state == group[0].state && group[m].window == group[0].window {
				m++
			}
			if err := s.span(ctx, reader, group[:m]); err != nil {
				return fmt.Errorf("account %s: %w", s.run.Accounts[first.account].Name, err)
			}
			group = group[m:]
		}
		rest = rest[n:]
	}
	return nil
}

// span looks at candidates that were shown in the same span.
func (s *second) span(ctx context.Context, reader *complete.Reader, group []candidate) error {
	s.run.Progress.done.Add(int64(len(group)))
	candidates := map[identity]*candidate{}
	for i := range group {
		if c := &group[i]; c.fate == open {
			candidates[identityOf(&c.entry)] = c
		}
	}
	if len(candidates) == 0 {
		return nil
	}
	first := &group[0].entry
	shown := map[identity]bool{}
	all := true
	w := s.run.walker(reader, stateOf(first))
	w.width = int64(spanOf(first).Length() / time.Second)
	w.take = func(a *complete.Answer, _ schedule.Span, _ bool) error { return s.see(first, a, shown) }
	w.unread = func(span schedule.Span, why error) {
		all = false
		s.run.report.unread(Unread{Account: s.run.table.account(first), State: stateOf(first), Span: span, Reason: "asked for again: " + why.Error()})
	}
	if err := w.walk(ctx, spanOf(first)); err != nil {
		return err
	}
	for id, c := range candidates {
		switch {
		case !shown[id] && all:
			s.decide(c, gone)
		case !shown[id]:
			s.decide(c, unread)
		}
	}
	return s.edges(ctx, reader, first, candidates)
}

// see notes what an answer to a request of first's account and state shows.
func (s *second) see(first *entry, a *complete.Answer, shown map[identity]bool) error {
	for i := range a.Attempts {
		number, err := s.run.names.number(a.Attempts[i].Status)
		if err != nil {
			return err
		}
		shown[identity{account: first.account, status: number, id: a.Attempts[i].ID}] = true
	}
	for i := range a.Malformed {
		shown[identity{account: first.account, state: first.state,
			hash: dedupe.HashOf(s.run.table.account(first), stateOf(first), a.Malformed[i].Raw)}] = true
	}
	return nil
}

// edges looks which candidates lie beyond an edge of what is audited, by what smaller windows at it show. An attempt at the
// very second of the edge is shown in different windows by APIs that differ in which ends are theirs:
//
//	at the edge e             before it   after it
//	                          [e-1, e]    [e, e+1]
//	both ends inclusive       shown       shown
//	only the start            -           shown
//	only the end              shown       -
//	neither                   -           -
//
// and one within the second before or after it in that window alone. So at the beginning of a piece a candidate lies in it
// if a window from e on shows it, or if the second before e does not; and at its end if a window up to one second
// before e shows it, or if the second after e does not. Where an API has only the end inclusive, its seconds end with the
// whole ones, and an attempt at e belongs to the second before.
func (s *second) edges(ctx context.Context, reader *complete.Reader, first *entry, candidates map[identity]*candidate) error {
	span := spanOf(first)
	if first.has(flagFirst) {
		inside := attempt.Window{Start: span.From, End: span.Until}
		beyond := attempt.Window{Start: span.From.Add(-attempt.Overlap), End: span.From}
		if err := s.edge(ctx, reader, first, inside, beyond, candidates); err != nil {
			return err
		}
	}
	if first.has(flagLast) {
		inside := attempt.Window{Start: span.From.Add(-attempt.Overlap), End: span.Until.Add(-attempt.Overlap)}
		beyond := attempt.Window{Start: span.Until, End: span.Until.Add(attempt.Overlap)}
		if wait := time.Until(beyond.End.Time()); wait > 0 { // the API may not take a time that has not come
			if err := pause(ctx, wait); err != nil {
				return err
			}
		}
		return s.edge(ctx, reader, first, inside, beyond, candidates)
	}
	return nil
}

func (s *second) edge(
	ctx context.Context, reader *complete.Reader, first *entry, inside, beyond attempt.Window, candidates map[identity]*candidate,
) error {
	undecided := false
	for _, c := range candidates {
		undecided = undecided || c.fate == open
	}
	if !undecided {
		return nil
	}
	in, out := map[identity]bool{}, map[identity]bool{}
	for _, q := range []struct {
		window attempt.Window
		shown  map[identity]bool
	}{{inside, in}, {beyond, out}} {
		if q.window.Start >= q.window.End {
			continue
		}
		err := s.ask(ctx, reader, first, q.window, q.shown)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case lasting(err):
			return err
		case err != nil:
			return s.edgeUnread(first, q.window, err, candidates)
		}
	}
	f := outside
	if s.gapAt(first, beyond) {
		f = inGap
	}
	for id, c := range candidates {
		if !in[id] && out[id] {
			s.decide(c, f)
		}
	}
	return nil
}

// gapAt tells whether a window has a gap of first's account and state in it.
func (s *second) gapAt(first *entry, w attempt.Window) bool {
	return slices.ContainsFunc(s.run.pieces[first.account][first.state], func(p piece) bool {
		return p.gap && p.From < w.End && w.Start < p.Until
	})
}

// edgeUnread is for an edge that cannot be looked at. That of a gap is what the gap is for.
func (s *second) edgeUnread(first *entry, w attempt.Window, why error, candidates map[identity]*candidate) error {
	f := unread
	if s.gapAt(first, w) {
		f = inGap
	}
	for _, c := range candidates {
		s.decide(c, f)
	}
	if f == unread {
		s.run.report.unread(Unread{Account: s.run.table.account(first), State: stateOf(first),
			Span: schedule.Span{From: w.Start, Until: w.End}, Reason: "asked for again: " + why.Error()})
	}
	return nil
}

// ask notes what a window shows, as it comes.
func (s *second) ask(ctx context.Context, reader *complete.Reader, first *entry, w attempt.Window, shown map[identity]bool) error {
	a, err := askWindow(ctx, reader, stateOf(first), w)
	if err != nil {
		return err
	}
	return s.see(first, a, shown)
}
