package model

import (
	"cmp"
	"slices"
)

// A world is the state of everything. It is comparable, and equal worlds have the same future.
type world struct {
	cluster
	owners [2]owner
	late   [lateMost]request // under way, sorted; their senders do not wait for an answer any more
	faults uint8             // that may still happen
}

// lateMost is how many requests can be under way at the same time without a sender.
const lateMost = 3

// newWorld has one worker, which was just given the account.
func newWorld(faults uint8) world {
	w := world{cluster: newCluster(), faults: faults}
	w.owners[0].phase = taking
	return w
}

// steps are all that can happen next.
func (s *scene) steps(w world, yield func(step, world)) {
	for i := range w.owners {
		s.ownerSteps(w, i, yield)
	}
	s.clusterSteps(w, yield)
	for i, r := range w.late {
		if r.kind != none {
			n := w
			n.late[i] = request{}
			n.sortLate()
			a := n.handle(r, s.flaw)
			yield(step{who: network, what: arrives, request: r, answer: a}, n)
		}
	}
	if w.faults > 0 {
		n := w
		n.faults--
		s.faultSteps(n, yield)
	}
}

// ownerSteps are what an owner does by itself. From sending a request to its answer is one step: in between its sender
// only waits, so whatever else happens might as well happen before or after.
func (s *scene) ownerSteps(w world, i int, yield func(step, world)) {
	me := uint8(i)
	o := &w.owners[i]
	s.requests(o, func(r request) {
		n := w
		a := n.handle(r, s.flaw)
		s.react(&n.owners[i], r, a)
		yield(step{who: me, what: asks, request: r, answer: a}, n)
		if w.faults == 0 {
			return
		}
		n = w
		n.faults--
		a = n.handle(r, s.flaw)
		s.react(&n.owners[i], r, answer{})
		yield(step{who: me, what: asksInVain, request: r, answer: a}, n)
		if last := lateMost - 1; w.late[last].kind == none {
			n = w
			n.faults--
			n.late[last] = r
			n.sortLate()
			s.react(&n.owners[i], r, answer{})
			yield(step{who: me, what: asksTooLate, request: r}, n)
		}
	})
	switch {
	case o.phase == reading && (!w.held || s.flaw == recoversBeforeEnd):
		n := w
		memory := n.recoverable()
		s.recover(&n.owners[i], memory)
		yield(step{who: me, what: reads, memory: memory}, n)
	case o.phase == committing && o.inDoubt:
		n := w
		s.leaveOpen(&n.owners[i])
		yield(step{who: me, what: leavesOpen}, n)
	case o.phase == stopped && w.abandoned(i) && s.flaw != stoppedForGood:
		n := w
		n.owners[i] = owner{phase: taking}
		yield(step{who: me, what: starts}, n)
	}
}

// abandoned: nobody else works or has finished, so that whoever runs the program starts it again.
func (w *world) abandoned(i int) bool {
	other := w.owners[1-i].phase
	return other == absent || other == stopped && i == 0
}

// clusterSteps are what Kafka does by itself, sooner or later.
func (s *scene) clusterSteps(w world, yield func(step, world)) {
	w.pending.each(func(at uint8) {
		n := w
		n.writeMarker(at)
		yield(step{who: kafka, what: writesMarker, request: request{partition: at}, commit: w.status == prepareCommit}, n)
	})
	if w.held {
		n := w
		n.held, n.readable = false, checkpoint{}
		yield(step{who: kafka, what: releases}, n)
	}
}

// faultSteps are what need not happen, besides what becomes of requests. w has paid for it.
func (s *scene) faultSteps(w world, yield func(step, world)) {
	for i, o := range w.owners {
		me, n := uint8(i), w
		n.owners[i] = owner{phase: taking}
		switch {
		case !o.phase.live() && o.phase != finished:
			yield(step{who: me, what: takesOver}, n)
		case o.phase.live() && o.phase != taking:
			yield(step{who: me, what: crashes}, n)
		}
		if o.phase == adding || o.phase == writing || o.phase == committing && !o.inDoubt {
			n := w
			n.owners[i].phase = aborting
			yield(step{who: me, what: givesUp}, n)
		}
	}
	if w.status == ongoing {
		n := w
		n.fence()
		yield(step{who: kafka, what: timesOut}, n)
	}
	if !w.held {
		n := w
		n.held, n.readable = true, n.partitions[statePartition].state
		yield(step{who: kafka, what: holds}, n)
	}
}

// recoverable is the checkpoint that a reader sees now.
func (w *world) recoverable() checkpoint {
	if w.held {
		return w.readable
	}
	return w.partitions[statePartition].state
}

// sortLate makes worlds equal that differ only in the order in which requests were forgotten.
func (w *world) sortLate() {
	slices.SortFunc(w.late[:], func(a, b request) int {
		return cmp.Or(
			-cmp.Compare(min(a.kind, 1), min(b.kind, 1)),
			cmp.Compare(a.kind, b.kind),
			cmp.Compare(a.epoch, b.epoch),
			cmp.Compare(a.parts, b.parts),
			cmp.Compare(a.partition, b.partition),
			cmp.Compare(a.sequence, b.sequence),
			cmp.Compare(a.batch.author, b.batch.author),
			cmp.Compare(a.batch.events, b.batch.events),
			cmp.Compare(a.batch.state.covered, b.batch.state.covered),
			cmp.Compare(a.batch.state.told, b.batch.state.told),
		)
	})
}
