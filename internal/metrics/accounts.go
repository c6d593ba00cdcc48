package metrics

import "attemptstream/internal/attempt"

// SetAccounts says which accounts have series from now on. Those that stay go on counting. One that was removed has none from
// this moment, whatever its last session still has to say; if it comes again it begins at 0.
func (s *Set) SetAccounts(accounts []attempt.Account) {
	s.mu.Lock()
	defer s.mu.Unlock()
	gone := s.accounts
	s.accounts = make(map[attempt.Account]bool, len(accounts))
	for _, account := range accounts {
		s.accounts[account] = true
		if !gone[account] {
			s.begin(account)
		}
		delete(gone, account)
	}
	for account := range gone {
		s.end(account)
	}
}

// of counts something of an account that has series.
func (s *Set) of(account attempt.Account, count func(name string)) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.accounts[account] {
		count(string(account))
	}
}

// begin shows everything that can be counted of an account as 0.
func (c *counters) begin(account attempt.Account) {
	c.lateAge.WithLabelValues(string(account))
	for _, t := range c.tallies() {
		t.begin(account)
	}
}

// end shows nothing of an account any more.
func (c *counters) end(account attempt.Account) {
	c.lateAge.DeleteLabelValues(string(account))
	for _, t := range c.tallies() {
		t.end(account)
	}
}
