package ownership

import (
	"context"
	"time"

	"go.uber.org/zap"
)

// leaseTime is how long a worker that is not heard of goes on. The coordinator counts from when it has heard, so there is time
// for all work to end before others begin it; on a busy machine that takes longer than the moment in between.
const leaseTime = SessionTimeout - time.Second

// Check is nil while this worker is a member that the group has heard of within the session timeout, else ErrNotMember, with
// the reason where the group cannot be joined. It asks nobody. Once the lease has ended, all contexts of own have.
func (g *Group) Check() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.until.IsZero() {
		if g.trouble != nil {
			return g.trouble
		}
		return ErrNotMember
	}
	if !time.Now().Before(g.until) {
		g.endLease()
		return ErrNotMember
	}
	return nil
}

// Confirm waits until the group has answered a question that was asked after the call: that what is this worker's is so
// still. If it is not, the context that own was given for it ends, and Confirm with it.
func (g *Group) Confirm(ctx context.Context) error {
	asked := time.Now()
	for {
		g.mu.Lock()
		ok, news := g.confirmed.After(asked), g.news
		g.mu.Unlock()
		if ok {
			return ctx.Err()
		}
		select {
		case g.prompt <- struct{}{}:
		default:
		}
		select {
		case <-news:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// renew takes note that the coordinator has answered what was sent at a time.
func (g *Group) renew(sent time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if until := sent.Add(leaseTime); !g.until.IsZero() && until.After(g.until) {
		g.until = until
		g.alarm.Reset(time.Until(until))
	}
}

// begin takes the lease anew. It is false if its time is over already.
func (g *Group) begin(sent time.Time) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	until := sent.Add(leaseTime)
	if until.Before(g.until) {
		until = g.until
	}
	left := time.Until(until)
	if left <= 0 {
		return false
	}
	if g.until.IsZero() {
		g.lost = make(chan struct{})
	}
	g.until = until
	if g.alarm == nil {
		g.alarm = time.AfterFunc(left, func() { _ = g.Check() })
	} else {
		g.alarm.Reset(left)
	}
	return true
}

// lose ends the lease before its time.
func (g *Group) lose() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.endLease()
}

// endLease cancels all work. The caller has the lock.
func (g *Group) endLease() {
	if g.until.IsZero() {
		return
	}
	g.until = time.Time{}
	close(g.lost)
	busy := 0
	for _, t := range g.tenures {
		if !t.ending {
			busy++
		}
		t.ending = true
		t.cancel()
	}
	g.log.Warn("the group has not been heard of for the session timeout, or has given this worker's accounts away: nothing more is told until it gives them again",
		zap.String("group", g.name), zap.Int("partitions", busy))
}

// gone is closed when the lease has ended.
func (g *Group) gone() <-chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.lost
}
