package worker

import (
	"errors"
	"sync"
)

// A settlement is what has become of the accounts for which nothing is left to do: they have caught up, or cannot be read any
// more. When that is so of all of them, the worker ends.
type settlement struct {
	mu       sync.Mutex
	accounts map[*account]bool  // all that count
	ended    map[*account]error // nil: caught up
	end      func()             // ends the worker; nil: it has not begun
}

// begin says how the worker is ended.
func (s *settlement) begin(end func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.end = end
	s.look()
}

// expect says which accounts count from now on. One that comes again is begun again, unless it had caught up.
func (s *settlement) expect(accounts []*account) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.accounts = make(map[*account]bool, len(accounts))
	for _, a := range accounts {
		s.accounts[a] = true
	}
	for a, err := range s.ended {
		if !s.accounts[a] && err != nil {
			delete(s.ended, a)
		}
	}
	s.look()
}

// settle takes down how an account has ended: nil if it has caught up.
func (s *settlement) settle(a *account, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended == nil {
		s.ended = map[*account]error{}
	}
	if s.accounts[a] {
		s.ended[a] = err
		s.look()
	}
}

// look ends the worker if nothing is left to do. The caller has the lock.
func (s *settlement) look() {
	for a := range s.accounts {
		if _, ok := s.ended[a]; !ok {
			return
		}
	}
	if s.end != nil && len(s.accounts) > 0 {
		s.end()
	}
}

// caughtUp tells whether nothing is left to read. One that has ended in another way may be tried again.
func (s *settlement) caughtUp(a *account) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	err, ok := s.ended[a]
	if ok && err != nil {
		delete(s.ended, a)
	}
	return ok && err == nil
}

// has tells whether nothing is left to do for an account.
func (s *settlement) has(a *account) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, ok := s.ended[a]
	return ok
}

// errors are how accounts have ended that have not caught up.
func (s *settlement) errors(accounts []*account) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs []error
	for _, a := range accounts {
		errs = append(errs, s.ended[a])
	}
	return errors.Join(errs...)
}
