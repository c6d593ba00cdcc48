package worker

import (
	"slices"

	"github.com/segmentio/kafka-go"

	"attemptstream/internal/event"
	"attemptstream/internal/kafkatx"
	"attemptstream/internal/topics"
)

// A page is memory for records of events, used again and again: for those of one span, or those that a batch has besides.
// One goroutine uses it at a time.
type page struct {
	topic   topics.Topic
	encoder *event.Encoder

	records []kafkatx.Record // for whoever wants to keep them here
	text    arena
	headers []kafka.Header
	scratch []event.Header
}

// reset empties the page. Nobody may hold on to its records any more.
func (p *page) reset() {
	clear(p.records)
	p.records, p.headers = p.records[:0], p.headers[:0]
	p.text.reset()
}

// grow makes room for n events.
func (p *page) grow(n int) {
	const headers = 7 // of an event
	p.records = slices.Grow(p.records, n)
	p.headers = slices.Grow(p.headers, headers*n)
}

// record is the record of an event. It is valid until the page is reset.
func (p *page) record(o *event.Observation) kafkatx.Record {
	buf := p.text.take(1024 + 2*len(o.Attempt.Raw))
	from := len(buf)
	buf = event.AppendKey(buf, o.Attempt.ID)
	key := buf[from:len(buf):len(buf)]
	from = len(buf)
	buf = p.encoder.AppendValue(buf, o)
	value := buf[from:len(buf):len(buf)]
	p.scratch, buf = p.encoder.AppendHeaders(p.scratch[:0], buf, o)
	p.text.put(buf)
	return kafkatx.Record{
		Topic:     p.topic.Name,
		Partition: event.Partition(key, p.topic.Partitions),
		Time:      o.ObservedAt,
		Key:       key,
		Value:     value,
		Headers:   p.keepHeaders(p.scratch),
	}
}

func (p *page) keepHeaders(headers []event.Header) []kafka.Header {
	if cap(p.headers)-len(p.headers) < len(headers) {
		p.headers = make([]kafka.Header, 0, max(len(headers), 2*cap(p.headers), 512))
	}
	from := len(p.headers)
	for _, h := range headers {
		p.headers = append(p.headers, kafka.Header(h))
	}
	return p.headers[from:len(p.headers):len(p.headers)]
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
