package worker

import (
	"slices"

	"attemptstream/internal/attempt"
	"attemptstream/internal/event"
	"attemptstream/internal/kafkatx"
	"attemptstream/internal/topics"
)

// A page is memory for records of events, used again and again: for those of one span, or those that a batch has besides.
// One goroutine uses it at a time.
type page struct {
	topic   topics.Topic
	encoder *event.Encoder

	form    *event.Form      // of the last event; nil: none yet
	records []kafkatx.Record // for whoever wants to keep them here
	text    arena
	key     []byte
}

// reset empties the page. Nobody may hold on to its records any more.
func (p *page) reset() {
	clear(p.records)
	p.form, p.records = nil, p.records[:0]
	p.text.reset()
}

// grow makes room for n events.
func (p *page) grow(n int) { p.records = slices.Grow(p.records, n) }

// record is the record of an event that is observed as o is, of the attempt a. It is valid until the page is reset.
func (p *page) record(o *event.Observation, a *attempt.Attempt) kafkatx.Record {
	if p.form == nil || !p.form.Fits(o) {
		p.form = p.encoder.Form(o)
	}
	buf := p.text.take(1024 + 2*len(a.Raw))
	from := len(buf)
	buf = p.form.AppendBody(buf, a)
	p.text.put(buf)
	p.key = event.AppendKey(p.key[:0], a.ID)
	return kafkatx.Record{
		Topic:     p.topic.Name,
		Partition: event.Partition(p.key, p.topic.Partitions),
		Time:      o.ObservedAt,
		Body:      buf[from:len(buf):len(buf)],
	}
}

// An arena is memory that is appended to piece by piece and freed at once. Pieces do not move.
type arena struct {
	full   [][]byte
	unused [][]byte
	open   []byte
}

const arenaChunk = 64 << 10

// take returns what to append to: memory that has room for n bytes, if the caller's guess is right.
func (a *arena) take(n int) []byte {
	if cap(a.open)-len(a.open) < n {
		if a.open != nil && cap(a.open) == arenaChunk {
			a.full = append(a.full, a.open)
		}
		if last := len(a.unused) - 1; last >= 0 && n <= arenaChunk {
			a.open, a.unused = a.unused[last], a.unused[:last]
		} else {
			a.open = make([]byte, 0, max(n, arenaChunk))
		}
	}
	return a.open
}

// put takes back what take returned, appended to.
func (a *arena) put(buf []byte) { a.open = buf }

func (a *arena) reset() {
	for _, chunk := range a.full {
		a.unused = append(a.unused, chunk[:0])
	}
	a.full = a.full[:0]
	if cap(a.open) != arenaChunk {
		a.open = nil
	}
	a.open = a.open[:0]
}
