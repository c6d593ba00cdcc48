package audit

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"go.uber.org/zap"

	"attemptstream/internal/attempt"
	"attemptstream/internal/imocha"
)

const (
	// requestTries is how often a request is made before its failure is one of its window, which is then asked for in parts.
	requestTries = 3
	// refusedTries is how often a request is made that the API calls wrong, or whose key it refuses. Proxies say so now and
	// then, and who audits is in no hurry; but what is still so in the end is so for all windows.
	refusedTries = 6
	// firstPause bounds the pause before the second try; the bound doubles, and the pause is any up to it.
	firstPause = 100 * time.Millisecond
	// longWait is from when on a wait for the API's leave to go on is worth a line in the log.
	longWait = time.Minute
)

// A requester asks for the windows of one account.
type requester struct {
	api API
	log *zap.Logger
}

// request is a complete.Request.
func (q *requester) request(
	ctx context.Context, state attempt.State, w attempt.Window, begin func() func(*imocha.Entry) error,
) error {
	for try := 1; ; try++ {
		err := q.api.Attempts(ctx, state, w, begin())
		var problem *imocha.Error
		if err == nil || !errors.As(err, &problem) || try >= requestTries && !lasting(err) || try == refusedTries {
			return err
		}
		if problem.Kind == imocha.Throttled && time.Until(problem.Until) > longWait {
			q.log.Warn("the API wants to be left alone for a while", zap.Time("until", problem.Until), zap.Error(err))
		}
		if ended := pause(ctx, rand.N(firstPause<<(try-1))); ended != nil {
			return ended
		}
	}
}

// lasting tells whether an error concerns more than the window that was asked for, so that no other will do better.
func lasting(err error) bool {
	switch imocha.KindOf(err) {
	case imocha.Unauthorized, imocha.Rejected:
		return true
	}
	return false
}

// pause waits for d, or for the end of ctx.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
