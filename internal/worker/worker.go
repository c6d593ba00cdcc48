package worker

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"

	"attemptstream/internal/attempt"
	"attemptstream/internal/gate"
	"attemptstream/internal/kafkatx"
	"attemptstream/internal/state"
	"attemptstream/internal/topics"
)

const (
	// transactionsAtOnce bounds how many accounts talk to Kafka's transaction coordinators at the same time. More would not be
	// faster; but when a thousand accounts begin together, the group's heartbeats would wait behind all their requests for so
	// long that the worker lost what it is just taking over.
	transactionsAtOnce = 32

	// spansAtOnce is how many spans are under way, of all accounts together, before each reads one at a time. More would not be
	// faster; but of a thousand accounts that begin together each had nine requests waiting, with a goroutine and what else
	// they take: a quarter of the memory at the peak, and of what the Go runtime kept of it for ever.
	spansAtOnce = 512

	// longestTurn is after how long the next one is let in though the turn has not ended: what hangs for one account, since a
	// broker is away, must not stop the others.
	longestTurn = 2 * time.Second
)

// A Worker reads its accounts until it is stopped.
type Worker struct {
	Config
	listeners []*listener // of each partition of the state topic
	recovery  []*recovery // of each partition too
	gate      *gate.Gate  // to Kafka's coordinators
	spans     *gate.Gate  // to more of an account than one that is under way
	places    places
	settled   settlement

	mu       sync.Mutex
	accounts []*account                   // that are to be read, in the order that was given
	known    map[attempt.Account]*account // those, and what was read before: who comes again goes on with what is left of it
	tenures  map[int]*tenure              // of the partitions that are this worker's
}

// New is a worker. It does nothing before Run.
func New(c Config) *Worker {
	w := &Worker{Config: c, gate: gate.New(transactionsAtOnce, longestTurn), spans: gate.New(spansAtOnce, longestTurn),
		known: map[attempt.Account]*account{}, tenures: map[int]*tenure{}}
	if w.Now == nil {
		w.Now = time.Now
	}
	if w.Meter == nil {
		w.Meter = noMeter{}
	}
	if w.PieceBytes == 0 {
		w.PieceBytes = pieceBytes
	}
	if w.RequestInterval == 0 {
		w.RequestInterval = requestInterval
	}
	room := make(chan struct{}, recoverAtOnce)
	for partition := range c.Topics.State.Partitions {
		at := state.Partition{Topic: c.Topics.State.Name, Partition: partition}
		w.recovery = append(w.recovery, newRecovery(w.Kafka, at, room))
		w.listeners = append(w.listeners, newListener(w.Kafka, at, w.RequestInterval, w.Log))
	}
	w.SetAccounts(c.Accounts)
	return w
}

// newAccount is an account that was never read here.
func (w *Worker) newAccount(name attempt.Account) *account {
	var guard func() error
	if w.Ownership != nil {
		guard = w.Ownership.Check
	}
	at := state.Partition{Topic: w.Topics.State.Name, Partition: topics.StatePartition(name, w.Topics.State.Partitions)}
	return &account{
		worker:   w,
		name:     name,
		api:      &door{},
		at:       at,
		inbox:    newInbox(),
		listener: w.listeners[at.Partition],
		pace:     newPace(w.ReplayRate, w.Concurrency),
		producer: w.Kafka.NewProducer(kafkatx.ProducerConfig{
			TransactionalID:    TransactionalID(w.Topics.Events.Name, string(name)),
			TransactionTimeout: w.TransactionTimeout,
			Compression:        w.Compression,
			Guard:              guard,
		}),
		stats: newStats(name, w.Now),
		log:   w.Log.With(zap.String("account", string(name))),
	}
}

// TransactionalID is the one that an account's owner writes with. Whoever takes it fences the owner before.
func TransactionalID(topic, account string) string { return topic + "/" + account }

func (w *Worker) now() time.Time { return w.Now() }

// Run reads all accounts that are this worker's side by side. It returns nil when ctx ends and, where the schedule has a
// Stop, when everything up to it is committed, by this worker or by others. Otherwise it returns when no account is left:
// the errors say what became of each. It is called once.
func (w *Worker) Run(ctx context.Context) error {
	ctx, end := context.WithCancel(ctx)
	defer end()
	w.settled.begin(end)
	var looking sync.WaitGroup
	var share Ownership = sole{len(w.listeners)}
	if w.Ownership != nil {
		share = w.Ownership
		if w.Schedule.Stop != 0 {
			looking.Go(func() { w.lookElsewhere(ctx) })
		}
	}
	err := share.Run(ctx, w.own)
	end()
	looking.Wait()
	if err != nil {
		return err
	}
	return w.settled.errors(w.all())
}

// all are the accounts that are to be read at the moment.
func (w *Worker) all() []*account {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.accounts)
}

// Progress is where every account is, in the order in which they were given.
func (w *Worker) Progress() []Progress {
	var out []Progress
	var outside error // nil: the group counts this worker in
	if w.Ownership != nil {
		outside = w.Ownership.Check()
	}
	for _, a := range w.all() {
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
	api      *door
	at       state.Partition
	producer *kafkatx.Producer
	inbox    *inbox
	listener *listener
	pace     *pace // of replays
	stats    *stats
	log      *zap.Logger
	told     int64 // as of the last commit that this process knows of

	// The worker's lock guards them.
	stop context.CancelFunc // ends the work on it; nil: it was never begun
	done chan struct{}      // closed when it has ended
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
