package schedule

import (
	"slices"
	"time"

	"attemptstream/internal/attempt"
)

// Kind is why something is read.
type Kind uint8

const (
	Front    Kind = iota // it is new
	LookBack             // it was read before, and is looked through for late arrivals
	Gap                  // it could not be read before
	Replay               // somebody asked for it
)

func (k Kind) String() string {
	return [...]string{"front", "look-back", "gap", "replay"}[k]
}

// A Run is a row of spans that touch, to be read in order; several may be under way at once, but must be reported in
// order, by Read. The first one that fails, or has to be narrower, ends the run.
type Run struct {
	Kind   Kind
	States []attempt.State // in the order in which they are told
	// Lagging is set at a front that another state's front is ahead of: what happened there meanwhile is told already.
	Lagging bool

	planner *Planner
	pass    *pass // nil at a front
	way     *way  // of the pass
	next    attempt.Instant
	until   attempt.Instant
	parted  int // states that Part has left out
}

// front is a run at the front of a lane.
func (p *Planner) front(lane []attempt.State, now time.Time) *Run {
	until, lagging := p.limit(lane, now)
	return &Run{Kind: Front, States: lane, Lagging: lagging, planner: p, next: p.checkpoint.States[lane[0]].Front, until: until}
}

// again is a run of a pass over covered time or gaps, nil if there was nothing to do for it: then it is done.
func (p *Planner) again(pass *pass, now time.Time) *Run {
	c := p.checkpoint.States[pass.state]
	if pass.way == nil {
		pass.way = &way{}
	}
	way := pass.way
	if len(way.rest) == 0 {
		if pass.kind == Gap {
			way.rest, way.width = append(way.rest, c.Gaps...), p.widest()
		} else {
			way.rest = c.read(p.tiers[pass.tier].span(attempt.InstantOf(now), c.LookedBack[pass.tier]))
			if way.trouble.ceiling == 0 || way.width > c.Width {
				way.width = c.Width
			}
		}
	}
	if len(way.rest) == 0 {
		p.finish(pass, now)
		return nil
	}
	return &Run{Kind: pass.kind, States: []attempt.State{pass.state}, planner: p, pass: pass, way: way,
		next: way.rest[0].From, until: way.rest[0].Until}
}

// finish ends a pass and says when the next one is due.
func (p *Planner) finish(pass *pass, now time.Time) {
	if w := pass.way; w != nil && w.trouble == (trouble{}) {
		pass.way = nil // else what is too wide for the API would have to be found out again
	}
	if pass.kind == LookBack {
		p.checkpoint.States[pass.state].LookedBack[pass.tier] = attempt.InstantOf(now)
		pass.due = now.Add(p.tiers[pass.tier].every)
		return
	}
	pass.due = now.Add(gapInterval)
	if p.settings.Lookback > 0 {
		pass.due = now.Add(p.settings.LookbackInterval)
	}
}

// Next is the span to read after those that Next has given before; false when the run has no more for now.
func (r *Run) Next() (Span, bool) {
	if r.next >= r.until {
		return Span{}, false
	}
	s := Span{From: r.next, Until: min(r.until, r.next.Add(time.Duration(r.width())*time.Second))}
	r.next = s.Until
	return s, true
}

// Since is the end of the last window of state that was read before s: what a window over s shares with it is not new.
func (r *Run) Since(state attempt.State, s Span) attempt.Instant {
	return r.planner.checkpoint.States[state].before(s.From)
}

// Yields tells whether the run should end after what is under way, because something more urgent is due.
func (r *Run) Yields(now time.Time) bool {
	if r.Kind == Front && !r.Lagging {
		return false
	}
	lanes := r.planner.lanes()
	if r.Kind == Front {
		return r.planner.due(lanes[0], now) && r.planner.short(lanes[0], now)
	}
	if slices.ContainsFunc(lanes, func(lane []attempt.State) bool { return r.planner.due(lane, now) }) {
		return true
	}
	return r.Kind == Replay && r.planner.longestDue(now) != nil
}

// YieldAt is when something more urgent than the run will be due, the zero time for never. What is under way then is not
// to be waited for.
func (r *Run) YieldAt(now time.Time) time.Time {
	switch {
	case r.Kind != Front:
		return r.planner.FrontDue()
	case !r.Lagging:
		return time.Time{}
	}
	return r.planner.leadDue(now)
}

// Continues tells whether r goes on with what other was to read.
func (r *Run) Continues(other *Run) bool {
	return r.Kind == other.Kind && r.pass == other.pass && r.Lagging == other.Lagging && slices.Equal(r.States, other.States)
}

// Resume makes s, which an earlier run has given, the next span of this one. It is false if it cannot be that any more.
func (r *Run) Resume(s Span) bool {
	if s.Empty() || s.From != r.next || s.Until > r.until {
		return false
	}
	r.next = s.Until
	return true
}

// Read reports that s has been read whole for all the run's states, and that the longest of the answers had n entries.
func (r *Run) Read(s Span, n int, now time.Time) {
	width := r.planner.fit(r.width(), s.seconds(), n)
	for _, state := range r.States {
		t := r.trouble(state)
		t.clear()
		width = t.grow(r.width(), width, s.seconds())
	}
	if r.pass == nil {
		for _, state := range r.States {
			c := r.planner.checkpoint.States[state]
			c.advance(s)
			c.Width = width
		}
		return
	}
	if r.Kind == Replay {
		r.replayed(s, width)
		return
	}
	if r.Kind == Gap {
		r.planner.checkpoint.States[r.pass.state].fill(s)
	}
	r.way.width = width
	r.drop(s, now)
}

// Narrow reports that s was longer than what can be believed or kept: it comes again in halves. The run has ended. It is
// not for a Smallest span.
func (r *Run) Narrow(s Span) {
	half, _ := s.Halves()
	r.setWidth(half.seconds())
}

// drop takes s, the oldest of what is left, from the pass.
func (r *Run) drop(s Span, now time.Time) {
	r.way.rest = cut(r.way.rest, s)
	if len(r.way.rest) == 0 {
		r.planner.finish(r.pass, now)
	}
}

// width is the narrowest of the run's states', in seconds.
func (r *Run) width() int64 {
	width := r.planner.widest()
	if r.way != nil {
		return max(1, min(width, r.way.width))
	}
	for _, state := range r.States {
		width = min(width, r.planner.checkpoint.States[state].Width)
	}
	return max(1, width)
}

func (r *Run) setWidth(width int64) {
	if r.way != nil {
		r.way.width = width
		return
	}
	for _, state := range r.States {
		r.planner.checkpoint.States[state].Width = width
	}
}
