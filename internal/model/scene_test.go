package model

// A scene is what stays the same in all runs of an exploration.
type scene struct {
	name string

	// windows are what the API shows, oldest first. A window stands for all that one transaction takes. Where windows
	// share an event, only the dedupe index keeps it from being told twice.
	windows []events

	// partitions is how many the events are spread over.
	partitions uint8

	// flaw is the safeguard that is missing, if any.
	flaw flaw
}

// overlap is the smallest scene in which deduplication matters.
func overlap() scene {
	return scene{name: "overlap", windows: []events{setOf("a"), setOf("ab")}, partitions: 1}
}

// spread has transactions of three partitions, and of two.
func spread() scene {
	return scene{name: "spread", windows: []events{setOf("ab"), setOf("bc")}, partitions: 2}
}

// nothingNew has a window of which all is told already: its transaction leaves the events' partition out.
func nothingNew() scene {
	return scene{name: "nothing new", windows: []events{setOf("ab"), setOf("b"), setOf("bc")}, partitions: 1}
}

func (s scene) without(safeguard flaw) scene {
	s.flaw = safeguard
	return s
}

// explore takes all runs with so many faults at most.
func (s scene) explore(faults int) exploration[world] {
	return explore(newWorld(uint8(faults)), s.steps, s.check, s.judge)
}

// A flaw is a safeguard that is taken out. What it does stands where the safeguard is.
type flaw uint8

const (
	noFlaw flaw = iota

	// Of the producer.
	noRaiseAfterDoubt   // a request without an answer does not make the next transaction take a new epoch
	noRaiseAfterAbort   // nor does an abort: the sequence numbers are used again
	repeatsRenumbered   // what was not answered is sent again with the next sequence number
	lostAnswerIsAbort   // a commit without an answer is taken for an abort, and not asked about
	refusalSettlesDoubt // "invalid state" to a commit in doubt is taken for an abort

	// Of the worker.
	indexNotStaged    // the index changes before the commit, and an abort does not take that back
	checkpointFirst   // the checkpoint is committed before the events, in a transaction of its own
	recoversBeforeEnd // the recovery reads what it sees, and does not wait for the log's end
	stoppedForGood    // a worker that was fenced is never started again, though nobody else works

	// Of the broker.
	newOwnerFencesNobody // InitProducerID gives out the epoch that there is
	epochsIgnored        // old epochs are as good as new ones
	verificationOff      // batches are not verified with the coordinator (before Kafka 3.6, or turned off)
)
