package worker

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"attemptstream/internal/attempt"
	"attemptstream/internal/complete"
)

// stats are an account's figures, for whoever asks, at any time.
type stats struct {
	mu    sync.Mutex
	p     Progress
	under []*reading // what is being read, oldest first
	ours  bool       // by the group
	now   func() time.Time
}

func newStats(name attempt.Account, now func() time.Time) *stats {
	return &stats{p: Progress{Account: name}, now: now}
}

func (s *stats) progress() Progress {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.p
	p.States, p.Problems = slices.Clone(s.p.States), slices.Clone(s.p.Problems)
	for _, r := range s.under {
		for _, state := range r.run.States {
			p.Reading = append(p.Reading, Reading{State: state, Kind: r.run.Kind, Span: r.span})
		}
	}
	return p
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

// mostProblems is how many of the last problems are kept.
const mostProblems = 5

// problem says what is wrong at the moment, nil if nothing.
func (s *stats) problem(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.p.Problem = ""
	if err == nil {
		return
	}
	s.p.Problem = err.Error()
	now := s.now()
	if n := len(s.p.Problems); n > 0 && s.p.Problems[n-1].Text == s.p.Problem {
		s.p.Problems[n-1].Last = now
		s.p.Problems[n-1].Times++
		return
	}
	s.p.Problems = append(s.p.Problems, Problem{First: now, Last: now, Times: 1, Text: s.p.Problem})
	if n := len(s.p.Problems); n > mostProblems {
		s.p.Problems = slices.Delete(s.p.Problems, 0, n-mostProblems)
	}
}

// ended says that the account is not read any more.
func (s *stats) ended(err error) {
	s.problem(err)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.p.Ended = true
}

// owned says whether the account is this worker's at the moment.
func (s *stats) owned(owned bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.p.Owned = owned
}

// given says whether the group has given the account to this worker. What another one does with it is not known here.
func (s *stats) given(ours bool) {
	s.problem(nil)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ours = ours
	s.p.Ended = false
	s.p.Replays = nil
}

func (s *stats) isGiven() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ours
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
	s.p.Committed = s.now()
}

func (s *stats) begin(r *reading) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.under = append(s.under, r)
}

func (s *stats) end(r *reading) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if i := slices.Index(s.under, r); i >= 0 {
		s.under = slices.Delete(s.under, i, i+1)
	}
}

// report makes the checkpoint's coverage known.
func (s *session) report() {
	p := &s.stats.p
	s.stats.mu.Lock()
	defer s.stats.mu.Unlock()
	p.Start, p.Front, p.Gaps = time.Time{}, time.Time{}, 0
	states := make([]StateProgress, 0, len(s.worker.Schedule.States))
	for i, state := range s.worker.Schedule.States {
		c := s.memory.Checkpoint.States[state]
		states = append(states, StateProgress{State: state, Start: c.Start.Time(), Front: c.Front.Time(), Through: c.Through().Time(),
			Gaps: slices.Clone(c.Gaps), Counts: c.Counts})
		p.Gaps += len(c.Gaps)
		if front := c.Front.Time(); i == 0 || front.Before(p.Front) {
			p.Front = front
		}
		if start := c.Start.Time(); i == 0 || start.Before(p.Start) {
			p.Start = start
		}
	}
	p.States, p.Through = states, s.through().Time()
	p.Told, p.DeadLetters, p.IndexBytes = s.memory.Index.Told(), s.memory.Letters.Len(), s.memory.Index.Bytes()
	p.Trust = s.reader.Trust.Known()
	p.Replays = nil // who was given it may keep it
	for _, r := range s.memory.Replays.All() {
		if !r.Progress.Status.Ended() {
			p.Replays = append(p.Replays, Replay{ID: r.ID, From: r.Request.From.Time(), To: r.Request.To.Time(),
				States: r.Request.States, ReplayProgress: r.Progress})
		}
	}
}
