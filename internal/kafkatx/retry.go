package kafkatx

import (
	"context"
	"time"
)

const (
	// A transaction that has to wait for the last one's markers waits 2 ms on one broker, 7 to 14 ms with three replicas.
	soonFirst, soonMost = time.Millisecond, 20 * time.Millisecond

	// Leaders and coordinators move within some 100 ms to seconds.
	againFirst, againMost = 10 * time.Millisecond, 500 * time.Millisecond

	// unknownTopicGrace is how long a topic may be unknown before that is taken for the truth. A new topic needs
	// milliseconds to be known everywhere.
	unknownTopicGrace = 3 * time.Second
)

// backoff counts the failures of one request in a row.
type backoff struct {
	soon, again  int
	last         error
	unknownSince time.Time
}

// next returns how long to wait after an error to try again.
func (b *backoff) next(r ruling, err error) time.Duration {
	b.last = err
	if r.verdict != verdictMissing {
		b.unknownSince = time.Time{}
	}
	if r.verdict == verdictSoon {
		b.soon++
		return doubled(soonFirst, soonMost, b.soon)
	}
	b.again++
	return doubled(againFirst, againMost, b.again)
}

// missing says whether a topic has been unknown for so long that it does not exist.
func (b *backoff) missing(now time.Time) bool {
	if b.unknownSince.IsZero() {
		b.unknownSince = now
	}
	return now.Sub(b.unknownSince) >= unknownTopicGrace
}

func doubled(first, most time.Duration, times int) time.Duration {
	d := first
	for ; times > 1 && d < most; times-- {
		d *= 2
	}
	return min(d, most)
}

// sleep waits, or returns early with the reason when ctx ends.
func sleep(ctx context.Context, d time.Duration) error {
	if ctx.Err() != nil {
		return cancellation(ctx)
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return cancellation(ctx)
	}
}

// answerGrace is how long an answer that is under way is waited for after its request was canceled: an answered
// request cannot arrive late, and an unanswered one costs a new epoch.
const answerGrace = 300 * time.Millisecond

// linger returns a context that outlives ctx by answerGrace.
func linger(ctx context.Context) (context.Context, context.CancelFunc) {
	outer, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		timer := time.AfterFunc(answerGrace, func() { cancel(cancellation(ctx)) })
		context.AfterFunc(outer, func() { timer.Stop() })
	})
	return outer, func() {
		stop()
		cancel(context.Canceled)
	}
}
