package worker

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"attemptstream/internal/attempt"
	"attemptstream/internal/complete"
	"attemptstream/internal/imocha"
	"attemptstream/internal/schedule"
)

// A reading is what all states of a run showed for one span.
type reading struct {
	run    *schedule.Run
	span   schedule.Span
	states []stateReading // in the order of run.States
	left   atomic.Int32   // of the states; who comes to the last one ends the reading
	done   chan struct{}  // closed when all states have been read
	cancel context.CancelFunc
}

type stateReading struct {
	state   attempt.State
	answer  *complete.Answer
	finding complete.Finding
	err     error
}

// start reads span for all of the run's states, side by side, and then calls leave and lets arrived have something in it.
func (s *session) start(ctx context.Context, run *schedule.Run, span schedule.Span, leave func(), arrived chan<- struct{}) *reading {
	ctx, cancel := context.WithCancel(ctx)
	r := &reading{run: run, span: span, states: make([]stateReading, len(run.States)), done: make(chan struct{}), cancel: cancel}
	r.left.Store(int32(len(run.States)))
	s.stats.begin(r)
	for i, state := range run.States {
		go func() {
			a, found, err := s.reader.Read(ctx, state, span)
			r.states[i] = stateReading{state, a, found, err}
			if r.left.Add(-1) > 0 {
				return
			}
			cancel()
			leave()
			s.stats.end(r)
			close(r.done)
			select {
			case arrived <- struct{}{}:
			default:
			}
		}()
	}
	return r
}

func (r *reading) ready() bool { return closed(r.done) }

// closed tells whether c is.
func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// bytes is the text of the answers' entries. It must be ready.
func (r *reading) bytes() int {
	n := 0
	for i := range r.states {
		if a := r.states[i].answer; a != nil {
			n += a.Bytes
		}
	}
	return n
}

// narrow tells whether any state has to be read in narrower windows.
func (r *reading) narrow() bool {
	for i := range r.states {
		s := &r.states[i]
		if errors.Is(s.err, complete.ErrLong) || s.err == nil && (s.finding == complete.Cut || s.finding == complete.Changed) {
			return true
		}
	}
	return false
}

// failed are the states that could not be read.
func (r *reading) failed() []attempt.State {
	var failed []attempt.State
	for i := range r.states {
		if r.states[i].err != nil {
			failed = append(failed, r.states[i].state)
		}
	}
	return failed
}

// answers are those of the states that could be read.
func (r *reading) answers() []*complete.Answer {
	var answers []*complete.Answer
	for i := range r.states {
		if r.states[i].err == nil {
			answers = append(answers, r.states[i].answer)
		}
	}
	return answers
}

// longest is the length of the longest answer.
func longest(answers []*complete.Answer) int {
	n := 0
	for _, a := range answers {
		n = max(n, a.Length)
	}
	return n
}

// held is what a failure means for the account as a whole.
type held struct {
	until time.Time
	err   error
	fatal bool // nothing but a person can mend it
}

// Back-offs of an account that the API does not serve.
const (
	refusedPause  = time.Minute     // between two tries with a key that was refused
	rejectedPause = 5 * time.Minute // between two tries of what the API calls wrong
)

// hold tells whether the errors are such that nothing of the account should be asked for now, and until when. The
// gravest counts.
func (r *reading) hold(now time.Time) *held {
	var worst *held
	for i := range r.states {
		if h := holdFor(r.states[i].err, now); h != nil && (worst == nil || h.until.After(worst.until)) {
			worst = h
		}
	}
	return worst
}

func holdFor(err error, now time.Time) *held {
	var e *imocha.Error
	if !errors.As(err, &e) {
		return nil
	}
	switch e.Kind {
	case imocha.Throttled:
		return &held{until: e.Until, err: err}
	case imocha.Unauthorized:
		return &held{until: now.Add(refusedPause), err: err, fatal: true}
	case imocha.Rejected:
		return &held{until: now.Add(rejectedPause), err: err, fatal: true}
	}
	return nil
}
