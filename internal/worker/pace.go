package worker

import (
	"context"
	"time"

	"golang.org/x/time/rate"
)

// A pace is how fast, and how many at once, an account's replay may make requests: so that there is always room for
// what is new.
type pace struct {
	limiter *rate.Limiter
	slots   chan struct{}
}

// newPace allows so many requests a second, 0 for any number, and leaves one of those that may be under way at once to
// others, if there are several.
func newPace(perSecond float64, concurrency int) *pace {
	p := &pace{slots: make(chan struct{}, max(1, concurrency-1))}
	if perSecond > 0 {
		p.limiter = rate.NewLimiter(rate.Limit(perSecond), 1)
	}
	return p
}

// enter waits for the turn of a request, which ends by leave.
func (p *pace) enter(ctx context.Context) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	select {
	case p.slots <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	if p.limiter == nil {
		return nil
	}
	turn := p.limiter.Reserve() // Wait would fail at once where the deadline is too near
	if wait := turn.Delay(); wait > 0 && !sleep(ctx, wait) {
		turn.Cancel()
		p.leave()
		return ctx.Err()
	}
	return nil
}

func (p *pace) leave() { <-p.slots }

type paceKey struct{}

// paced is a context whose requests keep the pace: who asks for an answer does not know how many requests that takes.
func paced(ctx context.Context, p *pace) context.Context { return context.WithValue(ctx, paceKey{}, p) }

// paceOf is that of a context, nil if its requests need to keep none.
func paceOf(ctx context.Context) *pace {
	p, _ := ctx.Value(paceKey{}).(*pace)
	return p
}

// until is ctx up to a time, by the clock that now is read from. The zero time never comes.
func until(ctx context.Context, at, now time.Time) (context.Context, context.CancelFunc) {
	if at.IsZero() {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, at.Sub(now))
}
