package model

// A cluster is Kafka: the coordinator of the one transactional id, and the partitions that are written with it.
type cluster struct {
	coordinator
	partitions [partitionsMost]partition

	// held: another account's transaction is open in the state partition and holds the last stable offset back, so that
	// readers see of ours only what was committed before. (A follower that lags looks the same.)
	held bool
	// readable is the checkpoint that a read_committed reader sees while the offset is held back.
	readable checkpoint
}

// A coordinator is what the transaction coordinator knows. There is one producer id: it is the transactional id's.
type coordinator struct {
	status  status
	epoch   int8
	last    int8  // the epoch before our own raise of it, which a repetition may name; -1: none
	parts   parts // in the transaction
	pending parts // whose markers are still to be written

	// session counts the owners that were given an epoch by InitProducerID. Kafka does not know it: it is for the
	// invariant that a fenced owner's writes never become visible.
	session uint8
}

type status uint8

const (
	empty status = iota
	ongoing
	prepareCommit
	prepareAbort
	completeCommit
	completeAbort
)

func (s status) preparing() bool { return s == prepareCommit || s == prepareAbort }

// A partition's log is told by what it comes to. There is one producer id, so at most one transaction is open in it, and
// all its batches, whatever their epochs, end with the next marker.
type partition struct {
	// The producer state: the epoch of the last batch or marker, -1 if there was none, and the sequence number that
	// comes next under it. Sequence numbers count batches, and every batch of the epoch is remembered.
	epoch int8
	next  uint8

	open   [openMost]batch
	opened uint8

	// What read_committed readers see.
	once, twice events     // the events that are there, and those that are there more than once
	state       checkpoint // the last one
}

const (
	partitionsMost = 3
	openMost       = 4
)

// The partitions: one of the state topic, then those of the events.
const (
	statePartition  = 0
	eventsPartition = 1 // the first
)

// A batch is what one request writes to one partition.
type batch struct {
	author uint8 // the session that wrote it
	events events
	state  checkpoint
}

// A checkpoint is what is in a record of the state topic: how many windows are covered, and the dedupe index.
type checkpoint struct {
	covered uint8
	told    events
}

// A request is all that an owner can ask of Kafka.
type request struct {
	kind      kind
	epoch     int8
	parts     parts // of addPartitions, and the one partition of produce
	partition uint8
	sequence  uint8
	batch     batch
}

type kind uint8

const (
	none      kind = iota
	initFresh      // InitProducerID(-1, -1): fences
	initRaise      // InitProducerID(our producer id, our epoch)
	addPartitions
	produce
	endCommit
	endAbort
)

// An answer to a request. epoch and session are InitProducerID's.
type answer struct {
	code    code
	epoch   int8
	session uint8
}

type code uint8

const (
	noAnswer   code = iota
	done            // 0
	concurrent      // 51; to a batch 19, while the coordinator cannot tell yet
	fenced          // 47 or 90
	invalid         // 48
	outOfOrder      // 45

	lastCode = outOfOrder
)

// newCluster is one that has never been written to.
func newCluster() cluster {
	c := cluster{coordinator: coordinator{epoch: -1, last: -1}}
	for i := range c.partitions {
		c.partitions[i].epoch = -1
	}
	return c
}

// handle is what Kafka does with a request, whoever sent it and whenever.
func (c *cluster) handle(r request, f flaw) answer {
	if f == epochsIgnored && r.kind != initFresh && r.kind != initRaise {
		r.epoch = c.coordinator.epoch
	}
	switch r.kind {
	case initFresh, initRaise:
		return c.initProducerID(r, f)
	case addPartitions:
		return answer{code: c.addPartitions(r)}
	case produce:
		return answer{code: c.produce(r, f)}
	}
	return answer{code: c.endTxn(r)}
}

func (c *cluster) initProducerID(r request, f flaw) answer {
	co := &c.coordinator
	switch {
	case co.status.preparing():
		return answer{code: concurrent}
	case f == newOwnerFencesNobody && r.kind == initFresh && co.epoch >= 0:
		co.session++
		return answer{done, co.epoch, co.session}
	case co.status == ongoing:
		// Whoever asks, and with whatever epoch: the transaction is aborted, its owner fenced, and the asker sent away
		// until that is done.
		c.fence()
		return answer{code: concurrent}
	case r.kind == initFresh:
		co.epoch, co.last = co.epoch+1, -1
		co.session++
	case r.epoch == co.epoch:
		co.epoch, co.last = co.epoch+1, co.epoch
	case r.epoch != co.last:
		return answer{code: fenced}
	}
	// A raise that was done before gives the same epoch again, and forgets how the last transaction ended, too.
	co.status, co.parts = empty, 0
	return answer{done, co.epoch, co.session}
}

// fence aborts the open transaction under a new epoch, which nobody is given. A transaction that is older than its
// timeout ends in the same way.
func (c *cluster) fence() {
	c.coordinator.epoch++
	c.coordinator.last = -1
	c.end(prepareAbort)
}

// end decides the open transaction. The markers follow one by one.
func (c *cluster) end(how status) { c.status, c.pending = how, c.parts }

func (c *cluster) addPartitions(r request) code {
	switch {
	case r.epoch != c.coordinator.epoch:
		return fenced
	case c.status.preparing():
		return concurrent
	case c.status != ongoing:
		c.status, c.parts = ongoing, 0
	}
	c.parts |= r.parts
	return done
}

func (c *cluster) endTxn(r request) code {
	prepare, complete := prepareCommit, completeCommit
	if r.kind == endAbort {
		prepare, complete = prepareAbort, completeAbort
	}
	switch {
	case r.epoch != c.coordinator.epoch:
		return fenced
	case c.status == ongoing:
		c.end(prepare)
		return done
	case c.status == complete:
		return done
	case c.status == prepare:
		return concurrent
	}
	return invalid // nothing was begun, or the opposite was decided
}

func (c *cluster) produce(r request, f flaw) code {
	p := &c.partitions[r.partition]
	if r.epoch < p.epoch {
		return fenced
	}
	// A batch that goes on with what the same epoch has begun is taken as it is, by a broker that does not ask whether
	// this still is the transaction that it was written for. Any other batch is verified: the leader asks the coordinator.
	if p.opened == 0 || r.epoch != p.epoch {
		if f != verificationOff {
			switch {
			case r.epoch != c.coordinator.epoch:
				return fenced
			case c.status.preparing():
				return concurrent
			case c.status != ongoing || !c.parts.has(r.partition):
				return invalid
			}
		}
	}
	switch {
	case r.epoch > p.epoch && p.epoch >= 0 && r.sequence != 0:
		return outOfOrder
	case r.epoch == p.epoch && r.sequence < p.next:
		return done // what has this sequence number is there already: the data is not looked at
	case r.epoch == p.epoch && r.sequence > p.next:
		return outOfOrder
	}
	p.epoch, p.next = r.epoch, r.sequence+1
	p.open[p.opened] = r.batch
	p.opened++
	return done
}

// writeMarker ends the transaction in one partition.
func (c *cluster) writeMarker(at uint8) {
	p := &c.partitions[at]
	if c.status == prepareCommit {
		for _, b := range p.open[:p.opened] {
			p.commit(b)
		}
	}
	p.open, p.opened = [openMost]batch{}, 0
	if p.epoch < c.coordinator.epoch {
		p.epoch, p.next = c.coordinator.epoch, 0
	}
	if c.pending &^= partsOf(at); c.pending == 0 {
		c.parts = 0
		if c.status == prepareCommit {
			c.status = completeCommit
		} else {
			c.status = completeAbort
		}
	}
}

func (p *partition) commit(b batch) {
	p.twice |= p.once & b.events
	p.once |= b.events
	if b.state.covered > 0 {
		p.state = b.state
	}
}

// decided is what readers will see in the end if nobody does anything more: a commit is decided before it is visible,
// and does not become visible in all partitions at once.
func (c *cluster) decided(at uint8) partition {
	p := c.partitions[at]
	if c.status == prepareCommit && c.pending.has(at) {
		for _, b := range p.open[:p.opened] {
			p.commit(b)
		}
	}
	return p
}
