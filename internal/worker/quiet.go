package worker

import (
	"time"

	"go.uber.org/zap"
)

// quietTime is how long the same complaint is not repeated in the log.
const quietTime = time.Minute

// silence is a complaint that was made a short while ago.
type silence struct {
	since      time.Time
	suppressed int
}

// quiet lets say log, unless the same was logged less than a minute ago.
func (s *session) quiet(what string, say func(*zap.Logger)) {
	now := time.Now()
	last := s.said[what]
	if last != nil && now.Sub(last.since) < quietTime {
		last.suppressed++
		return
	}
	log := s.log
	if last != nil && last.suppressed > 0 {
		log = log.With(zap.Int("suppressed", last.suppressed))
	}
	s.said[what] = &silence{since: now}
	say(log)
}
