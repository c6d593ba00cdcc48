package admin

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"attemptstream/internal/attempt"
	"attemptstream/internal/console"
	"attemptstream/internal/worker"
)

// Settings are those of the worker that say when something is due.
type Settings struct {
	PollInterval, SettleDelay, RequestTimeout time.Duration
}

const (
	// leastPatience is how long what is due may be left unread in any case: restarts of Kafka or of the API are over by then.
	leastPatience = 2 * time.Minute
	// clockSlack is how far a clock may go back without a word.
	clockSlack = 10 * time.Second
)

// patience is how long what is due may be left unread before it is called so: the tries of a request, or two more polls.
func (s Settings) patience() time.Duration {
	return max(leastPatience, 2*s.PollInterval, 4*s.RequestTimeout)
}

// Readiness tells whether accounts make progress. An account does if each of its states has nothing to read that is due,
// or its front has moved within the last minutes: so catching up is progress, however much is left, and an API or a Kafka
// that is away for a moment is no reason to say otherwise. What was not read at all since the process started is not ready
// until it is.
//
// It has to be asked more often than fronts should be missed moving; it may be asked from several goroutines.
type Readiness struct {
	settings Settings

	mu    sync.Mutex
	moved map[place]movement
}

type place struct {
	account attempt.Account
	state   attempt.State
}

type movement struct {
	front time.Time
	at    time.Time // zero: it was due when it was seen first, and has not moved since
}

// NewReadiness has seen nothing yet.
func NewReadiness(s Settings) *Readiness {
	return &Readiness{settings: s, moved: map[place]movement{}}
}

// Of takes note of where an account is at now and tells whether it makes progress, or what is wrong.
func (r *Readiness) Of(p worker.Progress, now time.Time) (ready bool, reason string) {
	switch {
	case p.Ended:
		return false, "it is not read any more: " + cmp.Or(p.Problem, "the worker's log says why")
	case p.Standby:
		r.forget(p.Account)
		return true, "" // another worker reads it; this one is ready to
	case len(p.States) == 0:
		return false, "not taken over yet" + because(p.Problem)
	}
	if back := ahead(p).Sub(now); back > clockSlack {
		r.note(p, now)
		return false, fmt.Sprintf("the clock is %s behind what has been read, and nothing new is until it has caught up: check this machine's time synchronization",
			console.Span(back))
	}
	var still []string
	var since time.Time
	waits := r.note(p, now)
	for i, w := range waits {
		if !w.late {
			continue
		}
		still = append(still, string(p.States[i].State))
		if len(still) == 1 || w.since.Before(since) {
			since = w.since
		}
	}
	if len(still) == 0 {
		return true, ""
	}
	what := "nothing is read"
	if len(still) < len(p.States) {
		what = "nothing is read of " + strings.Join(still, " and ")
	}
	if since.IsZero() {
		return false, what + " yet" + because(p.Problem)
	}
	return false, fmt.Sprintf("%s for %s%s", strings.Replace(what, "is read", "was read", 1), console.Span(now.Sub(since)), because(p.Problem))
}

func because(problem string) string {
	if problem == "" {
		return ""
	}
	return ": " + problem
}

// A wait is how long a state has not moved though it is due.
type wait struct {
	late  bool
	since time.Time // zero: it never has
}

// note takes down which fronts have moved, and returns how long each state waits.
func (r *Readiness) note(p worker.Progress, now time.Time) []wait {
	r.mu.Lock()
	defer r.mu.Unlock()
	waits := make([]wait, len(p.States))
	for i, s := range p.States {
		key := place{p.Account, s.State}
		m, known := r.moved[key]
		due := s.Front.Add(r.settings.SettleDelay + r.settings.PollInterval)
		switch {
		case known && s.Front.After(m.front):
			m.at = now
		case !known && due.After(now):
			m.at = due // it may well be idle until then
		}
		m.front = s.Front
		r.moved[key] = m
		since := m.at
		if !since.IsZero() && due.After(since) {
			since = due
		}
		waits[i] = wait{late: now.Sub(since) > r.settings.patience(), since: since}
	}
	return waits
}

// forget is for an account that others read: when it comes back, its fronts have moved meanwhile.
func (r *Readiness) forget(account attempt.Account) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for key := range r.moved {
		if key.account == account {
			delete(r.moved, key)
		}
	}
}

// keep forgets accounts that are not read any more.
func (r *Readiness) keep(accounts []worker.Progress) {
	kept := make(map[attempt.Account]bool, len(accounts))
	for i := range accounts {
		kept[accounts[i].Account] = true
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for key := range r.moved {
		if !kept[key.account] {
			delete(r.moved, key)
		}
	}
}

// ahead is the front that is furthest ahead, unless it is where its state began: what begins in the future is no sign of a
// wrong clock.
func ahead(p worker.Progress) time.Time {
	furthest := slices.MaxFunc(p.States, func(a, b worker.StateProgress) int { return a.Front.Compare(b.Front) })
	if furthest.Front.Equal(furthest.Start) {
		return time.Time{}
	}
	return furthest.Front
}
