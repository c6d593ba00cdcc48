package worker

import (
	"context"
	"sync"

	"attemptstream/internal/attempt"
	"attemptstream/internal/schedule"
)

// trust is schedule.Trust for requests that are under way side by side. The session's checkpoint has a copy.
type trust struct {
	mu    sync.Mutex
	known schedule.Trust
}

func (t *trust) complete(n int) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.known.Complete(n)
}

func (t *trust) prove(n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.known.Prove(n)
}

func (t *trust) cut(n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.known.Cut(n)
}

func (t *trust) snapshot() schedule.Trust {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.known
}

// A finding is what is known of an answer's completeness.
type finding int

const (
	whole    finding = iota
	doubtful         // its parts agree with it, but a single second of it may have been cut
	cut              // its parts show more
	changed          // its parts differ from it in a way that a cut does not explain
)

// readWhole asks for span until the answer is known to be complete, or to be as complete as can be known. An answer
// longer than any that was proven is compared with those of its two halves, whose completeness is established in the same
// way: a cap on answers would show in at least one of the three.
func (s *session) readWhole(ctx context.Context, state attempt.State, span schedule.Span) (*answer, finding, error) {
	a, err := s.ask(ctx, state, span)
	if err != nil || s.trust.complete(a.length) {
		return a, whole, err
	}
	if span.Smallest() {
		a.doubtful = true
		return a, doubtful, nil
	}
	older, younger := span.Halves()
	first, of1, err := s.readWhole(ctx, state, older)
	if err != nil {
		return nil, of1, err
	}
	second, of2, err := s.readWhole(ctx, state, younger)
	if err != nil {
		return nil, of2, err
	}
	parts := first.entries()
	second.addTo(parts)
	if !same(a.entries(), parts) {
		// Invitations change while they are read. What is still so the second time was not that.
		length := a.length
		if a, err = s.ask(ctx, state, span); err != nil {
			return nil, changed, err
		}
		shown := a.entries()
		switch {
		case same(shown, parts):
		case within(shown, parts) && a.length == length:
			s.trust.cut(a.length)
			return a, cut, nil
		default:
			return a, changed, nil
		}
	}
	switch {
	case of1 == cut || of2 == cut:
		return a, cut, nil
	case of1 == changed || of2 == changed:
		return a, changed, nil
	case first.doubt(a) || second.doubt(a):
		a.doubtful = true
		return a, doubtful, nil
	}
	s.trust.prove(a.length)
	return a, whole, nil
}

// doubt tells whether a half's answer may have been cut where the whole's was not cut: no cap is below the length of
// an answer that was given, so a shorter one was not cut.
func (a *answer) doubt(whole *answer) bool { return a.doubtful && a.length >= whole.length }

func same(a, b map[identity]struct{}) bool { return len(a) == len(b) && within(a, b) }

// within tells whether all of a is in b.
func within(a, b map[identity]struct{}) bool {
	for e := range a {
		if _, ok := b[e]; !ok {
			return false
		}
	}
	return true
}
