package worker

import (
	"context"
	"errors"
	"sync"
	"time"

	"go.uber.org/zap"

	"attemptstream/internal/attempt"
	"attemptstream/internal/kafkatx"
	"attemptstream/internal/state"
)

// requestInterval is how often a partition of the state topic is looked at for requests, if the configuration does not
// say otherwise. One look costs a fetch.
const requestInterval = 2 * time.Second

// An inbox is where requests for an account come in, whether or not a session is there to take them.
type inbox struct {
	mu    sync.Mutex
	asked []state.Asked
	wake  chan struct{} // has something in it when the inbox has
}

func newInbox() *inbox { return &inbox{wake: make(chan struct{}, 1)} }

func (i *inbox) put(a state.Asked) {
	i.mu.Lock()
	i.asked = append(i.asked, a)
	i.mu.Unlock()
	select {
	case i.wake <- struct{}{}:
	default:
	}
}

// take empties the inbox.
func (i *inbox) take() []state.Asked {
	i.mu.Lock()
	defer i.mu.Unlock()
	asked := i.asked
	i.asked = nil
	select {
	case <-i.wake:
	default:
	}
	return asked
}

// A listener hands the requests in a partition of the state topic to its accounts. There is one for a partition, not one
// for an account: all would read the same.
type listener struct {
	kafka    *kafkatx.Client
	at       state.Partition
	interval time.Duration
	from     chan int64 // where to begin; the first one counts
	log      *zap.Logger

	mu       sync.Mutex
	accounts map[attempt.Account]*inbox
}

func newListener(kafka *kafkatx.Client, at state.Partition, interval time.Duration, log *zap.Logger) *listener {
	return &listener{kafka: kafka, at: at, interval: interval, from: make(chan int64, 1), log: log, accounts: map[attempt.Account]*inbox{}}
}

// add makes the listener hand an account's requests to the inbox from now on.
func (l *listener) add(name attempt.Account, to *inbox) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.accounts[name] = to
}

// drop makes it pass over an account's requests.
func (l *listener) drop(name attempt.Account) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.accounts, name)
}

// begin says from which offset on requests are not known yet. What came before it was recovered.
func (l *listener) begin(from int64) {
	select {
	case l.from <- from:
	default:
	}
}

// forget makes the next run wait for a new begin.
func (l *listener) forget() {
	select {
	case <-l.from:
	default:
	}
}

// run listens until ctx ends.
func (l *listener) run(ctx context.Context) {
	var next int64
	select {
	case next = <-l.from:
	case <-ctx.Done():
		return
	}
	failing := false
	for sleep(ctx, l.interval) {
		read, err := l.kafka.ReadCommitted(ctx, l.at.Topic, l.at.Partition, next, l.hand)
		var beyond *kafkatx.OffsetOutOfRangeError
		if errors.As(err, &beyond) {
			read = beyond.End // the log has lost its end; whoever owns an account will find out what that means
		}
		next = read
		if err != nil && !failing && ctx.Err() == nil {
			l.log.Warn("requests for replays cannot be read, and are looked for again", zap.Int("partition", l.at.Partition), zap.Error(err))
		}
		failing = err != nil
	}
}

func (l *listener) hand(record kafkatx.Record) error {
	if a, ok := state.AskedIn(record); ok {
		l.mu.Lock()
		to := l.accounts[a.Account]
		l.mu.Unlock()
		if to != nil {
			to.put(a)
		}
	}
	return nil
}
