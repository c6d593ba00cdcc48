package admin_test

import (
	"fmt"
	"math"
	"slices"
	"time"

	"attemptstream/internal/attempt"
	"attemptstream/internal/operate/groups"
	"attemptstream/internal/schedule"
	"attemptstream/internal/state"
	"attemptstream/internal/worker"
)

// settings of the workers in scenes.
const (
	poll   = 30 * time.Second
	settle = 30 * time.Second
)

// idle is an account that has told everything that it could since a time.
func idle(name string, now time.Time, past time.Duration) worker.Progress {
	now = now.Truncate(time.Second)
	front := now.Add(-settle - 12*time.Second)
	p := worker.Progress{Account: attempt.Account(name), Owned: true, Start: now.Add(-past), Through: front, Front: front,
		Told: 182_412, DeadLetters: 3, IndexBytes: 96 << 10, Commits: 2_881,
		Committed: now.Add(-12 * time.Second)}
	for _, s := range attempt.States() {
		p.States = append(p.States, worker.StateProgress{State: s, Start: p.Start, Front: front, Through: front,
			Counts: schedule.Counts{Told: 60_804, Late: 210, CameBack: 41, Dead: 1}})
	}
	return p
}

// withGap has a gap in one of its states.
func withGap(p worker.Progress, state int, ago, length time.Duration) worker.Progress {
	s := &p.States[state]
	from := attempt.InstantOf(s.Front.Add(-ago))
	s.Gaps = append(s.Gaps, schedule.Span{From: from, Until: from.Add(length)})
	s.Through = from.Time()
	p.Gaps++
	p.Through = s.Through
	p.Problems = append(p.Problems, worker.Problem{First: s.Through.Add(time.Minute), Last: p.Committed, Times: 41,
		Text: fmt.Sprintf("ask iMocha for %s of account %s: HTTP 500: the API cannot answer now; it is tried again; if it lasts, check IMOCHA_BASE_URL, the network and the status of iMocha", s.State, p.Account)})
	return p
}

const refusal = "ask iMocha for completed of account %s: HTTP 401: the key is refused; check that the key (IMOCHA_API_KEY, IMOCHA_API_KEY_FILE or " +
	"apiKeyFile in IMOCHA_ACCOUNTS_FILE) is valid and may read test attempts; a file is read again when the key is refused"

// refused has a key that the API does not take any more.
func refused(p worker.Progress, since time.Duration) worker.Progress {
	p.Front = p.Front.Add(-since)
	p.Through = p.Front
	for i := range p.States {
		p.States[i].Front, p.States[i].Through = p.Front, p.Front
	}
	p.Committed = p.Committed.Add(-since)
	p.Problem = fmt.Sprintf(refusal, p.Account)
	p.Problems = append(p.Problems, worker.Problem{First: p.Committed.Add(time.Minute), Last: p.Committed.Add(since), Times: int(since / time.Minute), Text: p.Problem})
	return p
}

// behind has still to read so much.
func behind(p worker.Progress, by time.Duration) worker.Progress {
	p.States, p.Reading = slices.Clone(p.States), nil
	for i := range p.States {
		p.States[i].Front = p.States[i].Front.Add(-by)
		p.States[i].Through = p.States[i].Front
		at := attempt.InstantOf(p.States[i].Front)
		p.Reading = append(p.Reading, worker.Reading{State: p.States[i].State, Kind: schedule.Front, Span: schedule.Span{From: at, Until: at.Add(2 * time.Hour)}})
	}
	p.Front = p.States[0].Front
	p.Through = p.Front
	return p
}

// replaying carries out a replay, and another one waits.
func replaying(p worker.Progress) worker.Progress {
	from := p.Front.Add(-20 * time.Hour)
	running := worker.Replay{ID: "r-1", From: from, To: from.Add(10 * time.Hour), States: attempt.States()}
	running.Status, running.Position, running.Told = state.Running, attempt.InstantOf(from.Add(6*time.Hour)), 12_318
	waiting := worker.Replay{ID: "r-2", From: from, To: from.Add(time.Hour), States: attempt.States()[:1]}
	waiting.Status = state.Waiting
	p.Replays = append(p.Replays, running, waiting)
	p.Reading = append(p.Reading, worker.Reading{State: attempt.Cancelled, Kind: schedule.Replay,
		Span: schedule.Span{From: running.Position, Until: running.Position.Add(30 * time.Minute)}},
		worker.Reading{State: attempt.Completed, Kind: schedule.LookBack,
			Span: schedule.Span{From: attempt.InstantOf(p.Front.Add(-40 * time.Minute)), Until: attempt.InstantOf(p.Front.Add(-30 * time.Minute))}})
	return p
}

// many are hundreds of accounts, some of them in trouble.
func many(now time.Time) []worker.Progress {
	var all []worker.Progress
	for i := range 240 {
		p := idle(fmt.Sprintf("customer-%03d", i+1), now, 30*24*time.Hour)
		switch i {
		case 17:
			p = refused(p, 3*time.Hour)
		case 80:
			p = withGap(p, 2, 20*time.Minute, 90*time.Second)
		case 81:
			p = worker.Progress{Account: "customer-082", Ended: true, Problem: "another attemptstream has taken over this account"}
		case 120, 121:
			p = behind(p, 9*time.Hour)
		}
		all = append(all, p)
	}
	return all
}

// work is a worker that has done more each time it is looked at.
func work(accounts []worker.Progress) func() []worker.Progress {
	n, told := 0, 0
	return func() []worker.Progress {
		n++
		out := append([]worker.Progress{}, accounts...)
		for i := range out { // what reads at its front has come there
			if p := &out[i]; n == 1 && len(p.States) > 0 && len(p.Reading) == len(p.States) {
				*p = behind(*p, time.Hour)
			}
		}
		told += int(40 + 30*math.Sin(float64(n)/7) + 10*math.Sin(float64(n)))
		if len(out) > 0 {
			out[0].Events += told
			out[0].Requests += int64(n*3 + n/7*5)
		}
		return out
	}
}

// consumers are the groups of the topic in scenes.
func consumers() *groups.Report {
	oldest, zero := time.Now().Add(-3*time.Minute), int64(0)
	return &groups.Report{Topic: "test-attempts", At: time.Now(), Groups: []groups.Group{
		{Name: "crm", State: "Stable", Members: make([]groups.Member, 3), Partitions: []groups.Partition{{Committed: &zero}}},
		{Name: "reporting-nightly", State: "Empty", Events: 18_204, Seconds: 11_230,
			Partitions: []groups.Partition{{Committed: &zero, Events: 18_204, Oldest: &oldest, Seconds: 11_230}}},
	}}
}
