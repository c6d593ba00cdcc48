// Package gate lets so many in at a time as there is room for, and does not wait for those who take long.
//
// A turn lasts until its owner leaves, or for the longest time that the gate knows: then the next one is let in, though there
// may be more inside than there is room for. So what hangs for some holds back nobody else for long.
package gate

import (
	"context"
	"sync"
	"time"
)

// A Gate is one. It is safe for concurrent use.
type Gate struct {
	room    chan struct{}
	longest time.Duration
}

// New returns a gate with room for so many, who are waited for no longer than longest.
func New(room int, longest time.Duration) *Gate {
	return &Gate{make(chan struct{}, room), longest}
}

// Enter waits for a turn, which ends with a call of leave, or after a while. The error is the cause of ctx's end; who comes after
// that is not let in, though there may be room.
func (g *Gate) Enter(ctx context.Context) (leave func(), err error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	select {
	case g.room <- struct{}{}:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	return g.turn(), nil
}

// TryEnter is Enter for who does not wait. It is false if there is no room at the moment; leave does nothing then.
func (g *Gate) TryEnter() (leave func(), ok bool) {
	select {
	case g.room <- struct{}{}:
		return g.turn(), true
	default:
		return func() {}, false
	}
}

// turn is one that has begun. It may be ended more than once.
func (g *Gate) turn() (leave func()) {
	end := sync.OnceFunc(func() { <-g.room })
	timer := time.AfterFunc(g.longest, end)
	return func() {
		timer.Stop()
		end()
	}
}

// Turn calls f when there is room.
func (g *Gate) Turn(ctx context.Context, f func() error) error {
	leave, err := g.Enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	return f()
}
