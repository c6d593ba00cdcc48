package schedule

import (
	"slices"
	"time"

	"attemptstream/internal/attempt"
)

// gapInterval is how often gaps are tried again where the look-back, which sets the pace otherwise, is off.
const gapInterval = 10 * time.Minute

// firstWidth is the length of the first window of a state, of whose density nothing is known yet.
const firstWidth = time.Minute

// Settings are what the operator decides. Durations are in whole seconds.
type Settings struct {
	States           []attempt.State
	Start            attempt.Instant // where a state with no coverage begins
	PollInterval     time.Duration
	SettleDelay      time.Duration // nothing younger than this is asked for
	Lookback         time.Duration // 0: covered time is not read again
	LookbackInterval time.Duration
	WindowMax        time.Duration   // longest window
	WindowAttempts   int             // answers are kept under this length
	Stop             attempt.Instant // 0: none; else nothing at or after it is asked for at the fronts
	// Phase is by how much the fronts are to be off the multiples of PollInterval, so that accounts that begin together do
	// not poll together ever after. Fronts are whole seconds; by what it has beside those, polls come later.
	Phase time.Duration
}

// A Planner says what to read next of one account. It changes the Checkpoint that it was given as it is told what has
// been read; the owner commits that checkpoint together with what was read. It is not safe for concurrent use.
type Planner struct {
	settings   Settings
	checkpoint *Checkpoint
	tiers      []tier
	trouble    map[attempt.State]*trouble // of the fronts; passes wait for it too
	passes     []pass                     // look-back and gaps: one per state and tier, and one per state
	order      *pass                      // nil: nothing has been ordered
	postponed  time.Time                  // nothing may be asked for before
	reached    reach
}

// A pass is covered time, or gaps, of one state that are read again every so often; or an order, which is read once. There are
// some for each account, of which most wait for days.
type pass struct {
	kind  Kind
	tier  uint8
	state attempt.State
	order *Order // of a Replay, which has no state, rest or due
	due   time.Time
	way   *way // nil: it has not begun, and nothing is known from the last time
}

// A way is how far a pass has come.
type way struct {
	rest    []Span // what is left of it
	width   int64  // seconds
	trouble trouble
}

// NewPlanner plans for the states of the settings, from where the checkpoint is. States that it lacks are added to it.
func NewPlanner(settings Settings, checkpoint *Checkpoint, now time.Time) *Planner {
	if settings.Stop == 0 { // else it would be reached later than it need be
		settings.SettleDelay += settings.Phase % time.Second
	}
	p := &Planner{
		settings:   settings,
		checkpoint: checkpoint,
		tiers:      tiers(settings.Lookback, settings.LookbackInterval),
		trouble:    map[attempt.State]*trouble{},
	}
	p.settings.States = slices.Clone(settings.States)
	slices.SortFunc(p.settings.States, func(a, b attempt.State) int { return a.Rank() - b.Rank() })
	p.passes = make([]pass, 0, len(p.settings.States)*(len(p.tiers)+1))
	for _, state := range p.settings.States {
		p.trouble[state] = &trouble{}
		c := checkpoint.States[state]
		if c == nil {
			c = &Coverage{Start: settings.Start, Front: settings.Start, Width: int64(firstWidth / time.Second)}
			checkpoint.States[state] = c
		}
		for len(c.LookedBack) < len(p.tiers) {
			c.LookedBack = append(c.LookedBack, attempt.InstantOf(now))
		}
		for i, t := range p.tiers {
			last := c.LookedBack[i].Time()
			if last.After(now) {
				last = now // a clock was wrong then, or is now: covered time must not wait until it has caught up
			}
			p.passes = append(p.passes, pass{kind: LookBack, state: state, tier: uint8(i), due: last.Add(t.every)})
		}
		p.passes = append(p.passes, pass{kind: Gap, state: state, due: now})
	}
	return p
}

// Begin is the work that is due at now, nil if there is none. Fronts come first: what is new must not wait for what is
// read again. Of several fronts, the one furthest ahead comes first where it has little to read, since that is the one
// people watch. Where it has much to read itself, those furthest behind come first, so that states that have parted soon
// go together again. What has been ordered comes last.
func (p *Planner) Begin(now time.Time) *Run {
	p.reached.expire(now)
	lanes := p.lanes()
	if p.due(lanes[0], now) && (len(lanes) == 1 || p.short(lanes[0], now)) {
		return p.front(lanes[0], now)
	}
	for _, lane := range slices.Backward(lanes) {
		if p.due(lane, now) {
			return p.front(lane, now)
		}
	}
	for range p.passes {
		pass := p.longestDue(now)
		if pass == nil {
			break
		}
		if r := p.again(pass, now); r != nil {
			return r
		}
	}
	return p.carryOut(now)
}

// longestDue is the pass that has been waiting for the longest time, nil if none is due. One that fails waits anew, so it
// keeps no other from its turn.
func (p *Planner) longestDue(now time.Time) *pass {
	var first *pass
	var since time.Time
	for i := range p.passes {
		pass := &p.passes[i]
		if ready := p.ready(pass); !ready.After(now) && (first == nil || ready.Before(since)) {
			first, since = pass, ready
		}
	}
	return first
}

// ready is when a pass is due and neither it nor the front of any of its states backs off.
func (p *Planner) ready(pass *pass) time.Time {
	at := pass.due
	wait := func(t *trouble) {
		if t != nil && t.until.After(at) { // an order may be for a state that is not read any more
			at = t.until
		}
	}
	if pass.way != nil {
		wait(&pass.way.trouble)
	}
	if pass.order == nil {
		wait(p.trouble[pass.state])
		return at
	}
	for _, state := range pass.order.States {
		wait(p.trouble[state])
	}
	if p.postponed.After(at) {
		at = p.postponed
	}
	return at
}

// Wait is how long nothing will be due, at least one millisecond and at most the poll interval.
func (p *Planner) Wait(now time.Time) time.Duration {
	wait := p.settings.PollInterval
	for _, lane := range p.lanes() {
		if p.settings.Stop != 0 && p.checkpoint.States[lane[0]].Front >= p.settings.Stop {
			continue
		}
		next := p.dueIn(lane, p.step(lane))
		wait = min(wait, next.Sub(now))
	}
	for i := range p.passes {
		wait = min(wait, p.ready(&p.passes[i]).Sub(now))
	}
	if p.order != nil && !p.order.order.Done() {
		wait = min(wait, p.ready(p.order).Sub(now))
	}
	return max(wait, time.Millisecond)
}

// CaughtUp tells whether every front has reached Settings.Stop.
func (p *Planner) CaughtUp() bool {
	for _, state := range p.settings.States {
		if p.checkpoint.States[state].Front < p.settings.Stop {
			return false
		}
	}
	return true
}

// lanes are the states by equal fronts, the furthest ahead first.
func (p *Planner) lanes() [][]attempt.State {
	var fronts []attempt.Instant
	lanes := map[attempt.Instant][]attempt.State{}
	for _, state := range p.settings.States {
		front := p.checkpoint.States[state].Front
		if lanes[front] == nil {
			fronts = append(fronts, front)
		}
		lanes[front] = append(lanes[front], state)
	}
	slices.SortFunc(fronts, func(a, b attempt.Instant) int { return int(b - a) })
	out := make([][]attempt.State, len(fronts))
	for i, front := range fronts {
		out[i] = lanes[front]
	}
	return out
}

// limit is where a lane has to stop for now: at what has not settled or not happened, or at the front of a lane ahead, which
// it then joins. Lagging tells which of the two it can be.
func (p *Planner) limit(lane []attempt.State, now time.Time) (until attempt.Instant, lagging bool) {
	front := p.checkpoint.States[lane[0]].Front
	until = p.reached.limit(attempt.InstantOf(now.Add(-p.settings.SettleDelay)), now)
	if p.settings.Stop != 0 {
		until = min(until, p.settings.Stop)
	}
	for _, state := range p.settings.States {
		if other := p.checkpoint.States[state].Front; other > front {
			until, lagging = min(until, other), true
		}
	}
	return until, lagging
}

// step is how far a lane's front moves in a poll: the poll interval, or less to get into phase.
func (p *Planner) step(lane []attempt.State) time.Duration {
	every, phase := max(1, int64(p.settings.PollInterval/time.Second)), int64(p.settings.Phase/time.Second)
	over := (int64(p.checkpoint.States[lane[0]].Front) - phase) % every
	return time.Duration(every-over) * time.Second
}

// due tells whether a lane's front is worth a request: it is a step behind, or has a lane to catch up with, or a Stop to
// reach.
func (p *Planner) due(lane []attempt.State, now time.Time) bool {
	if p.blocked(lane).After(now) {
		return false
	}
	until, lagging := p.limit(lane, now)
	behind := until.Sub(p.checkpoint.States[lane[0]].Front)
	if lagging || p.settings.Stop != 0 {
		return behind > 0
	}
	return behind >= p.step(lane)
}

// short tells whether what a lane has to read is no more than some polls.
func (p *Planner) short(lane []attempt.State, now time.Time) bool {
	until, _ := p.limit(lane, now)
	return until.Sub(p.checkpoint.States[lane[0]].Front) <= 4*p.settings.PollInterval
}

// leadDue is when the front that is furthest ahead will be due, the zero time if those behind it go first.
func (p *Planner) leadDue(now time.Time) time.Time {
	lane := p.lanes()[0]
	if p.settings.Stop != 0 || !p.short(lane, now) {
		return time.Time{}
	}
	return p.dueIn(lane, p.step(lane))
}

// dueIn is when so much time will have settled beyond a lane's front, by this clock and the API's, and it does not back off.
func (p *Planner) dueIn(lane []attempt.State, much time.Duration) time.Time {
	front := p.checkpoint.States[lane[0]].Front
	due := p.reached.later(front.Time().Add(p.settings.SettleDelay+much), front.Add(much))
	if after := p.blocked(lane); after.After(due) {
		due = after
	}
	return due
}

// blocked is until when a lane backs off.
func (p *Planner) blocked(lane []attempt.State) time.Time {
	var until time.Time
	for _, state := range lane {
		if t := p.trouble[state].until; t.After(until) {
			until = t
		}
	}
	return until
}

// widest is the longest span whose window is not longer than the settings allow, in seconds.
func (p *Planner) widest() int64 {
	return max(1, int64((p.settings.WindowMax-attempt.Overlap)/time.Second))
}

// fit is the width that follows from an answer of n entries to a window of the given length, in seconds. It aims at half
// of the length that answers should stay under, grows at most twofold and shrinks at most eightfold at a time.
func (p *Planner) fit(width, length int64, n int) int64 {
	next := 2 * width
	if n > 0 {
		aim := int64(p.checkpoint.Trust.aim(p.settings.WindowAttempts))
		next = min(next, max(length*aim/2/int64(n), width/8))
	}
	return min(max(next, 1), p.widest())
}
