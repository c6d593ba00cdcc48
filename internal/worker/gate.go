package worker

import (
	"context"
	"sync"
	"time"
)

const (
	// transactionsAtOnce bounds how many accounts talk to Kafka's transaction coordinators at the same time. More would not be
	// faster; but when a thousand accounts begin together, the group's heartbeats would wait behind all their requests for so
	// long that the worker lost what it is just taking over.
	transactionsAtOnce = 32

	// longestTurn is after how long the next one is let in though the turn has not ended: what hangs for one account, since a
	// broker is away, must not stop the others.
	longestTurn = 2 * time.Second
)

// A gate lets so many in at a time as it has room for.
type gate chan struct{}

// enter waits for a turn, which ends with a call of leave, or after a while.
func (g gate) enter(ctx context.Context) (leave func(), err error) {
	if ctx.Err() != nil { // though there may be room
		return nil, ctx.Err()
	}
	select {
	case g <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	end := sync.OnceFunc(func() { <-g })
	timer := time.AfterFunc(longestTurn, end)
	return func() {
		timer.Stop()
		end()
	}, nil
}

// turn calls f, which talks to a coordinator, when there is room.
func (g gate) turn(ctx context.Context, f func() error) error {
	leave, err := g.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	return f()
}
