package imochasim

import (
	"sync"
	"time"
)

// limits are the requests of each account, for the rate limit and the quota.
type limits struct {
	mu       sync.Mutex
	accounts map[string]*usage
}

type usage struct {
	tokens float64
	since  time.Time
	day    string
	used   int
}

// allow counts a request, and tells whether the account may make it. A request over the rate counts toward no quota.
func (l *limits) allow(account string, now time.Time, rate float64, quota int) bool {
	if rate == 0 && quota == 0 {
		return true
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.accounts == nil {
		l.accounts = map[string]*usage{}
	}
	burst := max(1, rate)
	u := l.accounts[account]
	if u == nil {
		u = &usage{tokens: burst, since: now}
		l.accounts[account] = u
	}
	if day := now.UTC().Format(time.DateOnly); day != u.day {
		u.day, u.used = day, 0
	}
	if rate > 0 {
		u.tokens = min(burst, u.tokens+rate*max(0, now.Sub(u.since).Seconds()))
		u.since = now
		if u.tokens < 1 {
			return false
		}
	}
	if quota > 0 && u.used >= quota {
		return false
	}
	u.tokens--
	u.used++
	return true
}
