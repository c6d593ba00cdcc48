package imocha

import (
	"math"
	"sync"
	"time"
)

// A poll asks for each state at once, and its first answer waits for the last one.
const (
	// together is how many requests may start in one moment: those of a poll. More would not be waited for together.
	together = 3
	// spacedFrom is the rate from which on turns are spaced in any case: a poll's are soon there then.
	spacedFrom = 10
	// second is what limits are counted in, and by how much the network may delay earlier requests more than later ones.
	second = time.Second + 50*time.Millisecond
)

// Turns say when requests may start: in no second more than the rate, in whatever way a second is counted.
//
// The idea: turns have places, spaced evenly, and none is later than its place. One may be before it, by a few places, if as many
// as the rate were taken no later than a second before. So what comes after a while with next to none starts together, and what
// follows comes no sooner than the places of all allow.
//
// Why no second has more: a turn at its place has fewer than the rate before it in the second that it ends, since all that had
// their places earlier than that were no later. One before its place has looked back.
type turns struct {
	every time.Duration // between two places

	mu    sync.Mutex
	few   int       // how many may start in one moment
	most  int       // turns in a second, if one of them is before its place
	next  time.Time // place
	given []turn    // in order
}

type turn struct {
	at, place time.Time
	back      bool // it was given back
}

func newTurns(perSecond float64) *turns {
	t := &turns{every: time.Duration(math.Ceil(float64(time.Second) / perSecond)), few: 1, most: 1}
	if perSecond < spacedFrom { // and no more than half of it: what the API counts as a burst may be less than a second's
		t.few, t.most = max(1, int(min(together, (perSecond+1)/2))), max(1, int(perSecond))
	}
	return t
}

// take is when the next request may start, now or later.
func (t *turns) take(now time.Time) time.Time {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.forget(now)
	next := turn{place: latest(now, t.next)}
	next.at = latest(now, latest(t.soonest(), next.place.Add(-time.Duration(t.few-1)*t.every)))
	if next.at.After(next.place) {
		next.at = next.place
	}
	t.next = next.place.Add(t.every)
	t.given = append(t.given, next)
	return next.at
}

// soonest is when a turn may be before its place, and no sooner than the last one that was given.
func (t *turns) soonest() (at time.Time) {
	n := 0
	for i := len(t.given) - 1; i >= 0 && n < t.most; i-- {
		g := &t.given[i]
		if g.back {
			continue
		}
		if n++; n == 1 {
			at = g.at
		}
		if n == t.most {
			at = latest(at, g.at.Add(second))
		}
	}
	return at
}

// forget keeps the last of the turns that were used, as many as are counted, and all that lie ahead.
func (t *turns) forget(now time.Time) {
	used := 0
	for i := len(t.given) - 1; i >= 0; i-- {
		if g := &t.given[i]; !g.back && !g.at.After(now) {
			if used++; used == t.most {
				t.given = append(t.given[:0], t.given[i:]...)
				return
			}
		}
	}
}

// giveBack takes back a turn that is not used; one whose time has come counts as used. Whoever has a later one keeps it; where
// nobody has, its place is free again.
func (t *turns) giveBack(at, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !at.After(now) {
		return
	}
	for i := len(t.given) - 1; i >= 0; i-- {
		if g := &t.given[i]; g.at.Equal(at) && !g.back {
			g.back = true
			break
		}
	}
	for n := len(t.given); n > 0 && t.given[n-1].back; n-- {
		t.next = t.given[n-1].place
		t.given = t.given[:n-1]
	}
}

// apart gives all turns at their places from now on.
func (t *turns) apart() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.few = 1
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
