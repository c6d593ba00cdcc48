package complete

import (
	"sync"

	"attemptstream/internal/attempt"
)

// Attempts are by far the largest things that an answer takes besides its text, and are done with soon: when what they tell
// is committed. So whoever is done with an answer can release it, and its memory serves the next ones of its state, which are
// about as long. The collector of garbage takes what is not used again soon, so an account that has caught up keeps nothing.

// Limits of the memory that is used again.
const (
	fewest = 64 // attempts: what is shorter is cheap, and is what accounts read that have caught up
	spread = 4  // how many times longer than likely it may be: else few attempts would hold the room of many
)

// A memory is that of an answer, without anything in it.
type memory struct {
	attempts []attempt.Attempt
	pieces   [][]attempt.Member
}

// spares are memory that no answer uses now, by state.
type spares struct {
	mu sync.Mutex
	of map[attempt.State]*sync.Pool
}

// give gives a memory for n attempts, used again or new.
func (s *spares) give(a *Answer, n int) {
	if n >= fewest {
		m, ok := s.pool(a.State).Get().(*memory)
		if ok && n <= cap(m.attempts)+cap(m.attempts)/8 && cap(m.attempts) <= spread*n { // n is a little more than is likely
			a.Attempts, a.pieces = m.attempts, m.pieces
			return
		}
	}
	a.Attempts = make([]attempt.Attempt, 0, n)
}

func (s *spares) pool(state attempt.State) *sync.Pool {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.of[state]
	if p == nil {
		if s.of == nil {
			s.of = map[attempt.State]*sync.Pool{}
		}
		p = &sync.Pool{}
		s.of[state] = p
	}
	return p
}

// Release takes the entries from an answer that the reader gave, and their memory for its next ones: nobody may use
// them any more, nor what points into them. Texts stay valid. What else the answer says remains; releasing it again, or a nil
// one, does nothing.
func (r *Reader) Release(a *Answer) {
	if a == nil {
		return
	}
	m := &memory{a.Attempts[:0], a.pieces}
	if cap(m.attempts) >= fewest && a.memory <= divisibleBytes {
		clear(a.Attempts) // else texts would be held
		for _, piece := range a.pieces[:a.had] {
			clear(piece[:cap(piece)])
		}
		r.spares.pool(a.State).Put(m)
	}
	a.Attempts, a.Malformed, a.members, a.pieces, a.had = nil, nil, nil, nil, 0
}
