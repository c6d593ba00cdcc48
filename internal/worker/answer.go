package worker

import (
	"context"
	"errors"
	"slices"
	"time"

	"attemptstream/internal/attempt"
	"attemptstream/internal/imocha"
	"attemptstream/internal/schedule"
)

// An answer is what one state showed for one span, read whole.
type answer struct {
	state     attempt.State
	attempts  []attempt.Attempt // in the API's order
	malformed []attempt.Malformed
	length    int // entries as they came, the same ones too
	at        time.Time
	doubtful  bool // it may have been cut, and nothing can tell
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
		bytes := 0
		a = &answer{state: state}
		return func(e *imocha.Entry) error {
			bytes += a.add(e)
			switch {
			case span.Smallest():
				if bytes > indivisibleBytes {
					return errTooLong
				}
			case bytes > divisibleBytes, a.length > most:
				return errLong
			}
			return nil
		}
	})
	a.at = s.worker.now()
	return a, err
}

// add keeps an entry, and returns its length.
func (a *answer) add(e *imocha.Entry) int {
	a.length++
	if e.Malformed != nil {
		a.malformed = append(a.malformed, *e.Malformed)
		return len(e.Malformed.Raw)
	}
	kept := e.Attempt
	kept.Additional = slices.Clone(kept.Additional) // the client clears what e holds, and uses it again
	a.attempts = append(a.attempts, kept)
	return len(e.Attempt.Raw)
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
