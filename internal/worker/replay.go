package worker

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"

	"attemptstream/internal/attempt"
	"attemptstream/internal/complete"
	"attemptstream/internal/event"
	"attemptstream/internal/schedule"
	"attemptstream/internal/state"
)

// A replaying is the replay that is being carried out.
type replaying struct {
	*state.Replay
	order *schedule.Order
	// interrupted is how often its oldest span was given up in a row because a front was due.
	interrupted int
}

// patientAfter is how often a span of a replay is given up for a front in a row. Then it is left under way: an answer that
// takes longer than the time between two polls would never come otherwise.
const patientAfter = 2

func (r *replaying) patient() bool { return r.interrupted >= patientAfter }

// hear takes requests that have come in.
func (s *session) hear() {
	asked := s.inbox.take()
	if len(asked) == 0 {
		return
	}
	for _, a := range asked {
		if a.Offset >= s.memory.Read { // what is older was recovered, and may have been forgotten since
			s.memory.Replays.Ask(a)
		}
	}
	s.replays()
}

// replays ends what has to end, and begins what comes next. What it changes is staged.
func (s *session) replays() {
	now := s.worker.now().UTC()
	for _, r := range s.memory.Replays.All() {
		if r.Progress.Status.Ended() {
			continue
		}
		switch reason := s.refusal(r); {
		case r.Gone:
			s.endReplay(r, state.Cancelled, "its request was deleted", now)
		case r.Wrong == nil && r.Request.Cancelled:
			s.endReplay(r, state.Cancelled, "", now)
		case reason != "":
			s.endReplay(r, state.Refused, reason, now)
		case s.replaying != nil && s.replaying.Replay == r && s.replaying.order.Done():
			s.carry()
			s.endReplay(r, state.Done, "", now)
		}
	}
	if s.replaying != nil {
		return
	}
	next := s.memory.Replays.Next()
	if next == nil {
		return
	}
	p := &next.Progress
	if p.Status == state.Waiting {
		p.Status, p.Position, p.StartedAt, p.UpdatedAt = state.Running, next.Request.From, now, now
		s.log.Info("replay begins", zap.String("replay", next.ID), zap.Stringer("from", next.Request.From), zap.Stringer("to", next.Request.To))
	} else {
		s.log.Info("replay goes on", zap.String("replay", next.ID), zap.Stringer("position", p.Position), zap.Int64("told", p.Told))
	}
	order := &schedule.Order{States: slices.Clone(next.Request.States), Position: p.Position, Skipped: p.Skipped,
		Span: schedule.Span{From: next.Request.From, Until: next.Request.To}}
	s.replaying = &replaying{Replay: next, order: order}
	s.planner.Take(order)
}

// endReplay stages the end of a replay.
func (s *session) endReplay(r *state.Replay, status state.ReplayStatus, reason string, now time.Time) {
	if s.replaying != nil && s.replaying.Replay == r {
		s.dropReplay()
	}
	r.Progress.End(status, reason, now)
	s.memory.Replays.Forget(now)
	p := &r.Progress
	s.log.Info("replay ended", zap.String("replay", r.ID), zap.String("status", string(status)), zap.String("reason", reason),
		zap.Int64("told", p.Told), zap.Int64("late", p.Late), zap.Int64("known", p.Known), zap.Int64("dead", p.Dead),
		zap.Int64("gap_seconds", p.Gaps), zap.Int64("unreadable_seconds", p.Unreadable))
}

// dropReplay stops carrying out the replay, where it is.
func (s *session) dropReplay() {
	s.replaying = nil
	s.planner.Take(nil)
	s.dropKept(func(run *schedule.Run) bool { return run.Kind == schedule.Replay })
}

// carry notes in the replay's progress what the planner knows of it. It is to be called before a commit.
func (s *session) carry() {
	if s.replaying == nil {
		return
	}
	p, order := &s.replaying.Progress, s.replaying.order
	if p.Position != order.Position || p.Skipped != order.Skipped {
		p.Position, p.Skipped, p.UpdatedAt = order.Position, order.Skipped, s.worker.now().UTC()
	}
}

// refusal is why a replay cannot be carried out, empty if it can.
func (s *session) refusal(r *state.Replay) string {
	switch {
	case r.Gone:
		return ""
	case r.Wrong != nil:
		return r.Wrong.Error()
	}
	q := &r.Request
	for _, name := range q.States {
		c := s.memory.Checkpoint.States[name]
		switch {
		case c == nil:
			return fmt.Sprintf("the state %s has never been read; those that are: %s", name, s.statesRead())
		case q.To > c.Front:
			return fmt.Sprintf("%s is covered up to %s only, not up to %s", name, c.Front, q.To)
		case q.From < c.Start && !q.MissingOnly:
			return fmt.Sprintf("%s is covered from %s on only, not from %s on: what is older can be told with --missing-only", name, c.Start, q.From)
		}
	}
	return ""
}

func (s *session) statesRead() string {
	var names []string
	for _, state := range attempt.States() {
		if s.memory.Checkpoint.States[state] != nil {
			names = append(names, string(state))
		}
	}
	return strings.Join(names, ", ")
}

// stageReplayed stages an attempt for the replay, if it is to be told.
func (s *session) stageReplayed(o *event.Observation, e *attempt.Attempt) bool {
	r := s.replaying
	told := s.memory.Index.Look(e.ID, e.Status).Told
	if r.HasTold(e.ID, e.Status) || told && r.Request.MissingOnly {
		r.Progress.Known++
		s.batch.of(o.State).Known++
		return true
	}
	if s.refused.is(complete.IdentityOf(e), o.ObservedAt) {
		return false
	}
	o.Late, o.CameBack, o.Replay = !told, false, r.ID
	r.Progress.Told++
	if !r.Request.MissingOnly {
		r.Tell(e.ID, e.Status)
	}
	s.batch.of(o.State).Replayed++
	if o.Late {
		r.Progress.Late++
		s.memory.Index.TellLate(e.ID, e.Status)
		s.countLate(o)
	}
	s.batch.event(o, e)
	return true
}

// undecided tells whether an entry that shares its id with another status may have to be told, so that it matters which
// came first.
func (s *session) undecided(run *schedule.Run, e *attempt.Attempt) bool {
	if run.Kind == schedule.Replay {
		return !s.replaying.HasTold(e.ID, e.Status)
	}
	standing := s.memory.Index.Look(e.ID, e.Status)
	return !standing.Told || standing.Superseded
}
