package worker

import (
	"attemptstream/internal/complete"
	"attemptstream/internal/event"
	"attemptstream/internal/kafkatx"
	"attemptstream/internal/schedule"
)

// An answer is what one state showed for one span, read whole.
type answer struct {
	*complete.Answer

	// rendered are the records of the attempts, as those of events that are neither late nor came back; nil: there are
	// none yet.
	rendered []kafkatx.Record
}

// observation is what the answer for span says of each of its attempts, without the attempt.
func (a *answer) observation(s *session, span schedule.Span) event.Observation {
	return event.Observation{Account: s.memory.Name, State: a.State, Window: span.Window(), ObservedAt: a.At}
}
