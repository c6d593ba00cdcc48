package status

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"attemptstream/internal/attempt"
	"attemptstream/internal/console"
	"attemptstream/internal/schedule"
)

// youngestTier is the age of the first tier of the look-back; each that follows ends at twice the age.
const youngestTier = Seconds(3600)

// clockSlack is how far the clocks of two machines may differ without a word.
const clockSlack = time.Minute

// Of is what a checkpoint says at now, which was committed at committed. A worker that is at work commits at least every
// quiet, since the fronts move. Replays are not in a checkpoint.
func Of(c *schedule.Checkpoint, committed, now time.Time, quiet time.Duration) Account {
	a := Account{
		Name: c.Account, Alarm: Fine, Problems: []string{},
		CommittedAt: committed.UTC(), CommitAge: secondsOf(now.Sub(committed)), AtWork: now.Sub(committed) <= quiet,
		Told: c.Told, Dead: c.Dead, ProvenLength: c.Trust.Proven, AnswerCap: c.Trust.Cap,
		States: []State{}, Replays: []Replay{},
	}
	for name, coverage := range c.States {
		a.States = append(a.States, stateOf(name, coverage, now))
	}
	slices.SortFunc(a.States, func(x, y State) int {
		return cmp.Or(cmp.Compare(x.Name.Rank(), y.Name.Rank()), cmp.Compare(x.Name, y.Name))
	})
	a.judge(now, quiet)
	return a
}

func stateOf(name attempt.State, c *schedule.Coverage, now time.Time) State {
	age := func(i attempt.Instant) Seconds { return secondsOf(now.Sub(i.Time())) }
	s := State{
		Name: name, Start: c.Start, CoveredThrough: c.Through(), CoveredThroughAge: age(c.Through()),
		Front: c.Front, FrontAge: age(c.Front), Width: Seconds(c.Width), Gaps: []Gap{}, LookedBack: []Tier{},
		Counts: Counts{Told: c.Counts.Told, Late: c.Counts.Late, CameBack: c.Counts.CameBack, Dead: c.Counts.Dead},
	}
	for _, g := range c.Gaps {
		length := secondsOf(g.Length())
		s.Gaps = append(s.Gaps, Gap{From: g.From, Until: g.Until, Length: length, Age: age(g.From)})
		s.GapSeconds += length
	}
	younger, older := Seconds(0), youngestTier
	for _, at := range c.LookedBack {
		s.LookedBack = append(s.LookedBack, Tier{Younger: younger, Older: older, At: at, Age: age(at)})
		younger, older = older, 2*older
	}
	return s
}

// judge puts into words what is wrong.
func (a *Account) judge(now time.Time, quiet time.Duration) {
	if !a.AtWork {
		a.problem(Act, "nothing committed for %s: is a worker running, and does iMocha answer?", console.Span(a.CommitAge.Duration()))
	}
	if ahead := a.CommittedAt.Sub(now); ahead > clockSlack {
		a.problem(Watch, "the last commit is %s ahead of this machine's clock: one of two clocks is wrong", console.Span(ahead))
	}
	for i := range a.States {
		s := &a.States[i]
		if len(s.Gaps) > 0 {
			a.problem(Act, "%s: %s could not be read (%s in all, the oldest from %s); the worker's log says why, and it tries again for ever",
				s.Name, console.Counted(len(s.Gaps), "gap", "gaps"), console.Span(s.GapSeconds.Duration()), clock(s.Gaps[0].From.Time()))
		}
		// While nothing is committed, a front that stands still says nothing new.
		if a.AtWork && s.FrontAge.Duration() > quiet {
			a.problem(Watch, "%s: read up to %s ago: it is catching up, or iMocha does not answer for it",
				s.Name, console.Span(s.FrontAge.Duration()))
		}
	}
}

func (a *Account) problem(alarm Alarm, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if alarm.Rank() > a.Alarm.Rank() {
		// What is worse than all before stands first.
		a.Alarm, a.Problems = alarm, slices.Insert(a.Problems, 0, text)
		return
	}
	a.Problems = append(a.Problems, text)
}

// oldest is the age of the oldest second that is not certainly read.
func (a *Account) oldest() Seconds {
	age := Seconds(0)
	for i := range a.States {
		age = max(age, a.States[i].CoveredThroughAge)
	}
	return age
}

// byAlarm puts first what needs somebody most: a worker that does nothing before one that has trouble.
func byAlarm(x, y Account) int {
	work := 0
	if x.AtWork != y.AtWork {
		work = -1
		if x.AtWork {
			work = 1
		}
	}
	return cmp.Or(cmp.Compare(y.Alarm.Rank(), x.Alarm.Rank()), work, cmp.Compare(y.oldest(), x.oldest()), cmp.Compare(x.Name, y.Name))
}

// clock is a time as tables have it.
func clock(t time.Time) string { return t.UTC().Format(time.DateTime) }
