package model

// A violation is an invariant that does not hold.
type violation string

const (
	toldTwice       violation = "an event is told twice"
	coveredUntold   violation = "a window is covered, and not all of its events are told"
	indexIsWrong    violation = "the dedupe index is not what was told"
	fencedIsVisible violation = "what a fenced owner wrote becomes visible"
	neverDone       violation = "nothing happens any more, and not everything is told"
	neverEnds       violation = "this can go on for ever"
)

// check looks at what readers see or will see, in every state. "Covered" and "told" hold of each other at the moment
// when a commit is decided, not only in the end: its markers come one by one, but come.
func (s *scene) check(w world) violation {
	var once, twice events
	for at := range w.partitions {
		p := w.decided(uint8(at))
		once, twice = once|p.once, twice|p.twice
	}
	state := w.decided(statePartition).state
	switch {
	case w.fencedWrites():
		return fencedIsVisible
	case twice != 0:
		return toldTwice
	case s.within(state.covered)&^once != 0:
		return coveredUntold
	case state.told != once:
		return indexIsWrong
	}
	return ""
}

// fencedWrites: a commit is decided of which a part was written by an owner that was fenced before the decision.
func (w *world) fencedWrites() bool {
	fenced := false
	if w.status == prepareCommit {
		w.pending.each(func(at uint8) {
			p := &w.partitions[at]
			for _, b := range p.open[:p.opened] {
				fenced = fenced || b.author != w.coordinator.session
			}
		})
	}
	return fenced
}

// judge looks at what a run came to.
func (s *scene) judge(w world) violation {
	all := s.within(uint8(len(s.windows)))
	open := false
	for _, p := range w.partitions {
		open = open || p.opened > 0
	}
	if w.recoverable() != (checkpoint{uint8(len(s.windows)), all}) || open {
		return neverDone
	}
	return ""
}

// within is what the first windows hold.
func (s *scene) within(covered uint8) events {
	var all events
	for _, w := range s.windows[:covered] {
		all |= w
	}
	return all
}
