package worker

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"time"

	"go.uber.org/zap"

	"attemptstream/internal/attempt"
	"attemptstream/internal/complete"
	"attemptstream/internal/kafkatx"
	"attemptstream/internal/schedule"
	"attemptstream/internal/state"
)

// A session is the time in which an account is owned: from taking its transactional id to losing it, or to an end whose
// outcome is not known.
type session struct {
	*account
	memory  *state.Account
	planner *schedule.Planner
	reader  complete.Reader
	refused refusals
	batch   batch
	ahead   ahead
	seen    map[int64]attempt.Status // memory of underTwoStatuses
	stuck   *StuckError
	said    map[string]*silence

	replaying *replaying // nil: none
	kept      []*reading // that are under way while something more urgent is read
	hurried   int        // how often the judgment of a lagging front was given up in a row because another was due
}

// A StuckError is an account that cannot go on before somebody mends something, in a worker that is to end when it has
// caught up.
type StuckError struct{ Err error }

func (e *StuckError) Error() string { return e.Err.Error() }
func (e *StuckError) Unwrap() error { return e.Err }

// session owns the account until ctx ends (nil), everything up to the schedule's Stop is committed (nil), or something
// happens that only a new session can follow.
func (a *account) session(ctx context.Context) error {
	defer a.stats.owned(false)
	s, err := aside(func() (*session, error) { return a.takeOver(ctx) })
	if err != nil {
		return err
	}
	defer func() { s.dropKept(anyRun) }()
	defer s.abandon()
	return s.work(ctx)
}

// takeOver begins a session with what is remembered of the account.
func (a *account) takeOver(ctx context.Context) (*session, error) {
	if err := a.worker.gate.Turn(ctx, func() error { return a.producer.Init(ctx) }); err != nil {
		return nil, fmt.Errorf("take over: %w", err)
	}
	began := a.worker.now()
	memory, err := a.worker.recovery[a.at.Partition].account(ctx, a.name)
	if err != nil {
		return nil, err
	}
	if err := a.remember(memory); err != nil {
		return nil, err
	}
	if memory.New() {
		if err := a.unmoved(ctx); err != nil {
			return nil, err
		}
	}
	s := newSession(a, memory)
	s.memory.Replays.Forget(began)
	a.listener.begin(memory.Read)
	s.plan()
	a.stats.owned(true)
	a.log.Info("account taken over", zap.Stringer("covered_through", s.through()), zap.Int64("told", memory.Index.Told()),
		zap.Duration("took", a.worker.now().Sub(began)))
	s.unread()
	return s, nil
}

func newSession(a *account, memory *state.Account) *session {
	s := &session{
		account: a,
		memory:  memory,
		refused: refusals{},
		batch:   batch{topics: a.worker.Topics, encoder: a.worker.Events},
		seen:    map[int64]attempt.Status{},
		said:    map[string]*silence{},
	}
	s.batch.release = s.reader.Release
	s.reader.Request, s.reader.Longest, s.reader.Now = s.request, 4*a.worker.Schedule.WindowAttempts, a.worker.now
	return s
}

// plan begins with the checkpoint as it is.
func (s *session) plan() {
	s.dropKept(anyRun)
	s.replaying = nil
	settings := s.worker.Schedule
	settings.Phase = phaseOf(s.name, settings.PollInterval)
	s.planner = schedule.NewPlanner(settings, s.memory.Checkpoint, s.worker.now())
	s.reader.Trust.Set(s.memory.Checkpoint.Trust)
	s.report()
}

// phaseOf is at which moment of the interval an account polls, the same at every worker. So many accounts ask iMocha and Kafka
// evenly, and not all in the same moment.
func phaseOf(name attempt.Account, interval time.Duration) time.Duration {
	h := fnv.New64a()
	_, _ = h.Write([]byte(name)) // it never fails
	return time.Duration(h.Sum64() % uint64(max(interval, time.Second)))
}

// rest lets go of the memory that a backfill has needed, and a poll does not: with many accounts it would be most of all. Nothing
// is staged then.
func (s *session) rest() {
	s.batch.rest()
	s.seen = map[int64]attempt.Status{}
}

// pause waits for d, or until something is asked for.
func (s *session) pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-s.inbox.wake:
		s.hear()
	case <-ctx.Done():
	}
}

// work does what is due until ctx ends or the Stop is reached, and the replays that are known have ended.
func (s *session) work(ctx context.Context) error {
	for {
		wait, err := aside(func() (time.Duration, error) { return s.due(ctx) })
		if wait == 0 || err != nil {
			return err
		}
		s.pause(ctx, wait)
	}
}

// due does what is due, and returns for how long nothing will be: 0 when the work has ended.
func (s *session) due(ctx context.Context) (time.Duration, error) {
	for ctx.Err() == nil {
		s.hear()
		s.replays()
		now := s.worker.now()
		if s.worker.Schedule.Stop != 0 && s.planner.CaughtUp() && s.memory.Replays.Next() == nil {
			return 0, s.commit(ctx)
		}
		run := s.planner.Begin(now)
		if run == nil {
			if err := s.commit(ctx); err != nil { // of a pass that found nothing
				if err = s.after(ctx, err); err != nil {
					return 0, err
				}
				continue
			}
			if more, err := s.memory.Changed(); more || err != nil { // many blocks of an ended replay are deleted in parts
				if err != nil {
					return 0, err
				}
				continue
			}
			s.watchClock(now)
			s.rest()
			return max(1, s.planner.Wait(now)), nil
		}
		if err := s.execute(ctx, run); err != nil {
			if err = s.after(ctx, err); err != nil {
				return 0, err
			}
		}
		if s.stuck != nil {
			return 0, s.stuck
		}
	}
	return 0, nil
}

// abortPause is how long nothing is done after a transaction was aborted.
const abortPause = time.Second

// after draws the consequences of a commit that failed: nil if the session goes on.
func (s *session) after(ctx context.Context, err error) error {
	if !errors.Is(err, kafkatx.ErrAborted) || ctx.Err() != nil {
		return err
	}
	var refused *entryError
	switch {
	case errors.As(err, &refused):
		// The entry's second becomes a gap, which is tried again: nothing is lost, and nothing else waits.
		s.refused[refused.entry] = s.worker.now()
		s.stats.problem(err)
		s.log.Error("an entry is larger than its topic allows and becomes a gap until the topic takes it",
			zap.String("topic", refused.record.Topic), zap.Int("bytes", refused.record.Size), zap.Error(err))
	case errors.Is(err, kafkatx.ErrRejected), s.ending(err) != nil:
		return err
	default:
		s.stats.problem(err)
		s.log.Warn("transaction aborted, begin its windows again", zap.Error(err))
		sleep(ctx, abortPause)
	}
	s.abandon()
	s.batch.reset()
	if err := s.memory.Rollback(); err != nil {
		return err
	}
	s.plan()
	return nil
}

// through is the first instant of which not everything is told.
func (s *session) through() attempt.Instant {
	var through attempt.Instant
	for i, state := range s.worker.Schedule.States {
		t := s.memory.Checkpoint.States[state].Through()
		if i == 0 || t < through {
			through = t
		}
	}
	return through
}

// watchClock says so when the clock is behind what has been read already: nothing is due until it has caught up.
func (s *session) watchClock(now time.Time) {
	for _, state := range s.worker.Schedule.States {
		front := s.memory.Checkpoint.States[state].Front.Time()
		if back := front.Sub(now); back > 0 {
			s.stats.problem(&ClockError{Behind: back})
			s.quiet("clock", func(log *zap.Logger) {
				log.Warn("this machine's clock is behind what has been read: nothing new is read until it has caught up; check its time synchronization",
					zap.Duration("behind", back), zap.Time("front", front))
			})
			return
		}
	}
}

// A ClockError is a clock that shows a time before what has been read already.
type ClockError struct{ Behind time.Duration }

func (e *ClockError) Error() string {
	return fmt.Sprintf("the clock is %s behind what has been read: check this machine's time synchronization", e.Behind.Round(time.Second))
}
