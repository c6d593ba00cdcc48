package audit

import (
	"cmp"
	"context"
	"slices"
	"time"

	"attemptstream/internal/dedupe"
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
	behind := map[bool]*hidden{false: events, true: letters}
	for i := range s.candidates {
		c := &s.candidates[i]
		if h := behind[c.kind.letter()]; h != nil && c.fate == open {
			s.decide(c, unread)
			s.run.report.unread(Unread{Account: s.run.table.account(&c.entry), State: stateOf(&c.entry), Span: spanOf(&c.entry), Reason: h.String()})
		}
	}
	return nil
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
