package complete

import (
	"cmp"
	"context"
	"time"

	"attemptstream/internal/attempt"
	"attemptstream/internal/imocha"
	"attemptstream/internal/schedule"
)

// A Request asks for a window, some times if it fails in a way that passes. Entries of a try that failed do not count, so
// begin is called before each try and returns what takes its entries.
type Request func(ctx context.Context, state attempt.State, w attempt.Window, begin func() func(*imocha.Entry) error) error

// A Reader reads answers. It is safe for concurrent use.
type Reader struct {
	Request Request
	// Longest is how many entries an answer may have that can be had in parts; a longer one is ErrLong.
	Longest int
	Now     func() time.Time

	// Trust is what is known of how long answers can be. It learns from every answer that is read.
	Trust Trust

	lengths lengths
	spares  spares
	most    int // instead of indivisibleBytes; 0: that
}

// A Finding is what is known of an answer's completeness.
type Finding int

const (
	Whole    Finding = iota
	Doubtful         // its parts agree with it, but a single second of it may have been cut
	Cut              // its parts show more
	Changed          // its parts differ from it in a way that a cut does not explain
)

// Ask reads the answer for span as it comes. The error is ErrLong for one that has to be read in parts.
func (r *Reader) Ask(ctx context.Context, state attempt.State, span schedule.Span) (a *Answer, err error) {
	return r.ask(ctx, state, span.Window(), span.Smallest())
}

func (r *Reader) ask(ctx context.Context, state attempt.State, w attempt.Window, smallest bool) (a *Answer, err error) {
	err = r.Request(ctx, state, w, func() func(*imocha.Entry) error {
		r.Release(a) // of a try that failed
		a = &Answer{State: state}
		return func(e *imocha.Entry) error {
			if a.Length == 0 {
				r.spares.give(a, min(r.lengths.likely(state), r.Longest+1))
			}
			a.add(e)
			switch {
			case smallest:
				if a.memory > cmp.Or(r.most, indivisibleBytes) {
					return errTooLong
				}
			case a.Bytes > divisibleBytes, a.Length > r.Longest:
				return ErrLong
			}
			return nil
		}
	})
	a.At = r.Now()
	if err != nil {
		r.Release(a)
		return a, err
	}
	r.lengths.set(state, len(a.Attempts))
	return a, nil
}

// Read asks for span until the answer is known to be whole, or to be as complete as can be known.
func (r *Reader) Read(ctx context.Context, state attempt.State, span schedule.Span) (*Answer, Finding, error) {
	a, err := r.Ask(ctx, state, span)
	if err != nil || r.Trust.complete(a.Length) {
		return a, Whole, err
	}
	if span.Smallest() {
		return r.second(ctx, state, span, a)
	}
	older, younger := span.Halves()
	first, of1, err := r.Read(ctx, state, older)
	if err != nil {
		r.Release(a)
		return nil, of1, err
	}
	defer r.Release(first)
	second, of2, err := r.Read(ctx, state, younger)
	if err != nil {
		r.Release(a)
		return nil, of2, err
	}
	defer r.Release(second)
	if parts := union(first, second); !a.same(parts) {
		// Invitations change while they are read. What is still so the second time was not that.
		length := a.Length
		r.Release(a)
		if a, err = r.Ask(ctx, state, span); err != nil {
			return nil, Changed, err
		}
		shown := a.Entries()
		switch {
		case len(shown) == len(parts) && within(shown, parts):
		case within(shown, parts) && a.Length == length:
			r.Trust.cut(a.Length)
			return a, Cut, nil
		default:
			return a, Changed, nil
		}
	}
	switch {
	case of1 == Cut || of2 == Cut:
		return a, Cut, nil
	case of1 == Changed || of2 == Changed:
		return a, Changed, nil
	case first.doubt(a) || second.doubt(a):
		a.Doubtful = true
		return a, Doubtful, nil
	}
	r.Trust.prove(a.Length)
	return a, Whole, nil
}
