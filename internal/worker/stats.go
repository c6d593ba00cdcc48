package worker

import (
	"context"
	"errors"
	"sync"
	"time"

	"go.uber.org/zap"

	"attemptstream/internal/attempt"
	"attemptstream/internal/complete"
)

// Progress is where an account is.
type Progress struct {
	Account attempt.Account
	Start   time.Time // where its states began
	Through time.Time // everything before it is told; zero before the account was taken over
	Front   time.Time // of the state that is furthest behind
	Gaps    int
	Told    int64 // in all its history
	Counts        // of this process
	// Requests of this process, and how many of them failed.
	Requests, Failed int64
	Commits          int64
	Problem          string // what is wrong at the moment, in words; empty: nothing
}

// stats are an account's figures, for whoever asks, at any time.
type stats struct {
	mu sync.Mutex
	p  Progress
}

func newStats(name attempt.Account) *stats { return &stats{p: Progress{Account: name}} }

func (s *stats) progress() Progress {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.p
}

// request counts a request by its outcome. One that the reader itself ended was answered.
func (s *stats) request(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.p.Requests++
	if err != nil && !errors.Is(err, complete.ErrLong) && !errors.Is(err, context.Canceled) {
		s.p.Failed++
	}
}

// problem says what is wrong at the moment, nil if nothing.
func (s *stats) problem(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.p.Problem = ""
	if err != nil {
		s.p.Problem = err.Error()
	}
}

func (s *stats) committed(c Counts) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.p.Counts.add(c)
}

func (s *stats) transaction() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.p.Commits++
}

// report makes the checkpoint's coverage known.
func (s *session) report() {
	var start, front attempt.Instant
	gaps := 0
	for i, state := range s.worker.Schedule.States {
		c := s.memory.Checkpoint.States[state]
		gaps += len(c.Gaps)
		if i == 0 || c.Front < front {
			front = c.Front
		}
		if i == 0 || c.Start < start {
			start = c.Start
		}
	}
	through, told := s.through(), s.memory.Index.Told()
	s.stats.mu.Lock()
	defer s.stats.mu.Unlock()
	p := &s.stats.p
	p.Start, p.Through, p.Front, p.Gaps, p.Told = start.Time(), through.Time(), front.Time(), gaps, told
}

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
