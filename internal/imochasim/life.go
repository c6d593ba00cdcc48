package imochasim

import (
	"container/heap"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"attemptstream/internal/attempt"
)

// A life is one invitation while it is made up.
type life struct {
	*Stream
	lives  *Lives
	random *rand.Rand
	who    Change // what all of its changes have in common
	at     time.Time
}

func (l *life) chance(share float64) bool { return share > 0 && l.random.Float64() < share }

// live plans a whole life that begins when the invitation is sent.
func (l *life) live(sent time.Time) {
	l.at = sent
	if l.chance(l.lives.Malformed) {
		l.malformed()
	}
	status := l.firstEnd()
	for round := 0; ; round++ {
		l.reach(status)
		if status == expired && l.chance(l.lives.ComeBacks) {
			status = l.comeBack()
		}
		if status != expired && status != cancelled || round == 3 || !l.chance(l.lives.Resent) {
			break
		}
		l.wait(l.lives.TimeToResend)
		l.exactly(pending)
		status = []attempt.Status{completed, completed, expired, expired, cancelled}[l.random.IntN(5)]
	}
	if l.chance(l.lives.Quick) {
		l.wait(l.lives.TimeToComplete)
		l.quick()
	}
}

func (l *life) firstEnd() attempt.Status {
	x := l.random.Float64()
	for _, end := range []struct {
		share  float64
		status attempt.Status
	}{{l.lives.Completed, completed}, {l.lives.Testleft, testleft}, {l.lives.Terminated, terminated}, {l.lives.Cancelled, cancelled}} {
		if x -= end.share; x >= 0 {
			continue
		}
		if end.status == completed && l.chance(l.lives.Unknown) {
			return l.lives.NewStatuses[l.random.IntN(len(l.lives.NewStatuses))]
		}
		return end.status
	}
	return expired
}

// reach lets the invitation take a status after the time that this takes.
func (l *life) reach(status attempt.Status) {
	if status == expired {
		l.at = l.at.Add(l.scaled(l.lives.Expiry))
	} else {
		l.wait(l.lives.TimeToComplete)
	}
	l.round()
	l.exactly(status)
}

// comeBack goes on from Expired without a Pending, and is the status in the end.
func (l *life) comeBack() attempt.Status {
	l.wait(l.lives.TimeToComplete)
	l.round()
	if l.chance(.5) {
		l.exactly(completed)
		return completed
	}
	l.exactly(cancelled)
	l.wait(l.lives.TimeToComplete)
	l.round()
	l.exactly(expired)
	return expired
}

// quick lets the invitation take two or three statuses within two seconds.
func (l *life) quick() {
	l.at = l.at.Truncate(time.Second).Add(time.Minute) // away from what came before
	apart := []struct{ first, gap time.Duration }{
		{0, 0}, // the very same instant
		{100 * time.Millisecond, 500 * time.Millisecond}, // within one second
		{900 * time.Millisecond, 200 * time.Millisecond}, // across a whole second
		{500 * time.Millisecond, 500 * time.Millisecond}, // up to a whole second exactly
		{0, time.Second},
		{0, 2 * time.Second},
	}[l.random.IntN(6)]
	pair := [][]attempt.Status{{expired, cancelled}, {cancelled, expired}, {expired, completed}, {completed, testleft}}[l.random.IntN(4)]
	l.at = l.at.Add(apart.first)
	l.exactly(pair[0])
	l.at = l.at.Add(apart.gap)
	l.exactly(pair[1])
	if apart.gap > 0 && apart.gap <= time.Second && l.chance(.3) {
		l.at = l.at.Add(apart.gap)
		l.exactly(pair[0])
	}
}

// wait passes a random time with the given mean.
func (l *life) wait(mean time.Duration) {
	l.at = l.at.Add(l.scaled(time.Duration(l.random.ExpFloat64() * float64(mean))))
}

func (l *life) scaled(d time.Duration) time.Duration {
	return time.Duration(float64(d) / l.lives.Speed)
}

// round makes the time a whole second, for most changes. It never goes back.
func (l *life) round() {
	if !l.chance(l.lives.SubSecond) {
		l.at = wholeSecond(l.at)
	}
}

// exactly plans that the invitation takes a status now.
func (l *life) exactly(status attempt.Status) {
	c := l.who
	c.Status, c.At, c.Visible = status, l.at, l.at
	if l.chance(l.lives.Late) {
		c.Visible = l.at.Add(l.delay())
	}
	l.plan(Happening{Change: c})
}

func (l *life) delay() time.Duration {
	return 1 + time.Duration(l.random.Float64()*float64(l.scaled(l.lives.LateBy)))
}

func (l *life) plan(h Happening) {
	l.planned++
	heap.Push(&l.ahead, &planned{h, l.planned})
}

// fill makes up who is invited to what.
func (l *life) fill() {
	first, last := firstNames(), lastNames()
	name := first[l.random.IntN(len(first))] + " " + last[l.random.IntN(len(last))]
	l.who.Name = name
	l.who.Email = fmt.Sprintf("%s.%d@example.com", strings.ToLower(strings.Fields(name)[0]), l.who.ID%100_000)
	l.who.TestID = 292_930 + l.random.Int64N(40)
	l.who.InvitationType = []string{"api", "api", "email", "link"}[l.random.IntN(4)]
	if l.chance(l.lives.Extra) {
		l.who.Extra = extras()[l.random.IntN(len(extras()))]
	}
	if !l.chance(l.lives.Odd) {
		return
	}
	fields := Fields(1 << l.random.IntN(4))
	switch l.random.IntN(4) {
	case 0:
		l.who.Absent = fields
	case 1:
		l.who.Null = fields
	case 2:
		l.who.Name, l.who.Email = "", ""
	case 3:
		l.who.Name = "\"Quote\" \\ back\tslash\u2028 </script> \U0001F9EA"
	}
}

// malformed plans an entry that cannot be told, beside the life. It has the life's id in it, so that each is another.
func (l *life) malformed() {
	forms := malformedForms()
	raw := fmt.Sprintf(forms[l.random.IntN(len(forms))], l.who.ID)
	states := attempt.States()
	at := wholeSecond(l.at) // nothing may be planned before the life begins: it may be past already
	l.plan(Happening{Change: Change{At: at, Visible: at}, State: states[l.random.IntN(len(states))], Raw: raw})
}
