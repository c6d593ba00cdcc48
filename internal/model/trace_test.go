package model

import (
	"fmt"
	"math/bits"
	"strings"
)

// A step is something that happens, told so that it can be read in a trace.
type step struct {
	who     uint8 // an owner, or one of the two below
	what    deed
	request request
	answer  answer
	memory  checkpoint // of reads
	commit  bool       // of writesMarker
}

const (
	kafka   = 100
	network = 101
)

type deed uint8

const (
	asks deed = iota
	asksInVain
	asksTooLate
	reads
	leavesOpen
	starts
	writesMarker
	releases
	// What follows may as well not happen.
	arrives
	takesOver
	crashes
	givesUp
	timesOut
	holds

	lastDeed = holds
)

// optional: a run that waits for this is at rest.
func (s step) optional() bool {
	return s.what >= arrives || s.what == asksInVain || s.what == asksTooLate
}

func (s step) String() string {
	who := map[uint8]string{kafka: "Kafka", network: "network"}[s.who]
	if who == "" {
		who = "worker " + string('A'+rune(s.who))
	}
	return fmt.Sprintf("%-9s %s", who, s.text())
}

func (s step) text() string {
	switch s.what {
	case asks:
		return fmt.Sprintf("%v: %v", s.request, s.answer)
	case asksInVain:
		return fmt.Sprintf("%v: the answer is lost (%v)", s.request, s.answer)
	case asksTooLate:
		return fmt.Sprintf("%v: no answer, the request is late", s.request)
	case arrives:
		return fmt.Sprintf("%v arrives now: %v, nobody hears it", s.request, s.answer)
	case reads:
		return fmt.Sprintf("recovers from the log: %v", s.memory)
	case writesMarker:
		if s.commit {
			return fmt.Sprintf("writes the commit marker to %s", partitionName(s.request.partition))
		}
		return fmt.Sprintf("writes the abort marker to %s", partitionName(s.request.partition))
	}
	return map[deed]string{
		leavesOpen: "stops asking for the outcome, and begins again",
		starts:     "is started again, since nobody else owns the account",
		releases:   "the other account's transaction in the state partition ends",
		takesOver:  "is given the account; nobody else hears of it",
		crashes:    "crashes, and begins again",
		givesUp:    "gives the transaction up",
		timesOut:   "ends the transaction for its age, under a new epoch",
		holds:      "another account's transaction in the state partition holds readers back",
	}[s.what]
}

func (r request) String() string {
	switch r.kind {
	case initFresh:
		return "InitProducerID"
	case initRaise:
		return fmt.Sprintf("InitProducerID(epoch %d)", r.epoch)
	case addPartitions:
		return fmt.Sprintf("AddPartitions(epoch %d, %v)", r.epoch, r.parts)
	case produce:
		what := fmt.Sprintf("events %v", r.batch.events)
		if r.partition == statePartition {
			what = r.batch.state.String()
		}
		return fmt.Sprintf("Produce(epoch %d, sequence %d, %s: %s)", r.epoch, r.sequence, partitionName(r.partition), what)
	case endCommit:
		return fmt.Sprintf("EndTxn(epoch %d, commit)", r.epoch)
	case endAbort:
		return fmt.Sprintf("EndTxn(epoch %d, abort)", r.epoch)
	}
	return "nothing"
}

func (a answer) String() string {
	switch a.code {
	case done:
		if a.session > 0 {
			return fmt.Sprintf("epoch %d", a.epoch)
		}
		return "done"
	case concurrent:
		return "concurrent transactions, wait"
	case fenced:
		return "fenced"
	case invalid:
		return "invalid state"
	case outOfOrder:
		return "out of order"
	}
	return "no answer"
}

func (c checkpoint) String() string {
	return fmt.Sprintf("windows covered: %d, index %v", c.covered, c.told)
}

// String says what readers will see in the end, if nobody does anything more.
func (w world) String() string {
	var once, twice events
	for at := range w.partitions {
		p := w.decided(uint8(at))
		once, twice = once|p.once, twice|p.twice
	}
	s := fmt.Sprintf("now decided: events %v told, %v", once, w.decided(statePartition).state)
	if twice != 0 {
		s += fmt.Sprintf("; %v told twice", twice)
	}
	return s
}

// events is a set of them.
type events uint8

// setOf names each event by a letter.
func setOf(letters string) events {
	var e events
	for _, l := range letters {
		e |= 1 << (l - 'a')
	}
	return e
}

func (e events) each(do func(uint8)) { eachBit(uint8(e), do) }

func (e events) String() string {
	var s strings.Builder
	e.each(func(i uint8) { s.WriteByte('a' + i) })
	return "{" + s.String() + "}"
}

// parts is a set of partitions.
type parts uint8

func partsOf(at uint8) parts           { return 1 << at }
func (p parts) has(at uint8) bool      { return p>>at&1 == 1 }
func (p parts) without(q parts) parts  { return p &^ q }
func (p parts) each(do func(at uint8)) { eachBit(uint8(p), do) }
func eachBit(set uint8, do func(uint8)) {
	for ; set != 0; set &= set - 1 {
		do(uint8(bits.TrailingZeros8(set)))
	}
}

func (p parts) String() string {
	var names []string
	p.each(func(at uint8) { names = append(names, partitionName(at)) })
	return strings.Join(names, "+")
}

func partitionName(at uint8) string {
	if at == statePartition {
		return "state"
	}
	return fmt.Sprintf("events-%d", at-1)
}
