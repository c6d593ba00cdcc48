package worker

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.uber.org/zap"

	"attemptstream/internal/attempt"
	"attemptstream/internal/kafkatx"
	"attemptstream/internal/state"
	"attemptstream/internal/topics"
)

// A Worker reads its accounts until it is stopped.
type Worker struct {
	Config
	accounts  []*account
	listeners map[state.Partition]*listener
	places    places
}

// New is a worker. It does nothing before Run.
func New(c Config) *Worker {
	w := &Worker{Config: c, listeners: map[state.Partition]*listener{}}
	if w.Now == nil {
		w.Now = time.Now
	}
	if w.Meter == nil {
		w.Meter = noMeter{}
	}
	if w.RequestInterval == 0 {
		w.RequestInterval = requestInterval
	}
	var guard func() error
	if c.Ownership != nil {
		guard = c.Ownership.Check
	}
	for _, a := range c.Accounts {
		at := state.Partition{
			Topic:     c.Topics.State.Name,
			Partition: topics.StatePartition(a.Name, c.Topics.State.Partitions),
		}
		inbox := newInbox()
		w.accounts = append(w.accounts, &account{
			worker:   w,
			name:     a.Name,
			api:      a.API,
			at:       at,
			inbox:    inbox,
			listener: w.listenerOf(at, a.Name, inbox),
			pace:     newPace(c.ReplayRate, c.Concurrency),
			producer: c.Kafka.NewProducer(kafkatx.ProducerConfig{
				TransactionalID:    TransactionalID(c.Topics.Events.Name, string(a.Name)),
				TransactionTimeout: c.TransactionTimeout,
				Compression:        c.Compression,
				Guard:              guard,
			}),
			stats: newStats(a.Name, w.Now),
			log:   c.Log.With(zap.String("account", string(a.Name))),
		})
	}
	return w
}

// listenerOf is the listener of a partition, which from now on hands an account's requests to the inbox.
func (w *Worker) listenerOf(at state.Partition, name attempt.Account, to *inbox) *listener {
	l := w.listeners[at]
	if l == nil {
		l = &listener{kafka: w.Kafka, at: at, accounts: map[attempt.Account]*inbox{}, interval: w.RequestInterval,
			from: make(chan int64, 1), log: w.Log}
		w.listeners[at] = l
	}
	l.accounts[name] = to
	return l
}

// TransactionalID is the one that an account's owner writes with. Whoever takes it fences the owner before.
func TransactionalID(topic, account string) string { return topic + "/" + account }

func (w *Worker) now() time.Time { return w.Now() }

// Run reads all accounts that are this worker's side by side. It returns nil when ctx ends and, where the schedule has a
// Stop, when everything up to it is committed, by this worker or by others. Otherwise it returns when no account is left:
// the errors say what became of each.
func (w *Worker) Run(ctx context.Context) error {
	if w.Ownership != nil {
		return w.runOwned(ctx)
	}
	listening, silence := context.WithCancel(ctx)
	var listeners sync.WaitGroup
	for _, l := range w.listeners {
		listeners.Go(func() { l.run(listening) })
	}
	defer listeners.Wait()
	defer silence()
	errs := make([]error, len(w.accounts))
	var all sync.WaitGroup
	for i, a := range w.accounts {
		all.Go(func() { errs[i] = a.run(ctx) })
	}
	all.Wait()
	return errors.Join(errs...)
}

// Progress is where every account is, in the order of the configuration.
func (w *Worker) Progress() []Progress {
	var out []Progress
	var outside error // nil: the group counts this worker in
	if w.Ownership != nil {
		outside = w.Ownership.Check()
	}
	for _, a := range w.accounts {
		p := a.stats.progress()
		if w.Ownership != nil && !a.stats.isGiven() && !p.Ended {
			p.Standby = outside == nil
			var reasons interface{ Unwrap() []error } // else it has only just begun to join
			if errors.As(outside, &reasons) {
				p.Problem = outside.Error()
			}
		}
		out = append(out, p)
	}
	return out
}

// An account is what outlives sessions.
type account struct {
	worker   *Worker
	name     attempt.Account
	api      API
	at       state.Partition
	producer *kafkatx.Producer
	inbox    *inbox
	listener *listener
	pace     *pace // of replays
	stats    *stats
	log      *zap.Logger
	told     int64 // as of the last commit that this process knows of
}

// Back-off between two sessions of an account.
const (
	firstPause = 500 * time.Millisecond
	lastPause  = 30 * time.Second
)

// run begins sessions until ctx ends, the schedule's Stop is reached, or no session can go on.
func (a *account) run(ctx context.Context) error {
	pause := firstPause
	for {
		began := a.worker.now()
		err := a.session(ctx)
		if err == nil || ctx.Err() != nil {
			return nil
		}
		if end := a.ending(err); end != nil {
			a.stats.ended(end)
			if errors.Is(end, kafkatx.ErrFenced) {
				a.worker.Meter.Fenced(a.name)
			}
			a.log.Error("the account is not read any more", zap.Error(end)) // others may go on for ever
			return fmt.Errorf("account %s: %w", a.name, end)
		}
		if a.worker.now().Sub(began) > lastPause {
			pause = firstPause
		}
		if isFence(err) {
			if !a.fenced(ctx, err) || !sleep(ctx, pause) {
				return nil
			}
			pause = min(2*pause, lastPause)
			continue
		}
		a.stats.problem(err)
		a.log.Error("begin again", zap.Duration("in", pause), zap.Error(err))
		if !sleep(ctx, pause) {
			return nil
		}
		pause = min(2*pause, lastPause)
	}
}

// sleep is false if ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
