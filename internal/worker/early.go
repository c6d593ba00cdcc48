package worker

import (
	"errors"
	"time"

	"go.uber.org/zap"

	"attemptstream/internal/attempt"
	"attemptstream/internal/imocha"
	"attemptstream/internal/schedule"
)

// mostAhead is how far a clock may be ahead for a worker that is to end when it has caught up to wait.
const mostAhead = time.Minute

// early tells whether new time was asked for that the API's clock has not reached, and lets the fronts stop there. What has
// been covered already was reached before: where the API's clock has been set back since, reading it again has simply failed.
func (s *session) early(r *reading) bool {
	if r.run.Kind != schedule.Front {
		return false
	}
	for i := range r.states {
		var e *imocha.Error
		if !errors.As(r.states[i].err, &e) || e.Kind != imocha.Early {
			continue
		}
		s.planner.Reached(attempt.InstantOf(e.Reached), s.worker.now())
		s.stats.problem(e)
		s.quiet("early", func(log *zap.Logger) {
			log.Warn("this machine's clock is ahead of the API's: what that one has not reached is not read", zap.Error(e))
		})
		if r.span.Until.Time().Sub(e.Reached) > mostAhead && s.worker.Schedule.Stop != 0 {
			s.stuck = &StuckError{e}
		}
		return true
	}
	return false
}
