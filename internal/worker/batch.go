package worker

import (
	"time"

	"github.com/segmentio/kafka-go"

	"attemptstream/internal/event"
	"attemptstream/internal/kafkatx"
	"attemptstream/internal/topics"
)

// Counts are what a batch, or a session's life, told.
type Counts struct {
	Events   int // of which
	Late     int
	CameBack int
	Dead     int // letters
	Known    int // entries that were told before
	Windows  int
	Doubtful int // windows that may have been cut
}

func (c *Counts) add(d Counts) {
	c.Events += d.Events
	c.Late += d.Late
	c.CameBack += d.CameBack
	c.Dead += d.Dead
	c.Known += d.Known
	c.Windows += d.Windows
	c.Doubtful += d.Doubtful
}

// batchBytes is about how much of keys, values and headers one transaction holds before it is committed, though more
// spans may be ready.
const batchBytes = 4 << 20

// A batch is what the next transaction tells. Its memory is used again.
type batch struct {
	topics  topics.Layout
	encoder *event.Encoder

	records []kafkatx.Record
	origins []identity // of records, as long as they are not the state's
	counts  Counts
	bytes   int
	since   time.Time // of the first window; zero: nothing is staged

	memory  arena
	headers []kafka.Header
	scratch []event.Header
}

func (b *batch) event(o *event.Observation) {
	buf := b.memory.take(1024 + 2*len(o.Attempt.Raw))
	from := len(buf)
	buf = event.AppendKey(buf, o.Attempt.ID)
	key := buf[from:len(buf):len(buf)]
	from = len(buf)
	buf = b.encoder.AppendValue(buf, o)
	value := buf[from:len(buf):len(buf)]
	b.scratch, buf = b.encoder.AppendHeaders(b.scratch[:0], buf, o)
	b.memory.put(buf)
	b.add(kafkatx.Record{
		Topic:     b.topics.Events.Name,
		Partition: event.Partition(key, b.topics.Events.Partitions),
		Time:      o.ObservedAt,
		Key:       key,
		Value:     value,
		Headers:   b.keepHeaders(b.scratch),
	}, identityOf(&o.Attempt))
	b.counts.Events++
}

func (b *batch) letter(d *event.DeadLetter) {
	key := d.AppendKey(nil)
	b.add(kafkatx.Record{
		Topic:     b.topics.DLQ.Name,
		Partition: event.Partition(key, b.topics.DLQ.Partitions),
		Time:      time.Time{},
		Key:       key,
		Value:     []byte(d.Raw),
		Headers:   b.keepHeaders(d.Headers()),
	}, identity{raw: d.Raw})
	b.counts.Dead++
}

func (b *batch) add(r kafkatx.Record, from identity) {
	b.bytes += len(r.Key) + len(r.Value)
	b.records = append(b.records, r)
	b.origins = append(b.origins, from)
}

func (b *batch) keepHeaders(headers []event.Header) []kafka.Header {
	if cap(b.headers)-len(b.headers) < len(headers) {
		b.headers = make([]kafka.Header, 0, max(len(headers), 2*cap(b.headers), 512))
	}
	from := len(b.headers)
	for _, h := range headers {
		b.headers = append(b.headers, kafka.Header{Key: h.Key, Value: h.Value})
	}
	return b.headers[from:len(b.headers):len(b.headers)]
}

// window counts a window that was read.
func (b *batch) window() {
	b.counts.Windows++
	if b.since.IsZero() {
		b.since = time.Now()
	}
}

// waited is how long the first window has been staged.
func (b *batch) waited() time.Duration {
	if b.since.IsZero() {
		return 0
	}
	return time.Since(b.since)
}

func (b *batch) full() bool { return b.bytes >= batchBytes }

// reset empties the batch. Nobody may hold on to its records any more.
func (b *batch) reset() {
	clear(b.records)
	clear(b.origins)
	b.records, b.origins = b.records[:0], b.origins[:0]
	b.headers = b.headers[:0]
	b.counts, b.bytes, b.since = Counts{}, 0, time.Time{}
	b.memory.reset()
}

// An arena is memory that is appended to piece by piece and freed at once. Pieces do not move.
type arena struct {
	full   [][]byte
	unused [][]byte
	open   []byte
}

const arenaChunk = 256 << 10

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
