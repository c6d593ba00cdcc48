package kafkatx

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"time"

	"github.com/segmentio/kafka-go/protocol/addpartitionstotxn"
	"golang.org/x/sync/errgroup"
)

// roundBytes bounds what goes into all requests of a round, and with it the memory: two rounds are held at a time.
const roundBytes = 8 << 20

// A Piece is records of a transaction that are made ready for their way to the brokers. They go in rounds: each round sends one
// request to each broker, with the first unacknowledged batch of each partition, and meanwhile encodes the batches that follow.
type Piece struct {
	p       *Producer
	now     time.Time
	records []Record
	err     error             // why it cannot be written
	taken   bool              // it is being written, or was
	writes  []*partitionWrite // the partitions that are not done
	turn    int               // the partition whose turn it is when a round cannot take all
}

// Encode renders and compresses records, as far as one round of requests takes them, so that [Transaction.Write] need only send
// them. It may run while another piece is being written. The records and what they point at must not change before the piece has
// been written, or is given up.
func (t *Transaction) Encode(records []Record) *Piece {
	d := t.p.newPiece(records)
	d.encodeStart()
	return d
}

func (p *Producer) newPiece(records []Record) *Piece {
	writes, err := groupRecords(records)
	return &Piece{p: p, now: time.Now(), records: records, writes: writes, err: err}
}

// number gives the records their sequence numbers. next holds those to go on from, and is advanced.
func (d *Piece) number(next map[topicPartition]int32) {
	for _, w := range d.writes {
		w.sequence = next[w.topicPartition]
		next[w.topicPartition] = nextSequence(w.sequence, len(w.entries))
	}
}

// addPartitions asks for all partitions at once that the coordinator was not told of before; nil: there are none. A late abort
// would take the earlier ones out of the transaction when a partition is added: it cannot be one of this transaction's epoch,
// which is a new one after any request without an answer.
func (d *Piece) addPartitions(added map[topicPartition]bool) *addpartitionstotxn.Request {
	req := &addpartitionstotxn.Request{TransactionalID: d.p.id, ProducerID: d.p.pid, ProducerEpoch: d.p.epoch}
	topics := make(map[string]int)
	for _, w := range d.writes {
		if added[w.topicPartition] {
			continue
		}
		added[w.topicPartition] = true
		i, ok := topics[w.topic]
		if !ok {
			i = len(req.Topics)
			topics[w.topic] = i
			req.Topics = append(req.Topics, addpartitionstotxn.RequestTopic{Name: w.topic})
		}
		req.Topics[i].Partitions = append(req.Topics[i].Partitions, w.partition)
	}
	if len(req.Topics) == 0 {
		return nil
	}
	return req
}

// produce writes all records, and returns when all are acknowledged.
func (d *Piece) produce(ctx context.Context) error {
	for {
		round, wake := d.round(time.Now())
		if len(round) == 0 && wake.IsZero() {
			return nil
		}
		// Where a batch waits to be sent again, its failure is the reason why the time was not enough.
		if err := sleep(ctx, time.Until(wake)); err != nil {
			return d.interrupted(err)
		}
		if err := d.encodeFirst(round); err != nil {
			return err
		}
		if err := d.send(ctx, round); err != nil {
			return err
		}
	}
}

func (d *Piece) interrupted(err error) error {
	for _, w := range d.writes {
		if w.wait.last != nil {
			return fmt.Errorf("%s to %v: %w; last: %w", stageProduce, w.topicPartition, err, w.wait.last)
		}
	}
	return fmt.Errorf("%s: %w", stageProduce, err)
}

// round picks the partitions that send a batch now. If there is none, wake says when the next one is ready; zero means
// that all is written.
func (d *Piece) round(now time.Time) (round []*partitionWrite, wake time.Time) {
	d.writes = slices.DeleteFunc(d.writes, func(w *partitionWrite) bool {
		return len(w.batches) == 0 && w.cutBatch(d.records) == nil
	})
	size := 0
	for i := range d.writes {
		at := (d.turn + i) % len(d.writes)
		w := d.writes[at]
		if w.notYet.After(now) {
			if wake.IsZero() || w.notYet.Before(wake) {
				wake = w.notYet
			}
			continue
		}
		if size += w.batches[0].size; size > roundBytes && len(round) > 0 {
			d.turn = at
			break
		}
		round = append(round, w)
	}
	if len(round) > 0 {
		wake = time.Time{}
	}
	return round, wake
}

// encodeStart encodes what the first round sends, if it is not yet.
func (d *Piece) encodeStart() {
	if d.err == nil {
		round, _ := d.round(d.now)
		d.err = d.encodeFirst(round)
	}
}

func (d *Piece) encodeFirst(round []*partitionWrite) error {
	return d.encode(round, func(w *partitionWrite) *batch { return w.batches[0] })
}

// encodeAhead encodes the second batches, while the first ones are under way.
func (d *Piece) encodeAhead(round []*partitionWrite) error {
	return d.encode(round, func(w *partitionWrite) *batch {
		if len(w.batches) > 1 {
			return w.batches[1]
		}
		return w.cutBatch(d.records)
	})
}

// encode encodes one batch of each partition, unless it is nil or already encoded.
func (d *Piece) encode(round []*partitionWrite, which func(*partitionWrite) *batch) error {
	var group errgroup.Group
	group.SetLimit(runtime.GOMAXPROCS(0))
	for _, w := range round {
		if b := which(w); b != nil && b.wire == nil {
			group.Go(func() error { return w.encode(d.p, b, d.records, d.now) })
		}
	}
	return group.Wait()
}

// send sends the first batch of each partition to its leader, all leaders at the same time, waits for all answers, and
// encodes the batches that follow meanwhile. An error ends the transaction.
func (d *Piece) send(ctx context.Context, round []*partitionWrite) error {
	for _, w := range round {
		w.seal(d.p)
	}
	lingering, cancel := linger(ctx)
	defer cancel()
	requests := d.p.route(lingering, round)
	if err := d.p.allowed(); err != nil {
		return fmt.Errorf("%s: %w", stageProduce, err)
	}
	began := time.Now()
	var sending errgroup.Group
	for _, r := range requests {
		sending.Go(func() error { r.send(lingering, d.p.client); return nil })
	}
	end := d.encodeAhead(round)
	_ = sending.Wait() // each partition has an error of its own
	worst := verdictDone
	for _, r := range requests {
		for i, w := range r.writes {
			// A throttled connection is not read from for so long: the next request would run into its deadline.
			w.notYet = time.Now().Add(r.throttle)
			if v, err := d.settle(w, r.errs[i], began); err != nil && v > worst {
				worst, end = v, err
			}
		}
	}
	return end
}

// settle draws the consequences of the answer to a partition's first batch. An error ends the transaction.
func (d *Piece) settle(w *partitionWrite, err error, began time.Time) (verdict, error) {
	b := w.batches[0]
	r := classify(stageProduce, err)
	if r.unanswered {
		d.p.tainted, b.loose = true, true
	}
	if r.stale {
		d.p.client.refresh(began)
	}
	now := time.Now()
	switch r.verdict {
	case verdictDone:
		d.p.client.wires.put(w.acknowledged())
		return r.verdict, nil
	case verdictSoon, verdictAgain:
	case verdictMissing:
		if w.wait.missing(now) {
			return r.verdict, describe(stageProduce, w, err)
		}
	case verdictSplit:
		if !w.split() {
			return r.verdict, w.tooLarge(b, d.records, len(b.wire)-4, err)
		}
		return r.verdict, nil
	case verdictFenced:
		d.p.state = stateFenced
		return r.verdict, joined(ErrFenced, describe(stageProduce, w, err))
	case verdictRejected:
		return r.verdict, joined(ErrRejected, describe(stageProduce, w, w.nameRecord(err)))
	default:
		return r.verdict, describe(stageProduce, w, err)
	}
	w.notYet = now.Add(w.wait.next(r, err))
	return r.verdict, nil
}
