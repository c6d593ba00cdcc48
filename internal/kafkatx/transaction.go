package kafkatx

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/protocol/addpartitionstotxn"
	"github.com/segmentio/kafka-go/protocol/endtxn"
	"github.com/segmentio/kafka-go/protocol/initproducerid"
	"golang.org/x/sync/errgroup"
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
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(records) == 0 {
		return nil
	}
	err := p.commit(ctx, records)
	if err != nil {
		return fmt.Errorf("commit %d records with transactional id %q: %w", len(records), p.id, err)
	}
	return nil
}

func (p *Producer) commit(ctx context.Context, records []Record) error {
	switch p.state {
	case stateNew:
		return ErrNotInitialized
	case stateFenced:
		return fmt.Errorf("%w before: call Init if this is still the owner", ErrFenced)
	case stateUnknown:
		return fmt.Errorf("%w since an earlier one: call Init", ErrUnknownOutcome)
	}
	if ctx.Err() != nil {
		return joined(ErrAborted, cancellation(ctx))
	}

	// The broker measures its timeout from AddPartitionsToTxn on. A quarter is left to end the transaction ourselves.
	limit := p.timeout - p.timeout/4
	writing, cancel := context.WithTimeoutCause(ctx, limit, &deadlineError{"transaction", limit})
	defer cancel()
	if err := p.clean(writing); err != nil {
		return p.aborted(err)
	}
	if err := p.write(writing, records); err != nil {
		return p.giveUp(err)
	}
	if ctx.Err() != nil {
		return p.giveUp(cancellation(ctx))
	}
	return p.finish(ctx)
}

// write does everything up to the commit.
func (p *Producer) write(ctx context.Context, records []Record) error {
	t, err := newTransaction(p, records)
	if err != nil {
		return err
	}
	p.open = true
	// The first batches are encoded while the coordinator answers. Both are waited for: nothing may read the records
	// after Commit has returned.
	add := t.addPartitions()
	var encoding errgroup.Group
	encoding.Go(t.encodeStart)
	_, _, err = p.ask(ctx, stageAddPartitions, add)
	if err := errors.Join(err, encoding.Wait()); err != nil {
		return err
	}
	return t.produce(ctx)
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
