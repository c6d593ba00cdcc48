package worker

import (
	"context"
	"errors"
	"sync"

	"go.uber.org/zap"

	"attemptstream/internal/kafkatx"
)

// An Ownership says for which partitions of the state topic this worker is to write; ownership.Group is one. It says who
// should. Who can, the producer epochs say.
type Ownership interface {
	// Run calls own for each partition, from when it is this worker's until its context ends. It returns nil when ctx has
	// ended and all calls of own have returned.
	Run(ctx context.Context, own func(ctx context.Context, partition int)) error

	// Check is nil if this worker may write for what is its own. It is asked before every request of a transaction.
	Check() error

	// Confirm waits until it is certain that what was this worker's at the time of the call was so still, or ctx ends.
	Confirm(ctx context.Context) error
}

// runOwned reads the accounts in the partitions that are this worker's, while they are. It ends when ctx does, or when
// each account has ended here or has caught up, here or elsewhere.
func (w *Worker) runOwned(ctx context.Context) error {
	ctx, end := context.WithCancel(ctx)
	defer end()
	s := &settlement{ended: map[*account]error{}, all: len(w.accounts), end: end}
	var looking sync.WaitGroup
	if w.Schedule.Stop != 0 {
		looking.Go(func() { w.lookElsewhere(ctx, s) })
	}
	err := w.Ownership.Run(ctx, func(ctx context.Context, partition int) { w.own(ctx, partition, s) })
	end()
	looking.Wait()
	if err != nil {
		return err
	}
	return s.errors(w.accounts)
}

// own reads the accounts of a partition until ctx ends.
func (w *Worker) own(ctx context.Context, partition int, s *settlement) {
	var accounts, listening sync.WaitGroup
	hear, silence := context.WithCancel(ctx)
	for at, l := range w.listeners {
		if at.Partition == partition {
			l.forget()
			listening.Go(func() { l.run(hear) })
		}
	}
	for _, a := range w.accounts {
		if a.at.Partition != partition {
			continue
		}
		accounts.Go(func() {
			a.stats.given(true)
			defer a.stats.given(false)
			if s.caughtUp(a) {
				<-ctx.Done()
				return
			}
			err := a.run(ctx)
			if ctx.Err() == nil {
				s.settle(a, err)
				<-ctx.Done()
			}
			a.log.Info("account given up")
		})
	}
	accounts.Wait()
	silence()
	listening.Wait()
}

// A settlement is what has become of the accounts for which nothing is left to do.
type settlement struct {
	mu    sync.Mutex
	ended map[*account]error // nil: caught up
	all   int
	end   func() // called when nothing is left to do for any account
}

// settle takes down how an account has ended: nil if it has caught up.
func (s *settlement) settle(a *account, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended[a] = err
	if len(s.ended) == s.all {
		s.end()
	}
}

// caughtUp tells whether nothing is left to read. One that has ended in another way may be tried again.
func (s *settlement) caughtUp(a *account) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	err, ok := s.ended[a]
	if ok && err != nil {
		delete(s.ended, a)
	}
	return ok && err == nil
}

func (s *settlement) errors(accounts []*account) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs []error
	for _, a := range accounts {
		errs = append(errs, s.ended[a])
	}
	return errors.Join(errs...)
}

// fenced waits until an account that was fenced may be taken over again: it is if the group still says that it is this
// worker's, since nobody in the group has been given it then. It is false if ctx ended first.
func (a *account) fenced(ctx context.Context, err error) bool {
	a.worker.Meter.Fenced(a.name)
	fenced := &FencedError{Err: err, Owned: true}
	a.stats.problem(fenced)
	a.log.Warn("fenced: wait for the group to say whose the account is", zap.Error(fenced))
	return a.worker.Ownership.Confirm(ctx) == nil
}

// isFence tells an account that others write for from one that is not this worker's to write for any more.
func isFence(err error) bool { return errors.Is(err, kafkatx.ErrFenced) }
