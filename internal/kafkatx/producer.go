package kafkatx

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/protocol/endtxn"
	"github.com/segmentio/kafka-go/protocol/initproducerid"
)

const defaultTransactionTimeout = time.Minute

// ProducerConfig describes a producer.
type ProducerConfig struct {
	// TransactionalID names the producer across restarts: the last one to Init under a name fences all others.
	TransactionalID string

	// TransactionTimeout is when the broker ends a transaction that its producer has left open, so that consumers can
	// go on; 0 is one minute. The producer gives up somewhat earlier by itself. It also bounds Init, and how long a
	// commit in doubt is asked about.
	TransactionTimeout time.Duration

	// Compression of the batches; 0 is none.
	Compression kafka.Compression

	// Guard is asked before every request: whether its sender may still be the owner. If it says no, the producer is as
	// if it had been fenced: it says nothing more until Init is called. nil always says yes.
	Guard func() error
}

// Producer commits transactions under one transactional id, one after another.
type Producer struct {
	client  *Client
	id      string
	timeout time.Duration
	codec   kafka.Compression
	guard   func() error

	mu    sync.Mutex // held by Init, and by each call of a transaction
	state producerState
	pid   int64
	epoch int16

	// coordinator is the broker that coordinates our transactions, as far as we know.
	coordinator int32

	// next holds the next sequence number of each partition under this epoch.
	next map[topicPartition]int32

	// current is the transaction that was written to last, since the last Init.
	current *Transaction

	// open: the coordinator may have a transaction of this epoch, which must be aborted.
	open bool

	// tainted: a request of this epoch may still arrive, or sequence numbers were used up by records that were not
	// committed. The next transaction needs a new epoch.
	tainted bool
}

type producerState int

const (
	stateNew producerState = iota
	stateReady
	stateFenced
	stateUnknown
)

// NewProducer returns a producer that needs an Init. It does not connect.
func (c *Client) NewProducer(cfg ProducerConfig) *Producer {
	if cfg.TransactionTimeout <= 0 {
		cfg.TransactionTimeout = defaultTransactionTimeout
	}
	if cfg.Guard == nil {
		cfg.Guard = func() error { return nil }
	}
	return &Producer{client: c, id: cfg.TransactionalID, timeout: cfg.TransactionTimeout, codec: cfg.Compression, guard: cfg.Guard, coordinator: nowhere}
}

// Init takes the transactional id: every producer that had it before is fenced, and a transaction that it left open is
// aborted (one whose commit was decided is completed) before Init returns. It may be called again at any time; after
// ErrFenced and ErrUnknownOutcome it has to be.
//
// It retries while brokers are away, for at most the transaction timeout. The error is *AuthorizationError where a
// permission is missing.
func (p *Producer) Init(ctx context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()

	ctx, cancel := context.WithTimeoutCause(ctx, p.timeout, &deadlineError{"transaction", p.timeout})
	defer cancel()
	// Whatever becomes of the request, an epoch that others may have raised is not to be used again.
	if p.state == stateReady {
		p.state = stateNew
	}
	p.coordinator, p.current = nowhere, nil
	if err := p.takeEpoch(ctx, stageInit, -1, -1); err != nil {
		return fmt.Errorf("transactional id %q: %w", p.id, err)
	}
	p.state = stateReady
	return nil
}

// takeEpoch asks for a producer id and epoch, and starts the sequence numbers anew. With producer id and epoch -1 it
// fences whoever has the transactional id; with our own it raises our epoch, if it is still ours. Zeros would mean
// producer 0.
func (p *Producer) takeEpoch(ctx context.Context, at stage, pid int64, epoch int16) error {
	msg, _, err := p.ask(ctx, at, &initproducerid.Request{
		TransactionalID:      p.id,
		TransactionTimeoutMs: int32(p.timeout.Milliseconds()),
		ProducerID:           pid,
		ProducerEpoch:        epoch,
	})
	if err != nil {
		return err
	}
	res := msg.(*initproducerid.Response)
	// A coordinator whose epochs are used up gives out a new producer id.
	p.pid, p.epoch = res.ProducerID, res.ProducerEpoch
	p.next = make(map[topicPartition]int32)
	p.open, p.tainted = false, false
	return nil
}

// clean leaves no transaction open and no request that could interfere with the next one.
func (p *Producer) clean(ctx context.Context) error {
	if p.open {
		// Raising the epoch would abort it too, but brokers differ in what they then think of the old epoch.
		if err := p.abort(ctx); err != nil {
			return err
		}
	}
	if p.tainted {
		return p.takeEpoch(ctx, stageBump, p.pid, p.epoch)
	}
	return nil
}

// abort ends the open transaction. Its commit has never been asked for, so "invalid state" means that there is none.
func (p *Producer) abort(ctx context.Context) error {
	p.tainted = true
	_, _, err := p.ask(ctx, stageAbort, p.endTxn(false))
	if err == nil || errors.Is(err, kafka.InvalidTransactionState) {
		p.open = false
		return nil
	}
	return err
}

func (p *Producer) endTxn(commit bool) *endtxn.Request {
	return &endtxn.Request{TransactionalID: p.id, ProducerID: p.pid, ProducerEpoch: p.epoch, Committed: commit}
}

// ask sends a request to the transaction coordinator until the answer is definite or ctx ends. inDoubt says that an
// attempt before the last one has no answer, so that it may have taken effect.
func (p *Producer) ask(ctx context.Context, at stage, req protocol.Message) (msg protocol.Message, inDoubt bool, err error) {
	lingering, cancel := linger(ctx)
	defer cancel()
	var wait backoff
	remembered := p.coordinator != nowhere
	for {
		if err := p.allowed(); err != nil {
			return nil, inDoubt, fmt.Errorf("%s: %w", at, err)
		}
		began := time.Now()
		looking := p.coordinator == nowhere
		var msg protocol.Message
		var err error
		if looking {
			if err = p.findCoordinator(lingering); err == nil {
				continue // the guard may think otherwise by now
			}
		} else {
			msg, err = p.toCoordinator(lingering, req)
		}
		r := classify(at, err)
		if r.unanswered && !looking {
			p.tainted, inDoubt = true, true
		}
		if r.stale {
			if !remembered || !moved(err) {
				p.client.refresh(began)
			}
			p.coordinator, remembered = nowhere, false
		}
		switch {
		case r.verdict == verdictDone:
			return msg, inDoubt, nil
		case r.verdict == verdictFenced:
			p.state = stateFenced
			return nil, inDoubt, joined(ErrFenced, describe(at, transactionalID(p.id), err))
		case r.verdict == verdictRejected:
			return nil, inDoubt, joined(ErrRejected, p.describe(at, req, err))
		case r.verdict == verdictMissing && wait.missing(time.Now()), r.verdict > verdictMissing:
			return nil, inDoubt, p.describe(at, req, err)
		}
		if ended := sleep(ctx, wait.next(r, err)); ended != nil {
			return nil, inDoubt, fmt.Errorf("%s: %w; last: %w", at, ended, err)
		}
	}
}

// allowed is an error if nothing may be sent any more.
func (p *Producer) allowed() error {
	err := p.guard()
	if err == nil {
		return nil
	}
	p.state = stateFenced
	return joined(ErrFenced, err)
}

// describe finds the partition that an answer complains about.
func (p *Producer) describe(at stage, req protocol.Message, err error) error {
	var refused *partitionError
	if errors.As(err, &refused) {
		return describe(at, refused.at, refused.err)
	}
	return describe(at, transactionalID(p.id), err)
}
