package worker

import (
	"context"
	"slices"
	"time"

	"attemptstream/internal/schedule"
)

// What is new is not held up by what is read beside it: covered time, gaps, replays, and the front of a state that is behind
// the others. When a front is due, the oldest span that is under way for them is left so, with room for the front's requests,
// and is taken up when it is their turn again: else an answer that takes longer than the time between two polls would never
// come.

// attend waits until head, the queue's oldest span, has been read. It is false if something that goes first is due, or if the
// replay that it is of has ended.
func (s *session) attend(ctx context.Context, q *queue, head *reading) bool {
	for !head.ready() {
		now := s.worker.now()
		wait := time.Hour
		if due := q.run.YieldAt(now); !due.IsZero() && (q.replaying != nil || s.leavesRoom(head)) {
			wait = due.Sub(now)
		}
		if wait <= 0 && !q.run.Yields(now) {
			wait = patience // nothing would be done but to come back
		}
		if wait <= 0 {
			if q.replaying != nil {
				q.replaying.interrupted++
			}
			return false
		}
		timer := time.NewTimer(wait)
		select {
		case <-head.done:
		case <-timer.C:
		case <-ctx.Done():
		case <-s.inbox.wake:
			s.hear()
		}
		timer.Stop()
		if ctx.Err() != nil || !q.current() {
			return false
		}
	}
	return true
}

// leavesRoom tells whether others can make requests while all of the readings are under way.
func (s *session) leavesRoom(readings ...*reading) bool {
	under, most := 0, s.worker.Concurrency
	for _, r := range readings {
		switch n := len(r.states); {
		case r.ready():
		case r.run.Kind == schedule.Replay:
			under += min(n, cap(s.pace.slots))
		default:
			under += n
		}
	}
	return under < most
}

// keep leaves a reading under way, one of its kind at most. Where there is no room, what matters least is given up.
func (s *session) keep(r *reading) {
	s.dropKept(func(run *schedule.Run) bool { return run.Kind == r.run.Kind })
	s.kept = append(s.kept, r)
	for _, least := range []schedule.Kind{schedule.Replay, schedule.Gap, schedule.LookBack} {
		if !s.leavesRoom(s.kept...) && len(s.kept) > 1 {
			s.dropKept(func(run *schedule.Run) bool { return run.Kind == least })
		}
	}
}

// takeUp takes from what is kept what the run is to go on with, nil if that is nothing. What no run will go on with is given up.
func (s *session) takeUp(run *schedule.Run) *reading {
	var found *reading
	s.kept = slices.DeleteFunc(s.kept, func(r *reading) bool {
		switch {
		case run.Continues(r.run) && run.Resume(r.span):
			found = r
			return true
		case run.Continues(r.run), run.Kind == schedule.Front && r.run.Kind == schedule.Front && overlap(run, r.run):
			r.end()
			return true
		}
		return false
	})
	if found == nil {
		return nil
	}
	return &reading{run: run, span: found.span, states: found.states, done: found.done, cancel: found.cancel}
}

// overlap tells whether two runs have a state in common.
func overlap(a, b *schedule.Run) bool {
	for _, state := range a.States {
		if slices.Contains(b.States, state) {
			return true
		}
	}
	return false
}

func anyRun(*schedule.Run) bool { return true }

// dropKept gives up what was left under way for some runs.
func (s *session) dropKept(of func(*schedule.Run) bool) {
	s.kept = slices.DeleteFunc(s.kept, func(r *reading) bool {
		drop := of(r.run)
		if drop {
			r.end()
		}
		return drop
	})
}

// end gives up a reading and waits for its end.
func (r *reading) end() {
	r.cancel()
	<-r.done
}

// beside is the context for what is asked for in order to judge a span. Where a front goes first it ends when that is due,
// unless this was so before; and a replay's keeps the pace.
func (s *session) beside(ctx context.Context, run *schedule.Run) (context.Context, context.CancelFunc) {
	patient := s.hurried >= patientAfter
	switch {
	case run.Kind == schedule.Replay:
		ctx, patient = paced(ctx, s.pace), s.replaying.patient()
	case !run.Lagging:
		return ctx, func() {}
	}
	if patient {
		return ctx, func() {}
	}
	now := s.worker.now()
	return until(ctx, run.YieldAt(now), now)
}

// gaveUp tells whether the judgment of a span was given up because a front is due. It comes again.
func (s *session) gaveUp(ctx context.Context, run *schedule.Run) bool {
	switch {
	case ctx.Err() == nil:
		return false
	case run.Kind == schedule.Replay:
		s.replaying.interrupted++
		return true
	case run.Lagging:
		s.hurried++
		return true
	}
	return false
}
