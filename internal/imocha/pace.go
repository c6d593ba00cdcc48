package imocha

import (
	"context"
	"math/rand/v2"
	"net/http"
	"strconv"
	"sync"
	"time"
)

const (
	// firstBackOff and lastBackOff bound the wait after a 429 that names no time; it doubles, with full jitter.
	firstBackOff = time.Second
	lastBackOff  = time.Minute
	// longestRetryAfter bounds what the API may ask for: a wrong date must not silence an account for years.
	longestRetryAfter = 24 * time.Hour
)

// A pace says when the next request may be sent: not more than some at once, not faster than the rate, and not before
// the time that a 429 has set.
type pace struct {
	slots chan struct{}
	turns *turns

	mu        sync.Mutex
	until     time.Time
	throttled int // 429s in a row
	// epoch counts 429s. What was sent before one says nothing of the time after it: four requests at once that are
	// throttled are one reason to wait longer, and an answer to an older request is none to wait shorter.
	epoch int
}

func newPace(perSecond float64, concurrency int) *pace {
	return &pace{slots: make(chan struct{}, concurrency), turns: newTurns(perSecond)}
}

// enter waits for one of the places of requests under way. Who enters leaves.
func (p *pace) enter(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case p.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (p *pace) leave() { <-p.slots }

// wait returns when a request may be sent, with the epoch in which that is.
func (p *pace) wait(ctx context.Context) (epoch int, err error) {
	for {
		if err := p.open(ctx); err != nil {
			return 0, err
		}
		turn := p.turns.take(time.Now())
		if err := sleep(ctx, time.Until(turn)); err != nil {
			p.turns.giveBack(turn, time.Now())
			return 0, err
		}
		p.mu.Lock()
		open, epoch := !time.Now().Before(p.until), p.epoch
		p.mu.Unlock()
		if open {
			return epoch, nil
		}
		// A 429 came while this one waited for its turn. It takes another, or all that waited would go at once.
	}
}

// open waits for the time that a 429 has set.
func (p *pace) open(ctx context.Context) error {
	p.mu.Lock()
	rest := time.Until(p.until)
	p.mu.Unlock()
	return sleep(ctx, rest)
}

// throttle takes note of a 429 to a request of the given epoch, and answers until when nothing may be asked.
func (p *pace) throttle(epoch int, h http.Header, now time.Time) time.Time {
	p.turns.apart() // it may count in shorter times than a second
	p.mu.Lock()
	defer p.mu.Unlock()
	until := now
	if after, ok := retryAfter(h, now); ok {
		until = now.Add(after)
	} else if epoch == p.epoch || !p.until.After(now) {
		longest := min(lastBackOff, firstBackOff<<min(p.throttled, 10))
		until = now.Add(rand.N(longest) + time.Millisecond)
	}
	if epoch == p.epoch {
		p.epoch++
		p.throttled++
	}
	if until.After(p.until) {
		p.until = until
	}
	return p.until
}

// succeed takes note of an answer to a request of the given epoch that was not a 429.
func (p *pace) succeed(epoch int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if epoch == p.epoch {
		p.throttled = 0
	}
}

// retryAfter is the wait that a response asks for (RFC 9110, section 10.2.3). One that is not in the future is none: it
// must not make a 429 the reason for the next request. A date is read by the clock that made it, where it is told.
func retryAfter(h http.Header, now time.Time) (time.Duration, bool) {
	text := h.Get("Retry-After")
	var wait time.Duration
	if seconds, err := strconv.ParseUint(text, 10, 63); err == nil {
		wait = time.Duration(min(seconds, uint64(longestRetryAfter/time.Second))) * time.Second
	} else if at, err := http.ParseTime(text); err == nil {
		if sent, err := http.ParseTime(h.Get("Date")); err == nil {
			now = sent
		}
		wait = min(at.Sub(now), longestRetryAfter)
	}
	return wait, wait > 0
}

// sleep waits for d, or for the end of ctx.
func sleep(ctx context.Context, d time.Duration) error {
	if err := ctx.Err(); err != nil || d <= 0 {
		return err
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err()
	case <-ctx.Done():
		return ctx.Err()
	}
}
