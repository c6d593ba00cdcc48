package worker

import (
	"context"
	"errors"
	"iter"
	"time"

	"attemptstream/internal/attempt"
	"attemptstream/internal/complete"
	"attemptstream/internal/dedupe"
	"attemptstream/internal/event"
	"attemptstream/internal/schedule"
)

// A judgment says what to do with a span's answers.
type judgment int

const (
	told    judgment = iota // all of it is staged
	partly                  // all but what Kafka does not take is staged
	divide                  // nothing is staged: the span has to be read in parts
	later                   // nothing is staged: what has been written has to be committed before
	unknown                 // nothing is staged: what is needed to judge it could not be read
)

// judge stages what the answers show that is to be told. What it needs to ask for is asked for before anything is staged.
// When it is unknown, failed is the state whose requests failed, with the error.
func (s *session) judge(ctx context.Context, run *schedule.Run, span schedule.Span, answers []*complete.Answer) (
	j judgment, failed attempt.State, err error,
) {
	fresh := run.Kind == schedule.Front
	var twice map[int64]struct{}
	if fresh && !run.Lagging || run.Kind == schedule.Replay && !s.replaying.Request.MissingOnly {
		if twice = s.underTwoStatuses(run, answers); twice != nil && !span.Smallest() {
			return divide, "", nil // which came first is not known yet
		}
	}
	if !span.Smallest() && s.refused.any(answers, s.worker.now()) {
		return divide, "", nil
	}
	if fresh && run.Lagging && !span.Smallest() {
		switch hidden, state, err := s.hidden(ctx, run, span, answers); {
		case err != nil:
			return unsettled(err), state, err
		case hidden:
			return divide, "", nil
		}
	}
	var returned returns
	var order phases
	if fresh {
		for _, a := range answers {
			if err := s.lookForReturns(ctx, run, span, a, twice, &returned); err != nil {
				return unsettled(err), a.State, err
			}
		}
	}
	if twice != nil {
		order = phases{}
		for _, a := range answers {
			if err := s.lookForPhases(ctx, span, a, twice, order); err != nil {
				return unsettled(err), a.State, err
			}
		}
	}
	if !s.stage(run, span, answers, returned, order) {
		return partly, "", nil
	}
	return told, "", nil
}

// unsettled is the judgment where what is needed for it could not be asked for.
func unsettled(err error) judgment {
	if errors.Is(err, errOpen) {
		return later
	}
	return unknown
}

// underTwoStatuses are the ids that have more than one status in the answers, at least one of which may have to be told;
// nil if there are none.
func (s *session) underTwoStatuses(run *schedule.Run, answers []*complete.Answer) map[int64]struct{} {
	seen, several := s.seen, map[int64]struct{}(nil)
	clear(seen)
	for e := range repeated(answers) {
		status, again := seen[e.ID]
		if !again {
			seen[e.ID] = e.Status
		} else if status != e.Status {
			if several == nil {
				several = map[int64]struct{}{}
			}
			several[e.ID] = struct{}{}
		}
	}
	if several == nil {
		return nil
	}
	open := map[int64]struct{}{}
	for e := range repeated(answers) {
		if _, ok := several[e.ID]; ok && s.undecided(run, e) {
			open[e.ID] = struct{}{}
		}
	}
	if len(open) == 0 {
		return nil
	}
	return open
}

// repeated are the attempts whose ids are in the answers more than once, and a few others: it looks at no more of an id than
// its last bits, which tell neighbors apart, and that is all that most windows take.
func repeated(answers []*complete.Answer) iter.Seq[*attempt.Attempt] {
	const bits = 1 << 14
	var seen, again [bits / 64]uint64
	some := false
	for _, a := range answers {
		for i := range a.Attempts {
			at := uint64(a.Attempts[i].ID) % bits
			bit := uint64(1) << (at % 64)
			if seen[at/64]&bit != 0 {
				again[at/64] |= bit
				some = true
			}
			seen[at/64] |= bit
		}
	}
	return func(yield func(*attempt.Attempt) bool) {
		if !some {
			return
		}
		for _, a := range answers {
			for i := range a.Attempts {
				at := uint64(a.Attempts[i].ID) % bits
				if again[at/64]&(1<<(at%64)) != 0 && !yield(&a.Attempts[i]) {
					return
				}
			}
		}
	}
}

// stage stages what the answers show that is to be told. It is false if something had to be left out, because Kafka does
// not take it.
func (s *session) stage(run *schedule.Run, span schedule.Span, answers []*complete.Answer, returned returns, order phases) bool {
	all := true
	for phase := before; phase <= edge; phase++ {
		if order == nil && phase != during {
			continue // everything is
		}
		for _, a := range answers {
			o := event.Observation{Account: s.memory.Name, State: a.State, Window: span.Window(), ObservedAt: a.At}
			for i := range a.Attempts {
				e := &a.Attempts[i]
				if order != nil && order.of(a.State, complete.IdentityOf(e)) != phase {
					continue
				}
				all = s.stageAttempt(run, &o, e, returned) && all
			}
		}
	}
	for _, a := range answers {
		all = s.stageLetters(run, span, a) && all
	}
	return all
}

// stageAttempt stages an attempt, with what o says of its answer, if it is to be told.
func (s *session) stageAttempt(run *schedule.Run, o *event.Observation, e *attempt.Attempt, returned returns) bool {
	if run.Kind == schedule.Replay {
		return s.stageReplayed(o, e)
	}
	standing := s.memory.Index.Look(e.ID, e.Status)
	o.Late, o.CameBack = false, false
	switch {
	case run.Kind != schedule.Front && !standing.Told:
		o.Late = true
	case run.Kind == schedule.Front && !standing.Told:
		// Where other states are ahead, what they told of the invitation may have come later.
		o.Late = run.Lagging && standing.Others
	case run.Kind == schedule.Front && standing.Superseded && returned.has(o.State, complete.IdentityOf(e)):
		o.CameBack, o.Late = true, run.Lagging
		returned.taken(o.State, complete.IdentityOf(e))
	default:
		s.batch.of(o.State).Known++
		return true
	}
	if s.refused.is(complete.IdentityOf(e), o.ObservedAt) {
		return false
	}
	s.tell(o, e)
	return true
}

// stageLetters stages what of an answer cannot be an event.
func (s *session) stageLetters(run *schedule.Run, span schedule.Span, a *complete.Answer) bool {
	all := true
	for i := range a.Malformed {
		m := &a.Malformed[i]
		hash := dedupe.HashOf(s.memory.Name, a.State, m.Raw)
		switch {
		case s.memory.Letters.Has(hash):
		case s.refused.is(complete.Identity{Raw: m.Raw}, a.At):
			all = false
		default:
			s.memory.Letters.Add(hash)
			s.memory.Checkpoint.States[a.State].Counts.Dead++
			if run.Kind == schedule.Replay {
				s.replaying.Progress.Dead++
			}
			s.batch.letter(&event.DeadLetter{Account: s.memory.Name, State: a.State, Window: span.Window(), Reason: m.Reason,
				Hash: hash, Raw: m.Raw})
		}
	}
	return all
}

// tell stages an event, of the attempt e, and what follows from it for the index.
func (s *session) tell(o *event.Observation, e *attempt.Attempt) {
	kept := &s.memory.Checkpoint.States[o.State].Counts
	if !o.Late {
		kept.Told++
	}
	switch {
	case o.Late && o.CameBack: // the index knows the status, and not which one was last
	case o.Late:
		s.memory.Index.TellLate(e.ID, e.Status)
	default:
		s.memory.Index.Tell(e.ID, e.Status)
	}
	if o.CameBack {
		kept.CameBack++
		s.batch.of(o.State).CameBack++
	}
	if o.Late {
		s.countLate(o)
	}
	s.batch.event(o, e)
}

// countLate counts an event that was found late. What lies before all that was ever covered did not come late: it was
// never asked for.
func (s *session) countLate(o *event.Observation) {
	c := s.memory.Checkpoint.States[o.State]
	c.Counts.Told++
	c.Counts.Late++
	s.batch.of(o.State).Late++
	if o.Window.End > c.Start {
		s.batch.late = append(s.batch.late, o.ObservedAt.Sub(o.Window.End.Time()))
	}
}

// refusals are entries that Kafka did not take, with the time of the last try. They are tried again after a while: who
// reads that a topic's limit is too low may have raised it.
type refusals map[complete.Identity]time.Time

const refusalPause = 10 * time.Minute

func (r refusals) is(e complete.Identity, now time.Time) bool {
	if len(r) == 0 {
		return false
	}
	tried, ok := r[e]
	return ok && now.Sub(tried) < refusalPause
}

func (r refusals) any(answers []*complete.Answer, now time.Time) bool {
	if len(r) == 0 {
		return false
	}
	for _, a := range answers {
		for e := range a.Entries() {
			if r.is(e, now) {
				return true
			}
		}
	}
	return false
}
