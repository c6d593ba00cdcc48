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

// sole is the ownership of a worker that shares with nobody: of so many partitions, for ever.
type sole struct{ partitions int }

func (s sole) Run(ctx context.Context, own func(context.Context, int)) error {
	var all sync.WaitGroup
	for partition := range s.partitions {
		all.Go(func() { own(ctx, partition) })
	}
	all.Wait()
	return nil
}

func (sole) Check() error                  { return nil }
func (sole) Confirm(context.Context) error { return nil }

// A tenure is the time in which a partition is this worker's.
type tenure struct {
	ctx  context.Context // ends with it
	work sync.WaitGroup  // on its accounts; added to under the worker's lock, while the worker has the tenure
}

// own reads the accounts of a partition until ctx ends: those that are in it now, and those that come to it meanwhile.
func (w *Worker) own(ctx context.Context, partition int) {
	t := &tenure{ctx: ctx}
	hear, silence := context.WithCancel(ctx)
	var listening sync.WaitGroup
	w.listeners[partition].forget()
	listening.Go(func() { w.listeners[partition].run(hear) })
	w.mu.Lock()
	w.tenures[partition] = t
	for _, a := range w.accounts {
		if a.at.Partition == partition {
			t.begin(a)
		}
	}
	w.mu.Unlock()
	<-ctx.Done()
	w.mu.Lock()
	delete(w.tenures, partition)
	w.mu.Unlock()
	t.work.Wait()
	silence()
	listening.Wait()
}

// begin lets the work on an account begin, once an earlier one on it has ended. It goes on until its stop is called or the
// tenure ends. The caller has the worker's lock.
func (t *tenure) begin(a *account) {
	ctx, stop := context.WithCancel(t.ctx)
	before, done := a.done, make(chan struct{})
	a.stop, a.done = stop, done
	t.work.Go(func() {
		defer close(done)
		defer stop()
		if before != nil {
			<-before // it was told to end
		}
		if ctx.Err() == nil {
			a.read(ctx)
		}
	})
}

// read reads the account until ctx ends.
func (a *account) read(ctx context.Context) {
	settled := &a.worker.settled
	a.stats.given(true)
	if a.worker.Ownership != nil { // else nobody takes it away, and how it has ended stays known
		defer a.stats.given(false)
	}
	if settled.caughtUp(a) {
		<-ctx.Done()
		return
	}
	err := a.run(ctx)
	if ctx.Err() == nil {
		settled.settle(a, err)
		<-ctx.Done()
	}
	if a.worker.Ownership != nil {
		a.log.Info("account given up")
	}
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
