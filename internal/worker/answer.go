package worker

import (
	"context"
	"errors"
	"slices"
	"time"

	"attemptstream/internal/attempt"
	"attemptstream/internal/event"
	"attemptstream/internal/imocha"
	"attemptstream/internal/kafkatx"
	"attemptstream/internal/schedule"
)

// An answer is what one state showed for one span, read whole.
type answer struct {
	state     attempt.State
	attempts  []attempt.Attempt // in the API's order
	malformed []attempt.Malformed
	length    int // entries as they came, the same ones too
	bytes     int // of the entries' text
	at        time.Time
	doubtful  bool // it may have been cut, and nothing can tell

	// rendered are the records of the attempts, as those of events that are neither late nor came back; nil: there are
	// none yet.
	rendered []kafkatx.Record
}

// Limits of an answer that is held in memory at once. What is longer is read in narrower windows; where there are none,
// the second limit counts, and what is longer still cannot be read.
const (
	divisibleBytes   = 4 << 20
	indivisibleBytes = 512 << 20
)

var (
	// errLong: the answer is longer than what is kept in memory, and can be had in parts.
	errLong = errors.New("the answer is longer than what is kept in memory")

	errTooLong = errors.New("a single second's answer is larger than 512 MiB")
)

// ask reads the answer for span. The error is errLong for one that has to be read in parts.
func (s *session) ask(ctx context.Context, state attempt.State, span schedule.Span) (a *answer, err error) {
	most := 4 * s.worker.Schedule.WindowAttempts
	err = s.request(ctx, state, span.Window(), func() func(*imocha.Entry) error {
		a = &answer{state: state}
		return func(e *imocha.Entry) error {
			a.add(e)
			switch {
			case span.Smallest():
				if a.bytes > indivisibleBytes {
					return errTooLong
				}
			case a.bytes > divisibleBytes, a.length > most:
				return errLong
			}
			return nil
		}
	})
	a.at = s.worker.now()
	return a, err
}

// add keeps an entry.
func (a *answer) add(e *imocha.Entry) {
	a.length++
	if e.Malformed != nil {
		a.bytes += len(e.Malformed.Raw)
		a.malformed = append(a.malformed, *e.Malformed)
		return
	}
	a.bytes += len(e.Attempt.Raw)
	kept := e.Attempt
	kept.Additional = slices.Clone(kept.Additional) // the client clears what e holds, and uses it again
	a.attempts = append(a.attempts, kept)
}

// observation is what the answer for span says of each of its attempts, without the attempt.
func (a *answer) observation(s *session, span schedule.Span) event.Observation {
	return event.Observation{Account: s.memory.Name, State: a.state, Window: span.Window(), ObservedAt: a.at}
}

// An identity is what makes two entries the same.
type identity struct {
	id     int64
	status attempt.Status
	raw    string // of a malformed entry
}

func identityOf(a *attempt.Attempt) identity { return identity{id: a.ID, status: a.Status} }

// entries is the set of what the answer shows.
func (a *answer) entries() map[identity]struct{} {
	set := make(map[identity]struct{}, len(a.attempts)+len(a.malformed))
	a.addTo(set)
	return set
}

func (a *answer) addTo(set map[identity]struct{}) {
	for i := range a.attempts {
		set[identityOf(&a.attempts[i])] = struct{}{}
	}
	for i := range a.malformed {
		set[identity{raw: a.malformed[i].Raw}] = struct{}{}
	}
}
