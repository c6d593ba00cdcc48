package worker

import (
	"context"
	"errors"
	"slices"
	"time"

	"go.uber.org/zap"

	"attemptstream/internal/attempt"
	"attemptstream/internal/complete"
	"attemptstream/internal/schedule"
)

// patience is how long what is staged may wait for more of a run whose answers are slow: a transaction costs about the
// same whatever is in it.
const patience = 200 * time.Millisecond

// execute reads a run: spans side by side, judged in order, and committed in order when enough is staged, has waited long
// enough, or is the end of the run. Spans that were read in vain, since an earlier one ended the run, come again with the
// next run; what was staged before them may then be staged still.
func (s *session) execute(ctx context.Context, run *schedule.Run) error {
	q := s.newQueue(ctx, run)
	defer q.close()
	for ended := false; ; {
		s.hear()
		ended = ended || !q.current()
		if ended {
			q.cancel() // what is under way would only use up the rate limit
		} else {
			q.fill()
		}
		if s.batch.full() || s.batch.waited() > patience || !ended && !q.comes(ctx) {
			if err := s.commitBeside(ctx, q); err != nil {
				return err
			}
		}
		if ended || q.empty() {
			return nil
		}
		head := q.next(ctx)
		if ctx.Err() != nil {
			return nil // what is staged comes again
		}
		if head == nil {
			ended = true
			continue
		}
		outcome, err := s.takeOrCommit(ctx, q, head)
		if err != nil {
			return err
		}
		if err := s.writeAhead(ctx, q); err != nil {
			return err
		}
		ended = outcome == ends
	}
}

// takeOrCommit takes a reading; where that needs more answers, it commits before what has been written.
func (s *session) takeOrCommit(ctx context.Context, q *queue, r *reading) (outcome, error) {
	if s.ahead.open() && len(r.failed()) > 0 { // what failed may have to be probed
		if err := s.commitBeside(ctx, q); err != nil {
			return ends, err
		}
	}
	o := s.take(ctx, r)
	if o != waits {
		return o, nil
	}
	if err := s.commitBeside(ctx, q); err != nil {
		return ends, err
	}
	return s.take(ctx, r), nil
}

// An outcome says what is to follow when a reading was taken.
type outcome int

const (
	goesOn outcome = iota // the run
	ends                  // the run
	waits                 // the reading, until what has been written is committed; nothing has come of it
)

// take stages what a reading showed and tells the schedule.
func (s *session) take(ctx context.Context, r *reading) outcome {
	ctx, cancel := s.beside(ctx, r.run)
	defer cancel()
	now := s.worker.now()
	if h := r.hold(now); h != nil {
		s.held(h)
		return ends
	}
	failed := r.failed()
	switch {
	case s.early(r):
		return ends
	case r.narrow():
		r.run.Narrow(r.span)
		return ends
	case len(failed) > 0:
		s.failed(ctx, r, failed)
		return ends
	}
	return s.settle(ctx, r.run, r)
}

// settle judges what the states of run showed, which is whole, and stages it.
func (s *session) settle(ctx context.Context, run *schedule.Run, r *reading) outcome {
	answers := r.answers()
	verdict, state, err := s.judge(ctx, run, r.span, answers)
	now := s.worker.now()
	switch verdict {
	case later:
		return waits
	case divide:
		run.Narrow(r.span)
		return ends
	case unknown:
		if s.gaveUp(ctx, run) {
			return ends
		}
		if h := holdFor(err, now); h != nil {
			s.held(h)
			return ends
		}
		s.complain(r.span, state, err)
		run.Failed(r.span, []attempt.State{state}, now)
		return ends
	case partly:
		s.log.Warn("a second becomes a gap, or is passed over by a replay: it holds an entry that Kafka does not take",
			zap.Stringer("span", r.span), zap.Stringer("kind", run.Kind))
		run.Skip(r.span, now)
	case told:
		run.Read(r.span, longest(answers), now)
	}
	switch {
	case run.Kind == schedule.Replay:
		s.replaying.interrupted = 0
	case run.Lagging:
		s.hurried = 0
	}
	s.stats.problem(nil)
	s.batch.window(answers...)
	s.noteDoubt(r.span, answers)
	s.memory.Checkpoint.Trust = s.reader.Trust.Known()
	if verdict == partly {
		return ends
	}
	return goesOn
}

// noteDoubt counts and names answers that may have been cut.
func (s *session) noteDoubt(span schedule.Span, answers []*complete.Answer) {
	for _, a := range answers {
		if !a.Doubtful {
			continue
		}
		s.batch.of(a.State).Doubtful++
		s.quiet("doubtful", func(log *zap.Logger) {
			log.Warn("an answer may have been cut, and nothing can tell: all that is beyond doubt lies in one second",
				zap.String("state", string(a.State)), zap.Stringer("span", span), zap.Int("entries", a.Length))
		})
	}
}

// failed draws the consequences of a span that some states could not read.
func (s *session) failed(ctx context.Context, r *reading, states []attempt.State) {
	for i := range r.states {
		if err := r.states[i].err; err != nil {
			s.complain(r.span, r.states[i].state, err)
		}
	}
	switch r.run.Failed(r.span, states, s.worker.now()) {
	case schedule.Part:
		s.settle(ctx, r.run.Part(without(r.run.States, states)), r)
	case schedule.Probe:
		s.probe(ctx, r, states)
	}
}

func without(all, some []attempt.State) (rest []attempt.State) {
	for _, state := range all {
		if !slices.Contains(some, state) {
			rest = append(rest, state)
		}
	}
	return rest
}

// probe finds out whether a single second fails, or the API: it asks for what was read before.
func (s *session) probe(ctx context.Context, r *reading, states []attempt.State) {
	if r.run.Lagging { // one that gets no answer in time is as good as down
		now := s.worker.now()
		var cancel context.CancelFunc
		ctx, cancel = until(ctx, r.run.YieldAt(now), now)
		defer cancel()
	}
	var answered []attempt.State
	for _, state := range states {
		if _, err := s.reader.Ask(ctx, state, r.run.Probe(state, r.span)); err == nil {
			answered = append(answered, state)
		}
	}
	if r.run.Kind == schedule.Replay && s.gaveUp(ctx, r.run) {
		return
	}
	said := "a second cannot be read and becomes a gap; it is tried again for ever"
	if r.run.Kind == schedule.Replay {
		said = "a second that was read before cannot be read now; a replay passes over it if the API shows others"
	}
	for _, state := range answered {
		s.log.Error(said, zap.String("state", string(state)), zap.Stringer("span", r.span))
	}
	if r.run.Kind == schedule.Replay && len(answered) == len(states) {
		s.settle(ctx, r.run.Part(without(r.run.States, states)), r)
		return
	}
	r.run.Probed(r.span, answered)
	s.batch.window()
}

// held stops the account for a while.
func (s *session) held(h *held) {
	s.planner.Postpone(h.until)
	s.stats.problem(h.err)
	s.quiet("held", func(log *zap.Logger) {
		level := zap.WarnLevel
		if h.fatal {
			level = zap.ErrorLevel
		}
		log.Log(level, "nothing is asked for meanwhile", zap.Time("until", h.until), zap.Error(h.err))
	})
	if h.fatal && s.worker.Schedule.Stop != 0 {
		s.stuck = &StuckError{h.err}
	}
}

// complain logs that a request failed, and keeps it as what is wrong at the moment.
func (s *session) complain(span schedule.Span, state attempt.State, err error) {
	if errors.Is(err, context.Canceled) {
		return
	}
	s.stats.problem(err)
	s.quiet("request", func(log *zap.Logger) {
		log.Warn("a window could not be read and is tried again",
			zap.String("state", string(state)), zap.Stringer("span", span), zap.Error(err))
	})
}

// commit commits what is staged, if anything is.
func (s *session) commit(ctx context.Context) error { return s.commitBeside(ctx, nil) }

// commitBeside is commit while q goes on reading.
func (s *session) commitBeside(ctx context.Context, q *queue) error {
	if s.ahead.open() && len(s.batch.entries) > 0 {
		s.launch(ctx)
	}
	if err := s.land(q, 0); err != nil {
		return err
	}
	s.carry()
	changed, err := s.memory.Changed()
	if err != nil {
		return err
	}
	if !changed && !s.ahead.open() { // so there is nothing to tell either
		s.settled(Commit{})
		return nil
	}
	if s.batch.state, err = s.memory.AppendRecords(s.batch.state); err != nil {
		return err
	}
	tx := s.begin()
	err = q.during(func() error {
		return s.worker.gate.Turn(ctx, func() error { return tx.Commit(ctx, &s.batch.piece) })
	})
	took := s.ended(err)
	if err != nil {
		return s.batch.blame(err)
	}
	s.memory.Commit()
	s.told = s.memory.Index.Told()
	s.report()
	s.stats.transaction()
	done := s.settled(Commit{Took: took})
	if s.worker.Committed != nil {
		s.worker.Committed(done)
	}
	return nil
}

// settled makes known what was staged, which is committed, or holds nothing that had to be, and fills it into c.
func (s *session) settled(c Commit) Commit {
	c.Account, c.Counts, c.States, c.LateBy = s.name, s.batch.total(), s.batch.byState(), s.batch.late
	s.stats.committed(c.Counts)
	s.batch.reset()
	s.worker.Meter.Told(c)
	return c
}
