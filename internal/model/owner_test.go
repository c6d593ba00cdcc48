package model

// An owner is a worker that believes the account to be its own: what packages kafkatx and worker remember together.
// Whether it is frozen is not in its state. An owner that takes no step while others do is frozen, and the step that it
// takes next thaws it, with all that it believed before.
type owner struct {
	phase phase

	// The producer (kafkatx.Producer).
	session uint8 // of the epoch that Init gave it
	epoch   int8
	next    [partitionsMost]uint8 // sequence numbers
	tainted bool                  // the next transaction needs a new epoch
	inDoubt bool                  // an attempt of this commit had no answer

	// The transaction at hand.
	staged  checkpoint
	novel   events // what it tells
	written parts  // what is acknowledged
	half    bool   // of checkpointFirst: the checkpoint is committed, the events are to follow

	// The account's memory (state.Account): as of the last commit.
	memory checkpoint
}

type phase uint8

const (
	absent     phase = iota
	stopped          // fenced: it says nothing more before it is given the account again
	finished         // everything is told
	taking           // asks for an epoch that fences all others
	reading          // the state partition, to its end
	raising          // asks for a new epoch of its own
	adding           // the partitions to the transaction
	writing          // batches that are not acknowledged yet
	committing       // and asks until the answer is definite
	aborting         // as well
)

func (p phase) live() bool { return p >= taking }

// requests is what an owner asks next; while it writes, in any order.
func (s *scene) requests(o *owner, ask func(request)) {
	switch o.phase {
	case taking:
		ask(request{kind: initFresh})
	case raising:
		ask(request{kind: initRaise, epoch: o.epoch})
	case adding:
		ask(request{kind: addPartitions, epoch: o.epoch, parts: s.parts(o)})
	case writing:
		s.parts(o).without(o.written).each(func(at uint8) {
			r := request{kind: produce, epoch: o.epoch, partition: at, sequence: o.next[at], batch: batch{author: o.session}}
			if at == statePartition {
				r.batch.state = o.staged
			} else {
				r.batch.events = s.on(at, o.novel)
			}
			ask(r)
		})
	case committing:
		ask(request{kind: endCommit, epoch: o.epoch})
	case aborting:
		ask(request{kind: endAbort, epoch: o.epoch})
	}
}

// react draws the consequences of an answer, or of having none.
func (s *scene) react(o *owner, r request, a answer) {
	switch a.code {
	case noAnswer:
		s.unanswered(o, r)
		return
	case concurrent:
		return // the same again
	case fenced:
		*o = owner{phase: stopped}
		return
	}
	switch o.phase {
	case taking:
		*o = owner{phase: reading, epoch: a.epoch, session: a.session}
	case raising:
		o.epoch, o.next, o.tainted = a.epoch, [partitionsMost]uint8{}, false
		s.begin(o)
	case adding:
		o.phase = writing
	case writing:
		if a.code != done {
			o.phase = aborting
		} else if o.written |= partsOf(r.partition); o.written == s.parts(o) {
			o.phase = committing
		}
	case committing:
		switch {
		case a.code == done:
			s.committed(o)
		case o.inDoubt && s.flaw != refusalSettlesDoubt:
			// "Invalid state" is no proof of an abort: a late raise of this very epoch, which the coordinator takes for a
			// repetition, makes it forget what it has committed.
			s.leaveOpen(o)
		default:
			s.aborted(o)
		}
	case aborting:
		s.aborted(o) // "invalid state": there is nothing to abort
	}
}

// unanswered notes that a request may have been done, or may still be done at any time. It is sent again.
func (s *scene) unanswered(o *owner, r request) {
	if s.flaw != noRaiseAfterDoubt {
		o.tainted = true
	}
	switch {
	case o.phase == committing && s.flaw == lostAnswerIsAbort:
		s.aborted(o)
	case o.phase == committing:
		o.inDoubt = true
	case o.phase == writing && s.flaw == repeatsRenumbered:
		o.next[r.partition]++
	}
}

// leaveOpen gives up a commit whose outcome is not known. Taking the transactional id again makes it definite, and what
// it is then stands in the log.
func (s *scene) leaveOpen(o *owner) { *o = owner{phase: taking} }

// recover begins with what is in the log.
func (s *scene) recover(o *owner, memory checkpoint) {
	o.memory = memory
	s.begin(o)
}

// begin stages the next window, or asks for a new epoch before.
func (s *scene) begin(o *owner) {
	o.written, o.inDoubt = 0, false
	switch {
	case int(o.memory.covered) == len(s.windows) && !o.half:
		*o = owner{phase: finished}
		return
	case o.tainted:
		o.phase = raising
		return
	}
	o.phase = adding
	if o.half {
		return
	}
	o.novel = s.windows[o.memory.covered] &^ o.memory.told
	o.staged = checkpoint{o.memory.covered + 1, o.memory.told | o.novel}
	if s.flaw == indexNotStaged {
		o.memory.told = o.staged.told
	}
}

// committed makes what was staged the memory.
func (s *scene) committed(o *owner) {
	s.parts(o).each(func(at uint8) { o.next[at]++ })
	o.memory = o.staged
	o.half = s.flaw == checkpointFirst && !o.half && o.novel != 0
	if !o.half {
		o.staged, o.novel = checkpoint{}, 0
	}
	s.begin(o)
}

// aborted takes back what was staged. Sequence numbers that were used count from zero again, under a new epoch.
func (s *scene) aborted(o *owner) {
	if s.flaw != noRaiseAfterAbort {
		o.tainted = true
	}
	if !o.half {
		o.staged, o.novel = checkpoint{}, 0
	}
	s.begin(o)
}

// parts are the partitions of the transaction at hand.
func (s *scene) parts(o *owner) parts {
	var p parts
	if !o.half {
		p = partsOf(statePartition)
	}
	if s.flaw == checkpointFirst && !o.half {
		return p
	}
	for at := uint8(1); at <= s.partitions; at++ {
		if s.on(at, o.novel) != 0 {
			p |= partsOf(at)
		}
	}
	return p
}

// on is those of some events that belong into a partition.
func (s *scene) on(at uint8, some events) events {
	var there events
	some.each(func(e uint8) {
		if 1+e%s.partitions == at {
			there |= 1 << e
		}
	})
	return there
}
