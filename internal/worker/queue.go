package worker

import (
	"context"
	"time"

	"attemptstream/internal/schedule"
)

// readBytes is about how much text of entries that have been read may wait to be judged: more than becomes one transaction, so
// that the next one can begin at once. In memory, usual entries take a third more than that.
const readBytes = 3 << 19

// A queue holds the spans of a run that are read ahead, in order. One goroutine uses it.
type queue struct {
	s         *session
	run       *schedule.Run
	fetching  context.Context
	ended     bool // nothing more is started
	spans     []*reading
	resumed   *reading      // was left under way by an earlier run; nil: none was
	replaying *replaying    // that the run is of; nil: it is something else
	arrived   chan struct{} // has something in it when a span has been read whole since it was looked at last
}

func (s *session) newQueue(ctx context.Context, run *schedule.Run) *queue {
	q := &queue{s: s, run: run, fetching: ctx, arrived: make(chan struct{}, 1)}
	if run.Kind == schedule.Replay {
		q.replaying, q.fetching = s.replaying, paced(q.fetching, s.pace)
	}
	if q.resumed = s.takeUp(run); q.resumed != nil {
		q.spans = append(q.spans, q.resumed)
	}
	return q
}

// fill starts as many spans as may be under way: enough for as many requests at once as the account may have, and one
// more to be judged. What has been read does not count, so that requests go on while a transaction is committed, as long
// as there is not too much of it. Where the API is slower than Kafka, it waits for the API alone. Where all accounts together
// have much under way, each has one span.
func (q *queue) fill() {
	under, read := 0, 0
	for _, r := range q.spans {
		if r.ready() {
			read += r.bytes()
		} else {
			under++
		}
	}
	states := len(q.run.States)
	most := 1 + (q.s.worker.Concurrency+states-1)/states
	if q.run.Cautious() {
		most = 1 // an API that is down is not asked for more
	}
	if q.replaying != nil && q.replaying.patient() || q.resumed != nil && !q.resumed.ready() {
		most = 1 // what is left under way takes room from others
	}
	for under < most && read < readBytes && !q.ended && q.fetching.Err() == nil && !q.run.Yields(q.s.worker.now()) {
		leave, room := q.s.worker.spans.TryEnter()
		if !room && under > 0 {
			return
		}
		span, ok := q.run.Next()
		if !ok {
			leave()
			return
		}
		q.spans = append(q.spans, q.s.start(q.fetching, q.run, span, leave, q.arrived))
		under++
	}
}

// current tells whether the run is to go on: that of a replay is not when the replay has ended.
func (q *queue) current() bool { return q.s.replaying == q.replaying || q.replaying == nil }

func (q *queue) empty() bool { return len(q.spans) == 0 }

// comes tells whether there is a next span, and one for which what is staged, if anything is, need not wait for longer than
// its patience, however long the answers take.
func (q *queue) comes(ctx context.Context) bool {
	if q.empty() || q.s.batch.since.IsZero() {
		return !q.empty()
	}
	timer := time.NewTimer(patience - q.s.batch.waited())
	defer timer.Stop()
	select {
	case <-q.spans[0].done:
		return true
	case <-timer.C:
		return false
	case <-ctx.Done():
		return true // nothing is committed any more
	}
}

// next waits for the oldest span and takes it from the queue, which must not be empty. It is nil for a run that has to stand
// back.
func (q *queue) next(ctx context.Context) *reading {
	head := q.spans[0]
	if q.s.attend(ctx, q, head) {
		q.spans = q.spans[1:]
		return head
	}
	if ctx.Err() == nil && q.current() && (q.replaying == nil || q.replaying.patient()) {
		q.spans = q.spans[1:]
		q.s.keep(head)
	}
	return nil
}

// during fills the queue while work runs, which must not touch the schedule. The nil queue only waits for it.
func (q *queue) during(work func() error) error {
	if q == nil {
		return work()
	}
	done := make(chan error, 1)
	go func() { done <- work() }()
	for {
		select {
		case err := <-done:
			return err
		case <-q.arrived:
			q.fill()
		}
	}
}

// cancel ends what is under way, and starts nothing more.
func (q *queue) cancel() {
	q.ended = true
	for _, r := range q.spans {
		r.cancel()
	}
}

// close ends all that is under way and waits for it.
func (q *queue) close() {
	q.cancel()
	for _, r := range q.spans {
		<-r.done
	}
}
