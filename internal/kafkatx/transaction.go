package kafkatx

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/protocol/addpartitionstotxn"
	"github.com/segmentio/kafka-go/protocol/endtxn"
	"github.com/segmentio/kafka-go/protocol/initproducerid"
)

// abortPatience is how long Commit waits for the answer to its abort. Without one the next Commit, or the next owner's
// Init, ends the transaction.
const abortPatience = 3 * time.Second

// Commit writes all records in one transaction and returns when they are committed: nil, or one of ErrAborted,
// ErrFenced, ErrUnknownOutcome, with the cause wrapped (see the package comment). The order of records within a partition
// is kept. The records and what they point at must not change before Commit returns, and kafka-go does not hold on to
// them afterwards. Without records it does nothing.
//
// Within the transaction's timeout it outlasts leaders that move, brokers that restart and answers that are lost. When
// ctx ends before the commit is sent, the transaction is aborted; later, Commit stays until the outcome is definite, or
// for the transaction timeout.
//
// What is committed becomes visible to readers some milliseconds after Commit returns, and not in all partitions at the
// same moment.
func (p *Producer) Commit(ctx context.Context, records []Record) error {
	return p.Begin().Commit(ctx, List(records))
}

// A Transaction is one that is written in several pieces: those of a large one need not be in memory together, and are on
// their way while the next are made. Its calls come one after the other. Once one of them has failed, nothing of it is
// committed (or, for Commit, as its error says), and the later ones return the same error.
//
// From its first piece on it hides from read_committed consumers all that others write behind it, until it has ended: so it
// is not a thing to keep.
type Transaction struct {
	p     *Producer
	until time.Time               // when it is given up; zero: nothing was written
	added map[topicPartition]bool // the partitions that the coordinator was told of
	ended error                   // why nothing more can be written
}

// Begin returns a transaction without saying anything to Kafka. One that is open is given up by the first piece of the next.
func (p *Producer) Begin() *Transaction { return &Transaction{p: p, added: map[topicPartition]bool{}} }

// Write writes a piece that has been encoded, and returns when Kafka has it. It is not visible before Commit.
// Records, errors and ctx are as those of [Producer.Commit]; when ctx ends, the transaction is aborted. A piece is written once.
func (t *Transaction) Write(ctx context.Context, piece *Piece) error {
	t.p.mu.Lock()
	defer t.p.mu.Unlock()
	return t.end(fmt.Sprintf("write %d records", piece.records.Len()), t.add(ctx, piece))
}

// Commit writes the last piece, and commits all of them: as [Producer.Commit] does.
func (t *Transaction) Commit(ctx context.Context, records Records) error {
	t.p.mu.Lock()
	defer t.p.mu.Unlock()
	err := t.add(ctx, t.p.newPiece(records))
	if err == nil && t.begun() {
		err = t.commit(ctx)
	}
	if err == nil {
		t.ended = errCommitted
		return nil
	}
	return t.end(fmt.Sprintf("commit %d records", records.Len()), err)
}

// Abort ends the transaction without committing it. Where the coordinator does not answer, the producer's next transaction or
// its next owner's Init ends it, or the broker after the transaction timeout.
func (t *Transaction) Abort() {
	t.p.mu.Lock()
	defer t.p.mu.Unlock()
	if t.ended != nil {
		return
	}
	t.ended = joined(ErrAborted, errGivenUp)
	if t.begun() && t.p.current == t {
		_ = t.p.giveUp(errGivenUp)
	}
}

var (
	errGivenUp   = errors.New("given up by its owner")
	errOvertaken = errors.New("another transaction, or Init, came between")
	errTaken     = errors.New("the piece was written before")
	errCommitted = errors.New("the transaction has been committed")
)

// end keeps an error, with what it happened to.
func (t *Transaction) end(what string, err error) error {
	if err != nil && t.ended == nil {
		t.ended = fmt.Errorf("%s with transactional id %q: %w", what, t.p.id, err)
	}
	return t.ended
}

// add writes a piece of the transaction, which it begins with the first one.
func (t *Transaction) add(ctx context.Context, piece *Piece) error {
	p := t.p
	switch {
	case t.ended != nil:
		return t.ended
	case t.begun() && p.current != t: // what is open is not ours
		return joined(ErrAborted, errOvertaken)
	case piece.records.Len() == 0:
		return nil
	case p.state == stateNew:
		return ErrNotInitialized
	case p.state == stateFenced:
		return fmt.Errorf("%w before: call Init if this is still the owner", ErrFenced)
	case p.state == stateUnknown:
		return fmt.Errorf("%w since an earlier one: call Init", ErrUnknownOutcome)
	case piece.taken:
		return t.giveUp(errTaken)
	case ctx.Err() != nil:
		return t.giveUp(cancellation(ctx))
	}
	first := !t.begun()
	if first {
		p.current, t.until = t, time.Now().Add(t.limit())
	}
	writing, cancel := context.WithDeadlineCause(ctx, t.until, &deadlineError{"transaction", t.limit()})
	defer cancel()
	if first {
		if err := p.clean(writing); err != nil {
			return p.aborted(err)
		}
	}
	if err := t.write(writing, piece); err != nil {
		return p.giveUp(err)
	}
	return nil
}

// begun tells whether anything was written.
func (t *Transaction) begun() bool { return !t.until.IsZero() }

// giveUp aborts what was written of the transaction, which is the producer's last one if anything was.
func (t *Transaction) giveUp(cause error) error {
	if !t.begun() {
		return joined(ErrAborted, cause)
	}
	return t.p.giveUp(cause)
}

// limit is how long a transaction may take. The broker measures its timeout from AddPartitionsToTxn on; a quarter is left to
// end the transaction ourselves.
func (t *Transaction) limit() time.Duration { return t.p.timeout - t.p.timeout/4 }

// write sends the records, and what comes before them.
func (t *Transaction) write(ctx context.Context, piece *Piece) (err error) {
	piece.taken = true
	piece.number(t.p.next)
	// What is not encoded yet is while the coordinator answers. Both are waited for: nothing may read the records after the
	// call has returned.
	add := piece.addPartitions(t.added)
	var encoding sync.WaitGroup
	encoding.Go(piece.encodeStart)
	if add != nil {
		t.p.open = true
		_, _, err = t.p.ask(ctx, stageAddPartitions, add)
	}
	encoding.Wait()
	if err := errors.Join(err, piece.err); err != nil {
		return err
	}
	return piece.produce(ctx)
}

// commit ends the transaction, unless ctx has ended, or there is not time enough.
func (t *Transaction) commit(ctx context.Context) error {
	switch {
	case ctx.Err() != nil:
		return t.p.giveUp(cancellation(ctx))
	case time.Now().After(t.until):
		return t.p.giveUp(&deadlineError{"transaction", t.limit()})
	}
	return t.p.finish(ctx)
}

// giveUp aborts the open transaction, unless it is no longer ours. Its commit was never asked for, so none of it will be
// committed even if the abort has no answer.
func (p *Producer) giveUp(cause error) error {
	p.tainted = true
	if p.open && p.state == stateReady {
		ctx, cancel := context.WithTimeoutCause(context.Background(), abortPatience, &deadlineError{"abort", abortPatience})
		defer cancel()
		if err := p.abort(ctx); err != nil {
			cause = fmt.Errorf("%w (and the abort has no definite answer: %w)", cause, err)
		}
	}
	return p.aborted(cause)
}

// aborted names the outcome of a transaction whose commit was never sent.
func (p *Producer) aborted(cause error) error {
	if p.state == stateFenced {
		return joined(ErrFenced, cause)
	}
	return joined(ErrAborted, cause)
}

// finish commits. From the first attempt on only a definite answer tells what readers will see, so a canceled ctx is no
// reason to stop.
func (p *Producer) finish(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(context.WithoutCancel(ctx), p.timeout, &deadlineError{"commit", p.timeout})
	defer cancel()
	_, inDoubt, err := p.ask(ctx, stageCommit, p.endTxn(true))
	switch {
	case err == nil:
		p.open = false
		return nil
	case errors.Is(err, kafka.InvalidTransactionState) && !inDoubt:
		// There was nothing to commit. In doubt it proves nothing, although a commit that has happened is answered with
		// success when it is asked for again: a late raise of this very epoch, which the coordinator takes for a
		// repetition, makes it forget how the transaction ended.
		p.open, p.tainted = false, true
		return joined(ErrAborted, err)
	case inDoubt:
		// Whoever fenced us may have completed the commit, or aborted the transaction before it.
		if p.state != stateFenced {
			p.state = stateUnknown
		}
		return joined(ErrUnknownOutcome, err)
	}
	return p.giveUp(err)
}

// partitionError is one partition's part in an answer.
type partitionError struct {
	at  topicPartition
	err error
}

func (e *partitionError) Error() string { return fmt.Sprintf("%v: %v", e.at, e.err) }
func (e *partitionError) Unwrap() error { return e.err }

// operationNotAttempted says that a partition was fine and another was not. kafka-go knows the code by another name.
const operationNotAttempted = 55

// answerError is what a coordinator's answer complains about: nil, or the worst of its errors.
func answerError(msg protocol.Message) error {
	switch res := msg.(type) {
	case *initproducerid.Response:
		return codeError(res.ErrorCode)
	case *endtxn.Response:
		return codeError(res.ErrorCode)
	case *addpartitionstotxn.Response:
		var worst error
		for _, t := range res.Results {
			for _, part := range t.Results {
				if part.ErrorCode == 0 || part.ErrorCode == operationNotAttempted && worst != nil {
					continue
				}
				err := &partitionError{topicPartition{t.Name, part.PartitionIndex}, kafka.Error(part.ErrorCode)}
				if worst == nil || errors.Is(worst, kafka.Error(operationNotAttempted)) ||
					classify(stageAddPartitions, err).verdict > classify(stageAddPartitions, worst).verdict {
					worst = err
				}
			}
		}
		return worst
	}
	return fmt.Errorf("unexpected answer %T", msg)
}

func codeError(code int16) error {
	if code == 0 {
		return nil
	}
	return kafka.Error(code)
}
