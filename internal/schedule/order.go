package schedule

import (
	"slices"
	"time"

	"attemptstream/internal/attempt"
)

// An Order is time that is read again because somebody asked for it: a replay. The planner moves its Position as it is
// told what has been read; the owner commits it together with what was told.
type Order struct {
	States []attempt.State
	Span   Span
	// Position is how far it has come: everything of Span before it has been read, or is Skipped.
	Position attempt.Instant
	Skipped  Skipped
}

// Skipped is what an Order passed over, in seconds of single states.
type Skipped struct {
	Gaps       int64 `json:"gapSeconds,omitempty"`        // gaps of the coverage: what is in them is told when they can be read
	Unreadable int64 `json:"unreadableSeconds,omitempty"` // could be read once, and cannot be now
}

// Done tells whether there is nothing left to read.
func (o *Order) Done() bool { return o.Position >= o.Span.Until }

// Take makes o what is read when nothing else is due, nil for nothing. All its states are read together. Whether they are
// covered is the caller's business; what is not in a gap is read.
func (p *Planner) Take(o *Order) {
	p.order = nil
	if o == nil {
		return
	}
	slices.SortFunc(o.States, func(a, b attempt.State) int { return a.Rank() - b.Rank() })
	p.order = &pass{kind: Replay, order: o, way: &way{width: min(p.widest(), int64(firstWidth/time.Second))}}
	p.passGaps(o)
}

// carryOut is a run of the order, nil if there is none, or none for now.
func (p *Planner) carryOut(now time.Time) *Run {
	if p.order == nil || p.order.order.Done() || p.ready(p.order).After(now) {
		return nil
	}
	span, states := p.piece(p.order.order)
	return &Run{Kind: Replay, States: states, planner: p, pass: p.order, way: p.order.way, next: span.From, until: span.Until}
}

// piece is the longest span at the order's position in which the same states can be read, and these.
func (p *Planner) piece(o *Order) (s Span, states []attempt.State) {
	s = Span{o.Position, o.Span.Until}
	for _, state := range o.States {
		missing, until := false, s.Until
		if c := p.checkpoint.States[state]; c != nil {
			missing, until = c.missing(o.Position, s.Until)
		}
		s.Until = min(s.Until, until)
		if !missing {
			states = append(states, state)
		}
	}
	return s, states
}

// passGaps moves the position out of what is a gap of all states.
func (p *Planner) passGaps(o *Order) {
	for !o.Done() {
		s, states := p.piece(o)
		if len(states) > 0 {
			return
		}
		p.passOver(o, s, 0, 0)
	}
}

// passOver moves the position over s, which was read for some states and could not be for others. The rest are gaps.
func (p *Planner) passOver(o *Order, s Span, read, unreadable int) {
	o.Position = s.Until
	o.Skipped.Unreadable += int64(unreadable) * s.seconds()
	o.Skipped.Gaps += int64(len(o.States)-read-unreadable) * s.seconds()
}

// replayed reports that the run, one of the order's, has read s.
func (r *Run) replayed(s Span, width int64) {
	if r.parted == 0 {
		r.way.width = width
	} else {
		// What follows is likely to be unreadable too. One try decides then, and the windows stay as they are.
		r.way.trouble.clear()
		r.way.trouble.failures = tries - 1
	}
	r.planner.passOver(r.pass.order, s, len(r.States), r.parted)
	r.planner.passGaps(r.pass.order)
}

// replayFailed reports that s, of the order, could not be read for some state.
func (r *Run) replayFailed(s Span, now time.Time) Verdict {
	t := &r.way.trouble
	t.fail(now)
	switch {
	case t.failures < tries:
		return Again
	case s.Smallest():
		return Probe
	}
	t.failures, t.ceiling = 0, s.seconds()/2
	r.Narrow(s)
	return Again
}

// FrontDue is when a front will be due if nothing is read until then, the zero time for never.
func (p *Planner) FrontDue() time.Time {
	var first time.Time
	for i, lane := range p.lanes() {
		if p.settings.Stop != 0 && p.checkpoint.States[lane[0]].Front >= p.settings.Stop {
			continue
		}
		wait := p.step(lane)
		if i > 0 || p.settings.Stop != 0 { // it has a lane to catch up with, or a Stop to reach
			wait = time.Second
		}
		at := p.dueIn(lane, wait)
		if first.IsZero() || at.Before(first) {
			first = at
		}
	}
	return first
}
