package schedule

import (
	"math/rand/v2"
	"slices"
	"time"

	"attemptstream/internal/attempt"
)

const (
	// tries is how often a window fails before it is split, given up where it cannot be, or, where only some of the
	// states fail, told for the others alone. Who reports a failure has asked more than once, so this does not happen by
	// the bad luck of single requests.
	tries = 2
	// firstBackOff and lastBackOff bound the time between two tries; it doubles, with full jitter.
	firstBackOff = 250 * time.Millisecond
	lastBackOff  = time.Minute
)

// trouble is a row of failures of one state's front, or of one pass. They are kept apart: a window that fails in a pass,
// since it is wider than those at the front for example, must neither hold back the front nor be forgiven by it, or it
// would never be split.
type trouble struct {
	failures int // in a row, of the same window
	row      int // in a row, of any window
	until    time.Time
	// ceiling is the width, in seconds, at which a window was left after one twice as wide had failed; 0: none has. What
	// is too wide for the API today is so in a minute.
	ceiling int64
}

func (t *trouble) clear() { *t = trouble{ceiling: t.ceiling} }

// grow is the width after a window of so many seconds was read, where the next one could be wider. Up to the ceiling it
// is what it could be; above it grows slowly, so that few windows fail, until the one that failed can be read.
func (t *trouble) grow(width, next, read int64) int64 {
	if read >= 2*t.ceiling {
		t.ceiling = 0
	}
	if t.ceiling == 0 {
		return next
	}
	return min(next, max(t.ceiling, width+max(1, width/16)))
}

func (t *trouble) fail(now time.Time) {
	t.failures++
	t.row++
	longest := min(lastBackOff, firstBackOff<<min(t.row-1, 20))
	t.until = now.Add(rand.N(longest) + time.Millisecond)
}

// A Verdict is what follows from a failure.
type Verdict int

const (
	// Again: the same is read again when Begin gives it.
	Again Verdict = iota
	// Part: the states that did not fail are told on their own (Run.Part), and go on without the others.
	Part
	// Probe: a second that fails for good, or an API that is down? Reading Run.Probe tells.
	Probe
)

// Failed reports that s could not be read for some of the run's states. The run has ended.
func (r *Run) Failed(s Span, states []attempt.State, now time.Time) Verdict {
	if r.Kind == Replay {
		return r.replayFailed(s, now)
	}
	again := true
	for _, state := range r.States {
		if !slices.Contains(states, state) {
			r.trouble(state).clear() // it answered, so its row of failures has ended
		}
	}
	for _, state := range states {
		t := r.trouble(state)
		t.fail(now)
		again = again && t.failures < tries
	}
	if r.Kind == Gap && !s.Smallest() {
		again = false // it failed before it became a gap
	}
	switch {
	case again:
		return Again
	case len(states) < len(r.States):
		return Part
	case s.Smallest() && r.Kind == Front:
		return Probe
	}
	for _, state := range states {
		t := r.trouble(state)
		t.failures = 0
		if r.Kind != Gap {
			t.ceiling = s.seconds() / 2
		}
	}
	if s.Smallest() { // of a gap or of a look-back: it has its turn again in the next pass
		r.drop(s, now)
		return Again
	}
	r.Narrow(s)
	return Again
}

// Cautious tells whether what was tried last of the run failed: then it is enough to try one span.
func (r *Run) Cautious() bool {
	return slices.ContainsFunc(r.States, func(state attempt.State) bool { return r.trouble(state).row > 0 })
}

// Part is the run for some of its states alone: after a Failed that says Part, those that have been read whole. The same
// goes for a replay when all that failed have answered the Probe; the others pass over the second.
func (r *Run) Part(states []attempt.State) *Run {
	part := *r
	part.States, part.parted = states, r.parted+len(r.States)-len(states)
	return &part
}

// Probe is the youngest second of state before s that is not in a gap: it was read when it was the front, so an API that
// works shows it again. For a replay it is the youngest of all, for a second that was read long ago may be gone.
func (r *Run) Probe(state attempt.State, s Span) Span {
	end := s.From
	if c := r.planner.checkpoint.States[state]; c != nil {
		if r.Kind == Replay {
			end = c.Front
		}
		end = c.before(end)
	}
	return Span{From: end - 1, Until: end}
}

// Probed reports for which of the states the probe was answered. For those s becomes a gap, and the front moves on; the
// others are down, and s is tried again for as long as they are. A replay waits for all states, and does not move on.
func (r *Run) Probed(s Span, answered []attempt.State) {
	if r.Kind == Replay {
		r.way.trouble.failures = tries - 1
		return
	}
	for _, state := range answered {
		r.planner.checkpoint.States[state].skip(s)
		r.planner.trouble[state].clear()
	}
	for _, state := range r.States {
		// One try decides next time: a long outage, and a long gap, should not cost more requests than they must.
		r.planner.trouble[state].failures = tries - 1
	}
}

// Skip reports that s was read and that not all of it could be told: it becomes a gap of all the run's states, and is
// read again with the gaps. Gaps that are read again stay; a replay passes over it.
func (r *Run) Skip(s Span, now time.Time) {
	if r.Kind == Replay {
		r.Part(nil).replayed(s, 0)
		return
	}
	for _, state := range r.States {
		r.trouble(state).clear()
		if r.Kind == Front {
			r.planner.checkpoint.States[state].skip(s)
		}
	}
	if r.pass != nil {
		r.drop(s, now)
	}
}

// trouble is that of the run's pass, or of the state's front.
func (r *Run) trouble(state attempt.State) *trouble {
	if r.way != nil {
		return &r.way.trouble
	}
	return r.planner.trouble[state]
}

// Postpone says that nothing of the account may be asked before the given time, whatever is due.
func (p *Planner) Postpone(until time.Time) {
	if until.After(p.postponed) {
		p.postponed = until
	}
	for _, t := range p.trouble {
		if until.After(t.until) {
			t.until = until
		}
	}
}
