package audit

import (
	"context"
	"math/rand/v2"
	"time"

	"attemptstream/internal/attempt"
	"attemptstream/internal/complete"
	"attemptstream/internal/imocha"
	"attemptstream/internal/schedule"
)

const (
	// firstWidth is the length of the first window, of whose density nothing is known yet.
	firstWidth = int64(time.Minute / time.Second)
	// defaultPatience is how long a single second that fails is tried again before it is given up.
	defaultPatience = 30 * time.Second
	// firstRest bounds the pause before it is tried again; the bound doubles, and the pause is any up to it.
	firstRest = 500 * time.Millisecond
	// calm is how many windows are read before one may again be wider than what could be read when one failed.
	calm = 16
)

// A walker reads one state's spans in order, in windows as wide as the API and the memory allow.
type walker struct {
	reader *complete.Reader
	state  attempt.State
	widest int64 // seconds
	wanted int   // that answers should stay under
	// patience is how long a single second that fails is tried again.
	patience time.Duration

	// take is given what was read whole, or as whole as can be known.
	take func(a *complete.Answer, s schedule.Span, doubtful bool) error
	// unread is told what could not be read, and why.
	unread func(s schedule.Span, why error)

	width   int64
	ceiling int64 // of the width, after a failure; 0: none
	quiet   int   // windows read since
	skip    int64 // seconds to leave out when a second cannot be read; doubles while nothing can
	failing trouble
}

// walk reads a span. The error is take's, ctx's, or one that concerns more than a window.
func (w *walker) walk(ctx context.Context, s schedule.Span) error {
	if w.width == 0 {
		w.width = firstWidth
	}
	w.skip = 1
	for s.From < s.Until {
		w.width = max(1, min(w.width, w.widest))
		next := schedule.Span{From: s.From, Until: min(s.Until, s.From.Add(time.Duration(w.width)*time.Second))}
		a, finding, err := w.reader.Read(ctx, w.state, next)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case lasting(err):
			return err
		case err == nil && (finding == complete.Whole || finding == complete.Doubtful || next.Smallest()):
			if err := w.take(a, next, finding != complete.Whole); err != nil {
				return err
			}
			w.grow(next, a.Length)
		case !next.Smallest():
			w.narrow(next, err)
			continue
		case w.failing.again(next, w.skip == 1, w.patience):
			if err := w.failing.rest(ctx); err != nil {
				return err
			}
			continue
		default:
			// An API that is down fails for every second. Leaving out twice as much each time ends that soon, and costs
			// no more than it has to where a few seconds cannot be read.
			next.Until = min(s.Until, next.From.Add(time.Duration(w.skip)*time.Second))
			w.skip *= 2
			w.unread(next, err)
		}
		s.From = next.Until
	}
	return nil
}

// narrow is for a span that failed, or whose answer was too long or cut.
func (w *walker) narrow(s schedule.Span, err error) {
	w.width = int64(s.Length()/time.Second) / 2
	if imocha.KindOf(err) != 0 {
		w.ceiling, w.quiet = w.width, 0
	}
}

// grow is for a span that was read with n entries: the next window aims at half of what is wanted.
func (w *walker) grow(s schedule.Span, n int) {
	w.skip = 1
	length := int64(s.Length() / time.Second)
	wanted := w.wanted
	if known := w.reader.Trust.Known(); known.Cap != 0 {
		wanted = max(2, min(wanted, known.Cap/2))
	}
	next := 2 * w.width
	if n > 0 {
		next = min(next, max(length*int64(wanted)/2/int64(n), w.width/8))
	}
	if w.quiet++; w.ceiling != 0 && w.quiet < calm {
		next = min(next, w.ceiling)
	} else {
		w.ceiling = 0
	}
	w.width = next
}

// A trouble is a second that fails.
type trouble struct {
	second schedule.Span
	since  time.Time
	tries  int
}

// again tells whether the second is to be tried again. Where the one before it was given up, one try must do.
func (t *trouble) again(s schedule.Span, patient bool, patience time.Duration) bool {
	if t.second != s {
		*t = trouble{second: s, since: time.Now()}
	}
	t.tries++
	return patient && time.Since(t.since) < patience
}

func (t *trouble) rest(ctx context.Context) error {
	return pause(ctx, rand.N(firstRest<<min(t.tries-1, 4)))
}
