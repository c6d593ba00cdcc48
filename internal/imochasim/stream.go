package imochasim

import (
	"cmp"
	"container/heap"
	"context"
	"math/rand/v2"
	"time"

	"attemptstream/internal/attempt"
	"attemptstream/internal/imochasim/ledger"
)

// A Happening is a change, or an entry as it is shown where Raw is filled in.
type Happening struct {
	Change
	State attempt.State // of Raw
	Raw   string
}

// A Stream is lives in order of time. It is not safe for concurrent use.
type Stream struct {
	lives     Lives
	random    *rand.Rand // of when invitations are sent
	nextLife  time.Time
	nextBurst time.Time
	number    uint64 // of the last life
	id        int64
	far       int64
	ahead     agenda
	planned   int64 // number of the last happening
}

// Stream begins lives at a time: none of them was sent before.
func (l Lives) Stream(from time.Time) (*Stream, error) {
	if err := l.check(); err != nil {
		return nil, err
	}
	l.Speed = cmp.Or(l.Speed, 1)
	st := &Stream{lives: l, random: rand.New(rand.NewPCG(l.Seed, 0)), id: max(0, l.FirstID-1), far: 1 << 41}
	st.nextLife, st.nextBurst = st.after(from, l.PerDay), wholeSecond(st.after(from, l.BurstsPerDay))
	return st, nil
}

// after is when something that happens so often in a day happens next.
func (st *Stream) after(t time.Time, perDay float64) time.Time {
	if perDay == 0 {
		return time.Unix(1<<40, 0) // never
	}
	return t.Add(time.Duration(st.random.ExpFloat64() / (perDay * st.lives.Speed) * float64(24*time.Hour)))
}

// wholeSecond is the first whole second that is not before t.
func wholeSecond(t time.Time) time.Time {
	if whole := t.Truncate(time.Second); whole.Before(t) {
		return whole.Add(time.Second)
	}
	return t
}

// Until is what happens before t and was not returned yet, in order of time.
func (st *Stream) Until(t time.Time) []Happening {
	if end := st.lives.Until; !end.IsZero() && t.After(end) {
		t = end
	}
	for st.nextLife.Before(t) || st.nextBurst.Before(t) {
		if st.nextBurst.Before(st.nextLife) {
			st.burst(st.nextBurst)
			st.nextBurst = wholeSecond(st.after(st.nextBurst, st.lives.BurstsPerDay))
			continue
		}
		l := st.life()
		l.live(st.nextLife)
		st.nextLife = st.after(st.nextLife, st.lives.PerDay)
	}
	var out []Happening
	for len(st.ahead) > 0 && st.ahead[0].At.Before(t) {
		out = append(out, heap.Pop(&st.ahead).(*planned).Happening)
	}
	return out
}

// burst lets many invitations take a status within the second that begins at t, as when someone cancels them all.
func (st *Stream) burst(t time.Time) {
	statuses := []attempt.Status{expired, cancelled, completed}
	status := statuses[st.random.IntN(len(statuses))]
	for range st.lives.BurstSize {
		l := st.life()
		l.at = t
		if l.chance(l.lives.SubSecond) {
			l.at = t.Add(time.Duration(l.random.Int64N(int64(time.Second))))
		}
		l.exactly(status)
	}
}

// life is a new life with a randomness of its own.
func (st *Stream) life() *life {
	st.number++
	l := &life{Stream: st, lives: &st.lives, random: rand.New(rand.NewPCG(st.lives.Seed, st.number))}
	if l.chance(st.lives.FarIDs) {
		st.far += 1 + l.random.Int64N(1<<30)
		l.who.ID = st.far
	} else {
		st.id += 1 + l.random.Int64N(3)
		l.who.ID = st.id
	}
	l.fill()
	return l
}

// planned is a happening with its number, so that what happens at the same time keeps its order.
type planned struct {
	Happening
	number int64
}

type agenda []*planned

func (a agenda) Len() int      { return len(a) }
func (a agenda) Swap(i, j int) { a[i], a[j] = a[j], a[i] }
func (a *agenda) Push(x any)   { *a = append(*a, x.(*planned)) }
func (a agenda) Less(i, j int) bool {
	return cmp.Or(a[i].At.Compare(a[j].At), cmp.Compare(a[i].number, a[j].number)) < 0
}

func (a *agenda) Pop() any {
	last := (*a)[len(*a)-1]
	*a = (*a)[:len(*a)-1]
	return last
}

// Play adds what a stream has until t to an account.
func (s *Simulator) Play(account string, st *Stream, t time.Time) error {
	return s.play(account, st, t, time.Time{})
}

// play is Play for what may have been asked for already, up to a time: it is not shown before.
func (s *Simulator) play(account string, st *Stream, t, shown time.Time) error {
	happenings := st.Until(t)
	changes := make([]Change, 0, len(happenings))
	for _, h := range happenings {
		if h.At.Before(shown) {
			h.Visible = later(h.Visible, shown)
		}
		if h.Raw != "" {
			if err := s.AddRawLate(account, h.State, h.At, h.Visible, h.Raw); err != nil {
				return err
			}
			continue
		}
		changes = append(changes, h.Change)
	}
	return s.Add(account, changes...)
}

// Populate adds all that happens from one time to another to an account.
func (s *Simulator) Populate(account string, l Lives, from, to time.Time) error {
	st, err := l.Stream(from)
	if err != nil {
		return err
	}
	return s.Play(account, st, to)
}

// Run adds what happens a good while before it does, and looks after it every so often.
const (
	ahead = 10 * time.Minute
	step  = 10 * time.Second
)

// Run adds what happens, from a time on and for as long as ctx lasts, to an account. What has happened by the clock is
// there when ready is called, which may be nil. It returns nil when ctx ends. In a process that stood still for longer than
// it had planned ahead, what happened meanwhile is shown late, since it may have been asked for before it was added.
func (s *Simulator) Run(ctx context.Context, account string, l Lives, from time.Time, ready func()) error {
	st, err := l.Stream(from)
	if err != nil {
		return err
	}
	if err := s.Play(account, st, s.now().Add(ahead)); err != nil {
		return err
	}
	if ready != nil {
		ready()
	}
	ticker := time.NewTicker(step)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return nil
		}
		now := s.now()
		if err := s.play(account, st, now.Add(ahead), now.Add(time.Second)); err != nil {
			return err
		}
	}
}

// The statuses that lives take, as the API spells them.
const (
	completed  attempt.Status = "Completed"
	testleft   attempt.Status = "Testleft"
	terminated attempt.Status = "Terminated"
	cancelled  attempt.Status = "Cancelled"
	expired    attempt.Status = "Expired"
	pending                   = ledger.Pending
)
