package worker

import (
	"errors"
	"time"

	"github.com/segmentio/kafka-go"

	"attemptstream/internal/attempt"
	"attemptstream/internal/complete"
	"attemptstream/internal/event"
	"attemptstream/internal/kafkatx"
	"attemptstream/internal/topics"
)

// Counts are what a batch, or a worker's life, told.
type Counts struct {
	Events   int // of which
	Late     int
	CameBack int
	Replayed int
	Dead     int // letters
	Known    int // entries that were told before
	Windows  int
	Doubtful int // windows that may have been cut
}

func (c *Counts) add(d Counts) {
	c.Events += d.Events
	c.Late += d.Late
	c.CameBack += d.CameBack
	c.Replayed += d.Replayed
	c.Dead += d.Dead
	c.Known += d.Known
	c.Windows += d.Windows
	c.Doubtful += d.Doubtful
}

const (
	// batchBytes is about how much of keys, values and headers one transaction holds before it is committed, though more
	// spans may be ready.
	batchBytes = 32 << 20

	// pieceBytes is how much of them is written ahead of the commit, if the configuration does not say otherwise. What is
	// less waits for it.
	pieceBytes = 2 << 20
)

// A batch is what the next transaction tells.
type batch struct {
	topics  topics.Layout
	encoder *event.Encoder
	release func(*complete.Answer) // gives back the memory of one whose events have been written

	piece           // that is being filled
	spare   []piece // the memory of others
	bytes   int     // of all pieces
	windows int
	counts  map[attempt.State]*Counts // without Windows
	late    []time.Duration           // how long after its window each late event was found
	since   time.Time                 // of the first window; zero: nothing is staged

	form       *event.Form // of the last event; nil: there is none
	formCounts *Counts     // of its state
	key        []byte
}

// A piece is what of a batch is written at once, as [kafkatx.Records]. Its memory is used again.
type piece struct {
	topic   string // of the events
	entries []entry
	letters []kafkatx.Record   // those of entries that are dead letters
	state   []kafkatx.Record   // come last
	answers []*complete.Answer // that entries are of
	size    int                // about how much of keys, values and headers it holds
}

// An entry of an answer is an event, which is rendered where its record is put into a batch of Kafka's, or a dead letter.
// There are many at a time, so they are small. The attempt must not change before.
type entry struct {
	form      *event.Form // nil: it is a letter
	attempt   *attempt.Attempt
	size      int32 // about how many bytes; of a letter its place in letters
	partition int32
}

func (e *entry) Size() int                { return int(e.size) }
func (e *entry) Append(dst []byte) []byte { return e.form.AppendBody(dst, e.attempt) }

// Len is how many records the piece has.
func (p *piece) Len() int { return len(p.entries) + len(p.state) }

// Get makes r one of them.
func (p *piece) Get(i int, r *kafkatx.Record) {
	if i >= len(p.entries) {
		*r = p.state[i-len(p.entries)]
		return
	}
	e := &p.entries[i]
	if e.form == nil {
		*r = p.letters[e.size]
		return
	}
	*r = kafkatx.Record{Topic: p.topic, Partition: int(e.partition), Time: e.form.ObservedAt(), Body: e}
}

// empty gives up what the piece holds, and keeps its memory. Nobody may hold on to its records and attempts any more.
func (b *batch) empty(p *piece) {
	for _, a := range p.answers {
		b.release(a)
	}
	clear(p.answers)
	clear(p.entries)
	clear(p.letters)
	clear(p.state)
	*p = piece{entries: p.entries[:0], letters: p.letters[:0], state: p.state[:0], answers: p.answers[:0]}
}

// blame makes an error that is one entry's an entryError.
func (p *piece) blame(err error) error {
	var large *kafkatx.RecordTooLargeError
	if !errors.As(err, &large) || large.Index >= len(p.entries) {
		return err // a record of the state's
	}
	e := &p.entries[large.Index]
	if e.form == nil {
		return &entryError{entry: complete.Identity{Raw: string(p.letters[e.size].Value)}, record: large, err: err}
	}
	return &entryError{entry: complete.IdentityOf(e.attempt), record: large, err: err}
}

// An entryError is an entry that Kafka does not take.
type entryError struct {
	entry  complete.Identity
	record *kafkatx.RecordTooLargeError // that was made of it
	err    error
}

func (e *entryError) Error() string { return e.err.Error() }
func (e *entryError) Unwrap() error { return e.err }

// event adds an event that is observed as o is, of the attempt a, which must not change before the batch is reset.
func (b *batch) event(o *event.Observation, a *attempt.Attempt) {
	if b.form == nil || !b.form.Fits(o) {
		b.form, b.formCounts = b.encoder.Form(o), b.of(o.State)
	}
	b.key = event.AppendKey(b.key[:0], a.ID)
	partition := event.Partition(b.key, b.topics.Events.Partitions)
	size := b.form.BodySize(a)
	b.topic = b.topics.Events.Name
	b.add(entry{form: b.form, attempt: a, size: int32(size), partition: int32(partition)}, size)
	b.formCounts.Events++
}

// of is what is counted of a state.
func (b *batch) of(state attempt.State) *Counts {
	c := b.counts[state]
	if c == nil {
		if b.counts == nil {
			b.counts = map[attempt.State]*Counts{}
		}
		c = &Counts{}
		b.counts[state] = c
	}
	return c
}

// byState is what is staged of each state.
func (b *batch) byState() map[attempt.State]Counts {
	counts := make(map[attempt.State]Counts, len(b.counts))
	for state, c := range b.counts {
		counts[state] = *c
	}
	return counts
}

// total is what is staged of all states.
func (b *batch) total() Counts {
	total := Counts{Windows: b.windows}
	for _, c := range b.counts {
		total.add(*c)
	}
	return total
}

func (b *batch) letter(d *event.DeadLetter) {
	key := d.AppendKey(nil)
	var headers []kafka.Header
	for _, h := range d.Headers() {
		headers = append(headers, kafka.Header(h))
	}
	b.add(entry{size: int32(len(b.letters))}, len(d.Raw))
	b.letters = append(b.letters, kafkatx.Record{
		Topic:     b.topics.DLQ.Name,
		Partition: event.Partition(key, b.topics.DLQ.Partitions),
		Key:       key,
		Value:     []byte(d.Raw),
		Headers:   headers,
	})
	b.of(d.State).Dead++
}

func (b *batch) add(e entry, size int) {
	b.bytes += size
	b.size += size
	b.entries = append(b.entries, e)
}

// window counts a window that was read, in which the API showed these answers. They are the batch's from now on.
func (b *batch) window(answers ...*complete.Answer) {
	b.answers = append(b.answers, answers...)
	b.windows++
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

// next takes the piece that is being filled out of the batch, which goes on with another.
func (b *batch) next() piece {
	p := b.piece
	last := len(b.spare) - 1
	if last < 0 {
		b.piece = piece{entries: make([]entry, 0, len(p.entries))} // about as many
		return p
	}
	b.piece, b.spare[last] = b.spare[last], piece{}
	b.spare = b.spare[:last]
	return p
}

// written gives a piece back that next has returned.
func (b *batch) written(p piece) {
	b.empty(&p)
	b.spare = append(b.spare, p)
}

// rest gives up the memory of a batch that is empty.
func (b *batch) rest() { b.piece, b.spare = piece{}, nil }

// reset empties the batch, all of whose pieces are given back.
func (b *batch) reset() {
	b.empty(&b.piece)
	b.windows, b.bytes, b.since = 0, 0, time.Time{}
	clear(b.counts)
	b.late = nil // who was told of the batch may keep it
	b.form = nil
}
