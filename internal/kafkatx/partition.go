package kafkatx

import (
	"encoding/binary"
	"errors"
	"math"
	"slices"
	"time"
)

const (
	// batchBytes bounds what goes into a batch of several records. Brokers take batches of 1 MiB unless told otherwise
	// (max.message.bytes), and incompressible input grows a little.
	batchBytes = 900 << 10

	// requestBytes is what brokers take as one request (socket.request.max.bytes), less the room for all but the batch.
	// They answer larger ones by closing the connection.
	requestBytes = 100<<20 - 64<<10
)

// partitionWrite is what a transaction writes to one partition.
type partitionWrite struct {
	topicPartition
	entries  []entry  // its records, in order
	sequence int32    // of the first of them; known when they are written
	cut      int      // how many of them are in batches, or acknowledged
	limit    int      // bytes of input per batch
	batches  []*batch // the first one is sent until it is acknowledged
	wait     backoff
	notYet   time.Time // a failed batch rests until then
}

// batch is a run of a partition's records.
type batch struct {
	from, to int    // in partitionWrite.entries
	size     int    // bytes of input
	wire     []byte // as in a produce request, with the length in front
	sealed   bool   // wire has its identity, and never changes any more
	loose    bool   // an unanswered request may still be reading wire
}

// groupRecords sorts records by partition.
func groupRecords(records Records) ([]*partitionWrite, error) {
	if records.Len() > math.MaxInt32 {
		return nil, joined(ErrRejected, errors.New("too many records for one transaction"))
	}
	var writes []*partitionWrite
	known := make(map[topicPartition]*partitionWrite)
	last := make([]*partitionWrite, 64) // of each partition, but for its higher bits; most records need no map
	var r Record
	for i := range records.Len() {
		records.Get(i, &r)
		tp := topicPartition{r.Topic, int32(r.Partition)}
		at := &last[uint32(tp.partition)%uint32(len(last))]
		if w := *at; w == nil || w.topicPartition != tp {
			if w = known[tp]; w == nil {
				w = &partitionWrite{topicPartition: tp, limit: batchBytes}
				known[tp] = w
				writes = append(writes, w)
			}
			*at = w
		}
		// A size that is beyond an int32 is that of a record which is never sent.
		(*at).entries = append((*at).entries, entry{at: int32(i), size: int32(r.bodySize())})
	}
	return writes, nil
}

// cutBatch appends the next run of records to the partition's batches, or returns nil if all are in one.
func (w *partitionWrite) cutBatch() *batch {
	b := &batch{from: w.cut, to: w.cut}
	for b.to < len(w.entries) {
		n := int(w.entries[b.to].size) + 10 // about what attributes, deltas and length take
		if b.to > b.from && b.size+n > w.limit {
			break
		}
		b.size += n
		b.to++
	}
	if b.to == b.from {
		return nil
	}
	w.cut = b.to
	w.batches = append(w.batches, b)
	return b
}

// split takes back all batches, to cut them half as large as the first one, which the broker found too large. It was not
// written, so its sequence numbers go to the same records in the smaller batches. A single record cannot be split.
func (w *partitionWrite) split() bool {
	first := w.batches[0]
	if first.to-first.from == 1 {
		return false
	}
	w.limit, w.cut, w.batches = first.size/2, first.from, nil
	return true
}

// acknowledged removes the first batch, and returns its buffer if nobody can be reading it any more.
func (w *partitionWrite) acknowledged() []byte {
	b := w.batches[0]
	w.batches = w.batches[1:]
	w.wait = backoff{}
	if b.loose {
		return nil
	}
	return b.wire
}

// encode gives a batch its bytes, without its identity.
func (w *partitionWrite) encode(p *Producer, b *batch, records Records, now time.Time) error {
	scratch := p.client.buffers.get()
	wire := append(p.client.wires.get(), 0, 0, 0, 0)
	if p.codec == 0 {
		wire = slices.Grow(wire, batchHeaderSize+b.size) // once, not step by step
	}
	wire, scratch, err := p.client.codecs.appendBatch(wire, scratch, p.codec, now, records, w.entries[b.from:b.to])
	p.client.buffers.put(scratch)
	if err != nil {
		return joined(ErrRejected, err)
	}
	if b.to-b.from == 1 && len(wire) > requestBytes {
		return w.tooLarge(b, records, len(wire), nil)
	}
	binary.BigEndian.PutUint32(wire, uint32(len(wire)-4))
	b.wire = wire
	return nil
}

// seal makes the partition's first batch the producer's, once: when it is sent again, it is the same.
func (w *partitionWrite) seal(p *Producer) {
	if b := w.batches[0]; !b.sealed {
		sealBatch(b.wire[4:], batchIdentity{p.pid, p.epoch, nextSequence(w.sequence, b.from)})
		b.sealed = true
	}
}

func (w *partitionWrite) tooLarge(b *batch, records Records, size int, err error) error {
	i := int(w.entries[b.from].at)
	var r Record
	records.Get(i, &r)
	return &RecordTooLargeError{Topic: w.topic, Partition: int(w.partition), Index: i, Key: r.key(), Size: size, Err: err}
}
