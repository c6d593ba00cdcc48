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
	"attemptstream/internal/schedule"
	"attemptstream/internal/state"
)

const (
	// openPatience is how long transactions may hide records of a partition that is only looked at.
	openPatience = 3 * time.Second
	// elsewhereInterval is how often a worker that is to end when all is caught up looks at what others have read.
	elsewhereInterval = 2 * time.Second
)

// lookElsewhere settles accounts that other workers have caught up with, until ctx ends.
func (w *Worker) lookElsewhere(ctx context.Context) {
	for sleep(ctx, elsewhereInterval) {
		open := map[state.Partition]map[attempt.Account]*account{}
		for _, a := range w.all() {
			if a.stats.isGiven() || w.settled.has(a) {
				continue
			}
			if open[a.at] == nil {
				open[a.at] = map[attempt.Account]*account{}
			}
			open[a.at][a.name] = a
		}
		for at, accounts := range open {
			err := w.checkpoints(ctx, at, func(c *schedule.Checkpoint) {
				if a := accounts[c.Account]; a != nil && w.covers(c) {
					w.settled.settle(a, nil)
				}
			})
			if err != nil && ctx.Err() == nil {
				w.Log.Warn("what other workers have read cannot be seen", zap.Int("partition", at.Partition), zap.Error(err))
			}
		}
	}
}

// checkpoints calls fn with the last checkpoint of each account in a partition. One that cannot be read is its owner's to
// complain of.
func (w *Worker) checkpoints(ctx context.Context, at state.Partition, fn func(*schedule.Checkpoint)) error {
	last := map[attempt.Account][]byte{}
	_, err := state.Scan(ctx, w.Kafka, at, openPatience, func(r kafkatx.Record) error {
		if name, ok := state.CheckpointOf(r.Key); ok {
			last[name] = append([]byte{}, r.Value...)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for name, value := range last {
		if c, err := schedule.DecodeCheckpoint(value); err == nil && c.Account == name {
			fn(c)
		}
	}
	return nil
}

// covers tells whether everything up to the schedule's Stop was read.
func (w *Worker) covers(c *schedule.Checkpoint) bool {
	for _, name := range w.Schedule.States {
		if s := c.States[name]; s == nil || s.Front < w.Schedule.Stop {
			return false
		}
	}
	return true
}

// A places knows in which partition each account's checkpoint is. All accounts of a worker that begin from nothing share one
// look at the whole topic, also one that fails: else each would wait for its own, one after the other.
type places struct {
	mu   sync.Mutex
	of   map[attempt.Account]int // nil: nobody has looked yet
	look *look                   // that is under way; nil: none
}

// A look is one at the whole topic.
type look struct {
	done chan struct{} // closed when it has ended
	err  error
}

// find is what the topic holds, by a look of one who asks.
func (p *places) find(ctx context.Context, scan func(context.Context) (map[attempt.Account]int, error)) (map[attempt.Account]int, error) {
	for {
		p.mu.Lock()
		if p.of != nil {
			defer p.mu.Unlock()
			return p.of, nil
		}
		under := p.look
		if under == nil {
			own := &look{done: make(chan struct{})}
			p.look = own
			p.mu.Unlock()
			of, err := scan(ctx)
			p.mu.Lock()
			defer p.mu.Unlock()
			p.of, p.look, own.err = of, nil, err
			close(own.done)
			return of, err
		}
		p.mu.Unlock()
		select {
		case <-under.done:
			if under.err != nil && !errors.Is(under.err, context.Canceled) { // else who looked was removed meanwhile
				return nil, under.err
			}
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// A StateMovedError is an account whose state lies in another partition than the number of partitions says.
type StateMovedError struct {
	At    state.Partition // where it should be
	Found int             // the partition where it is
}

func (e *StateMovedError) Error() string {
	return fmt.Sprintf("what was told is in partition %d of topic %q, and would be looked for in partition %d: the topic had another number of "+
		"partitions when it was written, and that must not change: without its memory all would be told again, so nothing is: restore the "+
		"topic with the number of partitions that it had, or begin anew under another KAFKA_TOPIC", e.Found, e.At.Topic, e.At.Partition)
}

// unmoved is an error if an account of which nothing is known has its state in another partition.
func (a *account) unmoved(ctx context.Context) error {
	of, err := a.worker.places.find(ctx, a.worker.scanPlaces)
	if err != nil {
		return err
	}
	if found, ok := of[a.name]; ok && found != a.at.Partition {
		return &StateMovedError{At: a.at, Found: found}
	}
	return nil
}

// scanPlaces looks at all partitions.
func (w *Worker) scanPlaces(ctx context.Context) (map[attempt.Account]int, error) {
	of := map[attempt.Account]int{}
	for n := range w.Topics.State.Partitions {
		at := state.Partition{Topic: w.Topics.State.Name, Partition: n}
		seen, err := state.Scan(ctx, w.Kafka, at, openPatience, func(r kafkatx.Record) error {
			if name, ok := state.CheckpointOf(r.Key); ok && r.Value != nil {
				of[name] = n
			}
			return nil
		})
		if err == nil && seen.Hidden() {
			err = fmt.Errorf("an open transaction hides a part of topic %q, partition %d", at.Topic, n)
		}
		if err != nil {
			return nil, fmt.Errorf("look for the account in the other partitions: %w", err)
		}
	}
	return of, nil
}
