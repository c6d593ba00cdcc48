package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"attemptstream/internal/attempt"
)

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
			s.begin(account, s.config.Schedule.States)
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
func (c *counters) begin(account attempt.Account, states []attempt.State) {
	name := string(account)
	for _, vec := range []*prometheus.CounterVec{c.waits, c.nearLimit, c.cameBack, c.replayed, c.fences} {
		vec.WithLabelValues(name)
	}
	c.lateAge.WithLabelValues(name)
	for _, outcome := range transactionOutcomes() {
		c.transactions.WithLabelValues(name, outcome)
	}
	for _, state := range states {
		c.truncated.WithLabelValues(name, string(state))
		for _, outcome := range requestOutcomes() {
			c.requests.WithLabelValues(name, string(state), outcome)
		}
		for _, outcome := range attemptOutcomes() {
			c.attempts.WithLabelValues(name, string(state), outcome)
		}
	}
}

// end shows nothing of an account any more.
func (c *counters) end(account attempt.Account) {
	of := prometheus.Labels{labelAccount: string(account)}
	for _, collector := range c.all() {
		switch vec := collector.(type) {
		case *prometheus.CounterVec:
			vec.DeletePartialMatch(of)
		case *prometheus.HistogramVec:
			vec.DeletePartialMatch(of)
		}
	}
}
