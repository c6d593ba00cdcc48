package schedule

import (
	"time"

	"attemptstream/internal/attempt"
)

// reachedFor is how long what was said of the API's clock counts. When it is over and nothing has changed, it shows again.
const reachedFor = time.Minute

// A reach is what the API's clock showed at some time of the planner's, which is ahead of it.
type reach struct {
	api attempt.Instant
	at  time.Time // zero: nothing is known
}

// Reached notes that the API's clock shows i at now. For a while the fronts then go no further than that clock does: what
// lies beyond it has not happened yet, so it would be covered without having been read.
func (p *Planner) Reached(i attempt.Instant, now time.Time) { p.reached = reach{i, now} }

// expire forgets what was noted too long ago, or by a clock that has been set back since.
func (r *reach) expire(now time.Time) {
	if passed := now.Sub(r.at); passed < 0 || passed > reachedFor {
		*r = reach{}
	}
}

// limit is until, or what the API's clock shows at now if that is earlier.
func (r *reach) limit(until attempt.Instant, now time.Time) attempt.Instant {
	if r.at.IsZero() {
		return until
	}
	return min(until, r.api.Add(now.Sub(r.at)))
}

// later is at, or when the API's clock will show i, or nothing is known of it any more, if that comes later.
func (r *reach) later(at time.Time, i attempt.Instant) time.Time {
	if r.at.IsZero() {
		return at
	}
	if shows := r.at.Add(min(max(0, i.Sub(r.api)), reachedFor)); shows.After(at) {
		return shows
	}
	return at
}
