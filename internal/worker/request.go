package worker

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"attemptstream/internal/attempt"
	"attemptstream/internal/complete"
	"attemptstream/internal/imocha"
)

const (
	// requestTries is how often a request is made before its failure is one of its window.
	requestTries = 3
	// firstRequestPause bounds the pause before the second try; the bound doubles, and the pause is any up to it.
	firstRequestPause = 100 * time.Millisecond
	// longestThrottle is how long a request waits for the API's leave to go on. What takes longer holds the account.
	longestThrottle = 5 * time.Second
)

// request asks for a window, some times if it fails in a way that passes. Entries of a try that failed do not count, so
// begin is called before each try and returns what takes its entries.
func (s *session) request(
	ctx context.Context, state attempt.State, w attempt.Window, begin func() func(*imocha.Entry) error,
) error {
	pace := paceOf(ctx)
	for try := 1; ; try++ {
		each := begin()
		if pace != nil {
			if err := pace.enter(ctx); err != nil {
				return err
			}
		}
		began := time.Now()
		err := s.api.Attempts(ctx, state, w, each)
		if pace != nil {
			pace.leave()
		}
		s.stats.request(err)
		if errors.Is(err, complete.ErrLong) { // the answer was there, and this reader ended it
			s.worker.Meter.Request(s.name, state, time.Since(began), nil)
		} else {
			s.worker.Meter.Request(s.name, state, time.Since(began), err)
		}
		if err == nil || try == requestTries || !passes(err, s.worker.now()) {
			return err
		}
		if !sleep(ctx, rand.N(firstRequestPause<<(try-1))) {
			return err
		}
	}
}

// passes tells whether the same request may succeed soon.
func passes(err error, now time.Time) bool {
	var e *imocha.Error
	if !errors.As(err, &e) {
		return false
	}
	switch e.Kind {
	case imocha.Unavailable, imocha.Unreadable:
		return true
	case imocha.Throttled:
		return e.Until.Sub(now) <= longestThrottle // the client waits for it
	}
	return false
}
