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
	records Records
	err     error             // why it cannot be written
	taken   bool              // it is being written, or was
	writes  []*partitionWrite // the partitions that are not done
	turn    int               // the partition whose turn it is when a round cannot take all
}

// Encode renders and compresses records, as far as one round of requests takes them, so that [Transaction.Write] need only send
// them. It may run while another piece is being written. The records and what they point at must not change before the piece has
// been written, or is given up.
func (t *Transaction) Encode(records Records) *Piece {
	piece := t.p.newPiece(records)
	piece.encodeStart()
	return piece
}

func (p *Producer) newPiece(records Records) *Piece {
	writes, err := groupRecords(records)
	return &Piece{p: p, now: time.Now(), records: records, writes: writes, err: err}
}

// number gives the records their sequence numbers. next holds those to go on from, and is advanced.
func (piece *Piece) number(next map[topicPartition]int32) {
	for _, w := range piece.writes {
		w.sequence = next[w.topicPartition]
		next[w.topicPartition] = nextSequence(w.sequence, len(w.entries))
	}
}

// addPartitions asks for all partitions at once that the coordinator was not told of before; nil: there are none. A late abort
// would take the earlier ones out of the transaction when a partition is added: it cannot be one of this transaction's epoch,
// which is a new one after any request without an answer.
func (piece *Piece) addPartitions(added map[topicPartition]bool) *addpartitionstotxn.Request {
	req := &addpartitionstotxn.Request{TransactionalID: piece.p.id, ProducerID: piece.p.pid, ProducerEpoch: piece.p.epoch}
	topics := make(map[string]int)
	for _, w := range piece.writes {
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
func (piece *Piece) produce(ctx context.Context) error {
	for {
		round, wake := piece.round(time.Now())
		if len(round) == 0 && wake.IsZero() {
			return nil
		}
		// Where a batch waits to be sent again, its failure is the reason why the time was not enough.
		if err := sleep(ctx, time.Until(wake)); err != nil {
			return piece.interrupted(err)
		}
		if err := piece.encodeFirst(round); err != nil {
			return err
		}
		if err := piece.send(ctx, round); err != nil {
			return err
		}
	}
}

func (piece *Piece) interrupted(err error) error {
	for _, w := range piece.writes {
		if w.wait.last != nil {
			return fmt.Errorf("%s to %v: %w; last: %w", stageProduce, w.topicPartition, err, w.wait.last)
		}
	}
	return fmt.Errorf("%s: %w", stageProduce, err)
}

// round picks the partitions that send a batch now. If there is none, wake says when the next one is ready; zero means
// that all is written.
func (piece *Piece) round(now time.Time) (round []*partitionWrite, wake time.Time) {
	piece.writes = slices.DeleteFunc(piece.writes, func(w *partitionWrite) bool {
		return len(w.batches) == 0 && w.cutBatch() == nil
	})
	size := 0
	for i := range piece.writes {
		at := (piece.turn + i) % len(piece.writes)
		w := piece.writes[at]
		if w.notYet.After(now) {
			if wake.IsZero() || w.notYet.Before(wake) {
				wake = w.notYet
			}
			continue
		}
		if size += w.batches[0].size; size > roundBytes && len(round) > 0 {
			piece.turn = at
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
func (piece *Piece) encodeStart() {
	if piece.err == nil {
		round, _ := piece.round(piece.now)
		piece.err = piece.encodeFirst(round)
	}
}

func (piece *Piece) encodeFirst(round []*partitionWrite) error {
	return piece.encode(round, func(w *partitionWrite) *batch { return w.batches[0] })
}

// encodeAhead encodes the second batches, while the first ones are under way.
func (piece *Piece) encodeAhead(round []*partitionWrite) error {
	return piece.encode(round, func(w *partitionWrite) *batch {
		if len(w.batches) > 1 {
			return w.batches[1]
		}
		return w.cutBatch()
	})
}

// encode encodes one batch of each partition, unless it is nil or already encoded.
func (piece *Piece) encode(round []*partitionWrite, which func(*partitionWrite) *batch) error {
	var group errgroup.Group
	group.SetLimit(runtime.GOMAXPROCS(0))
	for _, w := range round {
		if b := which(w); b != nil && b.wire == nil {
			group.Go(func() error { return w.encode(piece.p, b, piece.records, piece.now) })
		}
	}
	return group.Wait()
}

// send sends the first batch of each partition to its leader, all leaders at the same time, waits for all answers, and
// encodes the batches that follow meanwhile. An error ends the transaction.
func (piece *Piece) send(ctx context.Context, round []*partitionWrite) error {
	for _, w := range round {
		w.seal(piece.p)
	}
	lingering, cancel := linger(ctx)
	defer cancel()
	requests := piece.p.route(lingering, round)
	if err := piece.p.allowed(); err != nil {
		return fmt.Errorf("%s: %w", stageProduce, err)
	}
	began := time.Now()
	var sending errgroup.Group
	for _, r := range requests {
		sending.Go(func() error { r.send(lingering, piece.p.client); return nil })
	}
	end := piece.encodeAhead(round)
	_ = sending.Wait() // each partition has an error of its own
	worst := verdictDone
	for _, r := range requests {
		for i, w := range r.writes {
			// A throttled connection is not read from for so long: the next request would run into its deadline.
			w.notYet = time.Now().Add(r.throttle)
			if v, err := piece.settle(w, r.errs[i], began); err != nil && v > worst {
				worst, end = v, err
			}
		}
	}
	return end
}

// settle draws the consequences of the answer to a partition's first batch. An error ends the transaction.
func (piece *Piece) settle(w *partitionWrite, err error, began time.Time) (verdict, error) {
	b := w.batches[0]
	r := classify(stageProduce, err)
	if r.unanswered {
		piece.p.tainted, b.loose = true, true
	}
	if r.stale {
		piece.p.client.refresh(began)
	}
	now := time.Now()
	switch r.verdict {
	case verdictDone:
		piece.p.client.wires.put(w.acknowledged())
		return r.verdict, nil
	case verdictSoon, verdictAgain:
	case verdictMissing:
		if w.wait.missing(now) {
			return r.verdict, describe(stageProduce, w, err)
		}
	case verdictSplit:
		if !w.split() {
			return r.verdict, w.tooLarge(b, piece.records, len(b.wire)-4, err)
		}
		return r.verdict, nil
	case verdictFenced:
		piece.p.state = stateFenced
		return r.verdict, joined(ErrFenced, describe(stageProduce, w, err))
	case verdictRejected:
		return r.verdict, joined(ErrRejected, describe(stageProduce, w, w.nameRecord(err)))
	default:
		return r.verdict, describe(stageProduce, w, err)
	}
	w.notYet = now.Add(w.wait.next(r, err))
	return r.verdict, nil
}
