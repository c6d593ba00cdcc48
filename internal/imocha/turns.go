package imocha

import (
	"math"
	"slices"
	"sync"
	"time"
)

// Turns say when requests may start: in no second more than the rate allows. Within it they start at once, since what is
// asked together is waited for together: if turns were spread over the second, the first answer for a window would have to
// wait for the last one's turn. An API that does not take several at once gets them one by one (apart).
type turns struct {
	perSecond float64

	mu    sync.Mutex
	most  int           // turns
	each  time.Duration // so long a time, a second or a little more
	given []time.Time   // turns that count, in order; they may lie ahead
}

func newTurns(perSecond float64) *turns {
	t := &turns{perSecond: perSecond}
	t.allow(math.Ceil(perSecond))
	return t
}

// allow gives so many turns at once from now on.
func (t *turns) allow(most float64) {
	t.most, t.each = int(most), time.Duration(math.Ceil(most/t.perSecond*float64(time.Second)))
}

// take is a turn, now or later.
func (t *turns) take(now time.Time) time.Time {
	t.mu.Lock()
	defer t.mu.Unlock()
	counts, _ := slices.BinarySearchFunc(t.given, now.Add(-t.each+1), time.Time.Compare)
	t.given = slices.Delete(t.given, 0, counts)
	turn := now
	if before := len(t.given) - t.most; before >= 0 {
		turn = t.given[before].Add(t.each)
	}
	at, _ := slices.BinarySearchFunc(t.given, turn, time.Time.Compare)
	t.given = slices.Insert(t.given, at, turn)
	return turn
}

// giveBack takes back a turn that was not used. Whoever has a later one keeps it.
func (t *turns) giveBack(turn time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if i, found := slices.BinarySearchFunc(t.given, turn, time.Time.Compare); found {
		t.given = slices.Delete(t.given, i, i+1)
	}
}

// apart gives turns one by one from now on, evenly.
func (t *turns) apart() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.allow(1)
}
