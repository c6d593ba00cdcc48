package audit

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"attemptstream/internal/attempt"
	"attemptstream/internal/complete"
	"attemptstream/internal/dedupe"
	"attemptstream/internal/schedule"
	"attemptstream/internal/state"
)

// maxCandidates is how many attempts are looked for once more. Where more seem to be missing, something is so wrong that
// the others are missing without a second look.
const maxCandidates = 100_000

// A fate is what the second look at a candidate has shown.
type fate uint8

const (
	open     fate = iota
	wasTold       // an event was found after all
	gone          // it is not shown any more
	outside       // it lies beyond the edge of what is audited
	inGap         // it lies beyond the edge of a gap
	unread        // it could not be looked at
	byIndex       // the index says that it was told, in an event that Kafka has deleted
	unlooked      // there were too many
)

// A candidate seems to be missing: it was shown, and no event was found.
type candidate struct {
	entry
	fate fate
}

// An identity is what a candidate is looked for by.
type identity struct {
	account, state, status int // state of letters only: an event's identity has none
	id                     int64
	hash                   dedupe.Hash
}

func identityOf(e *entry) identity {
	if e.kind.letter() {
		return identity{account: e.account, state: e.state, hash: e.hash}
	}
	return identity{account: e.account, status: e.status, id: e.id}
}

// A second is the second look at all candidates.
type second struct {
	run        *run
	most       int
	candidates []candidate
	by         map[identity]int
	left       int // that are open
}

func newSecond(r *run) *second {
	return &second{run: r, most: maxCandidates, by: map[identity]int{}}
}

// add makes an entry a candidate.
func (s *second) add(e *entry) error {
	if len(s.candidates) == s.most {
		return s.settle(&candidate{*e, unlooked})
	}
	s.candidates = append(s.candidates, candidate{entry: *e})
	return nil
}

// look decides what becomes of the candidates.
func (s *second) look(ctx context.Context) error {
	if len(s.candidates) == 0 {
		return nil
	}
	slices.SortFunc(s.candidates, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(a.account, b.account), cmp.Compare(a.state, b.state), cmp.Compare(a.window.Start, b.window.Start),
			cmp.Compare(a.window.End, b.window.End), compareEntries(a.entry, b.entry))
	})
	for i := range s.candidates {
		s.by[identityOf(&s.candidates[i].entry)] = i
	}
	s.left = len(s.candidates)
	for _, step := range []func(context.Context) error{s.older, s.again, s.newer, s.index} {
		if s.left == 0 {
			break
		}
		if err := step(ctx); err != nil {
			return err
		}
	}
	for i := range s.candidates {
		if err := s.settle(&s.candidates[i]); err != nil {
			return err
		}
	}
	return nil
}

// decide sets the fate of a candidate that is open.
func (s *second) decide(c *candidate, f fate) {
	if c.fate == open {
		c.fate = f
		s.left--
	}
}

// found takes note of something that was told.
func (s *second) found(e *entry) error {
	if i, ok := s.by[identityOf(e)]; ok {
		s.decide(&s.candidates[i], wasTold)
	}
	return nil
}

// older looks in the events before those that were read.
func (s *second) older(ctx context.Context) error {
	total := int64(0)
	for p, end := range s.run.events.begin {
		total += end - s.run.events.first[p]
	}
	s.run.Progress.begin("looking for older events", total)
	return s.run.events.before(ctx, s.run.teller().event(func(e *entry, _ *event) error { return s.found(e) }))
}

// newer looks in what was committed since, also behind transactions that are open: what was committed behind them is told,
// though no consumer sees it yet.
func (s *second) newer(ctx context.Context) error {
	s.run.Progress.begin("looking for newer events", 0)
	t := s.run.teller()
	events, err := s.run.events.readAll(ctx, t.event(func(e *entry, _ *event) error { return s.found(e) }))
	if err != nil {
		return err
	}
	letters, err := s.run.dlq.readAll(ctx, t.letter(s.found))
	if err != nil {
		return err
	}
	hidden := map[bool]*hidden{false: events, true: letters}
	for i := range s.candidates {
		c := &s.candidates[i]
		if h := hidden[c.kind.letter()]; h != nil && c.fate == open {
			s.decide(c, unread)
			s.run.report.unread(Unread{Account: s.run.table.account(&c.entry), State: stateOf(&c.entry), Span: spanOf(&c.entry), Reason: h.String()})
		}
	}
	return nil
}

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

// index looks at what was told by the index: what the topic cannot tell any more since Kafka has deleted it, the index of what was told can. It was
// written in the transactions that held the events.
func (s *second) index(ctx context.Context) error {
	truncated := map[bool]bool{false: s.run.events.truncated(), true: s.run.dlq.truncated()}
	memories := map[int]*state.Account{}
	for i := range s.candidates {
		c := &s.candidates[i]
		if c.fate != open || !truncated[c.kind.letter()] {
			continue
		}
		memory := memories[c.account]
		if memory == nil {
			name := s.run.Accounts[c.account].Name
			at := state.Partition{Topic: s.run.Topics.State.Name, Partition: s.run.statePartition(name)}
			var err error
			if memory, err = state.Recover(ctx, s.run.Kafka, at, name); err != nil {
				return err
			}
			memories[c.account] = memory
		}
		if c.kind.letter() && memory.Letters.Has(c.hash) || !c.kind.letter() && memory.Index.Look(c.id, s.run.names.status(c.status)).Told {
			s.decide(c, byIndex)
		}
	}
	return nil
}

// settle puts what was decided into the report.
func (s *second) settle(c *candidate) error {
	e, table := &c.entry, s.run.table
	if e.kind.letter() {
		return s.settleLetter(c)
	}
	row := table.row(e)
	var kind Kind
	note := ""
	switch c.fate {
	case wasTold:
		table.isTold(e)
		return nil
	case gone, outside, unread:
		table.notShown(e)
		return nil
	case inGap:
		table.notShown(e)
		row.InGap++
		kind = InGap
	case byIndex:
		table.isTold(e)
		kind = ByIndex
	case unlooked:
		kind, note = Missing, "not looked for once more: too many seem to be missing"
		row.Missing++
	case open:
		kind, note = Missing, s.run.lookedBack(e)
		row.Missing++
	}
	l := table.line(kind, e)
	l.Note = note
	return s.run.report.line(l)
}

// lookedBack says when the worker has last looked for late arrivals where an attempt is missing: what arrived since is told
// by its look-back.
func (r *run) lookedBack(e *entry) string {
	c := r.known[e.account].States[stateOf(e)]
	age, older := r.began.Sub(e.window.End.Time()), time.Hour // of the youngest tier; each that follows ends at twice the age
	for _, at := range c.LookedBack {
		if age < older {
			return "its time was last read again at " + at.String() + "; what arrived since is the look-back's to tell"
		}
		older *= 2
	}
	return "no look-back reads its time again"
}

func (s *second) settleLetter(c *candidate) error {
	counts := s.run.table.letter(&c.entry)
	kind := MissingLetter
	switch c.fate {
	case wasTold:
		counts.Told++
		return nil
	case gone, outside, unread:
		counts.Shown--
		return nil
	case inGap:
		counts.Shown--
		kind = InGap
	case byIndex:
		counts.Told++
		kind = ByIndex
	default:
		counts.Missing++
	}
	return s.run.report.line(s.run.table.line(kind, &c.entry))
}
