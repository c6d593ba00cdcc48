package admin

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"attemptstream/internal/attempt"
	"attemptstream/internal/operate/groups"
	"attemptstream/internal/state"
	"attemptstream/internal/worker"
)

const (
	// mostGaps is how many gaps of a state a report names. An outage leaves a few long ones.
	mostGaps = 60
	// behindSlack is how far behind a front may be, beside what the settings make of it, without being called so.
	behindSlack = time.Minute
)

// build is the report of the worker's progress, without what changes by itself as time goes on.
func (s *Server) build(now time.Time) *Report {
	r := &Report{
		At: utc(now), Version: s.config.Version, StartedAt: utc(s.started), Topic: s.config.Topic,
		Ready: true, Accounts: []Account{}, Replays: []Replay{}, Groups: Groups{Groups: []Group{}},
		Settings: ReportSettings{PollSeconds: seconds(s.config.Settings.PollInterval), SettleSeconds: seconds(s.config.Settings.SettleDelay),
			LookbackSeconds: seconds(s.config.Lookback)},
		Rates: s.rates.report(),
	}
	for _, p := range s.config.Progress() {
		a := s.account(&p, now)
		r.Ready = r.Ready && a.Ready
		if a.Through != nil && !a.Standby && (r.Through == nil || a.Through.Before(*r.Through)) {
			r.Through = a.Through
		}
		r.Totals.add(&p, &a)
		r.Replays = append(r.Replays, replaysOf(&p)...)
		r.Accounts = append(r.Accounts, a)
	}
	if slices.ContainsFunc(r.Accounts, func(a Account) bool { return a.Through == nil && !a.Standby }) {
		r.Through = nil
	}
	slices.SortStableFunc(r.Accounts, func(x, y Account) int {
		return cmp.Or(y.Alarm.Rank()-x.Alarm.Rank(), one(x.Ready)-one(y.Ready), cmp.Compare(y.Gaps, x.Gaps), cmp.Compare(x.Name, y.Name))
	})
	if s.config.Groups != nil {
		r.Groups = groupsOf(s.config.Groups())
	}
	r.Ready = r.Ready && len(r.Accounts) > 0
	if problem, since := s.list(); problem != "" {
		r.List = &ListProblem{Since: utc(since), Text: problem}
	}
	r.Verdict = r.verdict()
	r.List.addTo(&r.Verdict, now)
	return r
}

// account is where an account is.
func (s *Server) account(p *worker.Progress, now time.Time) Account {
	a := Account{
		Name: p.Account, Owned: p.Owned, Standby: p.Standby, Ended: p.Ended,
		Start: moment(p.Start), Through: moment(p.Through), Front: moment(p.Front),
		Alarm: Fine, Problems: []string{}, Gaps: p.Gaps, States: []State{}, Reading: []Reading{}, Past: []Past{},
		Told: p.Told, DeadLetters: p.DeadLetters, IndexBytes: p.IndexBytes, ProvenLength: p.Trust.Proven, AnswerCap: p.Trust.Cap,
		Process: Process{Events: p.Events, Late: p.Late, Known: p.Known, Windows: p.Windows, Doubtful: p.Doubtful,
			Requests: p.Requests, Failed: p.Failed, Commits: p.Commits, Committed: moment(p.Committed)},
	}
	for i := range p.States {
		s := stateOf(&p.States[i])
		a.GapSeconds += s.GapSeconds
		a.States = append(a.States, s)
	}
	for _, reading := range p.Reading {
		a.Reading = append(a.Reading, Reading{State: reading.State, Kind: reading.Kind.String(),
			From: reading.Span.From.Time(), Until: reading.Span.Until.Time()})
	}
	for _, problem := range slices.Backward(p.Problems) {
		a.Past = append(a.Past, Past{First: utc(problem.First), Last: utc(problem.Last), Times: problem.Times, Text: problem.Text})
	}
	settings := s.config.Settings
	a.Behind = len(p.States) > 0 && !p.Standby && now.Sub(p.Front) > behindSlack+settings.SettleDelay+2*settings.PollInterval
	a.judge(p, s.config.Readiness, now)
	return a
}

// judge puts into words what is wrong.
func (a *Account) judge(p *worker.Progress, readiness *Readiness, now time.Time) {
	ready, reason := readiness.Of(*p, now)
	a.Ready = ready
	switch {
	case ready:
	case len(p.States) == 0 && p.Problem == "" && !p.Ended:
		a.problem(Watch, reason) // it begins
	default:
		a.problem(Act, reason)
	}
	if a.Gaps > 0 && !a.Standby {
		a.problem(Act, fmt.Sprintf("%s could not be read, and %s tried again for ever", length(a.GapSeconds), number(int(a.GapSeconds), "is", "are")))
	}
	// A try that fails now and then is none of this: it would come and go.
	if a.Ready && a.Behind {
		a.problem(Watch, "it is catching up"+because(p.Problem))
	}
}

func (a *Account) problem(alarm Alarm, text string) {
	if alarm.Rank() > a.Alarm.Rank() {
		a.Alarm = alarm
	}
	a.Problems = append(a.Problems, text)
}

func stateOf(p *worker.StateProgress) State {
	s := State{Name: p.State, Start: utc(p.Start), Through: utc(p.Through), Front: utc(p.Front), Gaps: []Gap{}, GapCount: len(p.Gaps),
		Told: p.Counts.Told, Late: p.Counts.Late, CameBack: p.Counts.CameBack, Dead: p.Counts.Dead}
	for i, g := range p.Gaps {
		s.GapSeconds += seconds(g.Length())
		if i < mostGaps {
			s.Gaps = append(s.Gaps, Gap{From: g.From.Time(), Until: g.Until.Time(), Seconds: seconds(g.Length())})
		}
	}
	return s
}

func replaysOf(p *worker.Progress) []Replay {
	var out []Replay
	for i := range p.Replays {
		r := &p.Replays[i]
		position := r.From
		if at := r.Position.Time(); at.After(position) { // it is 0 before it begins
			position = at
		}
		out = append(out, Replay{ID: r.ID, Account: p.Account, States: append([]attempt.State{}, r.States...), Running: r.Status == state.Running,
			From: utc(r.From), To: utc(r.To), Position: utc(position), Told: r.Told})
	}
	return out
}

func (t *Totals) add(p *worker.Progress, a *Account) {
	t.Told += p.Told
	t.DeadLetters += p.DeadLetters
	t.IndexBytes += p.IndexBytes
	t.Gaps += p.Gaps
	t.GapSeconds += a.GapSeconds
	for i := range p.States {
		t.Late += p.States[i].Counts.Late
		t.CameBack += p.States[i].Counts.CameBack
	}
	t.Commits += p.Commits
	if c := a.Process.Committed; c != nil && (t.Committed == nil || c.After(*t.Committed)) {
		t.Committed = c
	}
	t.Requests += p.Requests
	t.Failed += p.Failed
	t.Doubtful += p.Doubtful
}

// groupsOf are the groups of a report, those that are furthest behind first; nil is one that is not known.
func groupsOf(report *groups.Report) Groups {
	out := Groups{Known: report != nil, Groups: []Group{}}
	if report == nil {
		return out
	}
	for i := range report.Groups {
		g := &report.Groups[i]
		group := Group{Name: g.Name, State: g.State, Members: len(g.Members), Events: g.Events, AtMost: g.AtMost,
			Seconds: int64(g.Seconds), Notes: append([]string{}, g.Notes()...), Partitions: []GroupPartition{}}
		for j := range g.Partitions {
			if p := &g.Partitions[j]; p.Committed != nil {
				group.Partitions = append(group.Partitions, GroupPartition{Partition: p.Partition, Events: p.Events, Seconds: int64(p.Seconds)})
			}
		}
		out.Groups = append(out.Groups, group)
	}
	slices.SortStableFunc(out.Groups, func(x, y Group) int { return cmp.Compare(y.Events, x.Events) })
	return out
}

// stamp adds what changes as time goes on.
func (r *Report) stamp() {
	age := func(t time.Time) *int64 {
		n := seconds(max(0, r.At.Sub(t)))
		return &n
	}
	maybe := func(t *time.Time) *int64 {
		if t == nil {
			return nil
		}
		return age(*t)
	}
	r.UptimeSeconds, r.ThroughAge = age(r.StartedAt), maybe(r.Through)
	for i := range r.Accounts {
		a := &r.Accounts[i]
		a.ThroughAge, a.FrontAge = maybe(a.Through), maybe(a.Front)
		for j := range a.States {
			s := &a.States[j]
			s.ThroughAge, s.FrontAge = age(s.Through), age(s.Front)
		}
	}
}

// moment is t, or nil if it is no time.
func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = utc(t)
	return &t
}

// utc is t as reports have it.
func utc(t time.Time) time.Time { return t.UTC().Truncate(time.Millisecond) }

func seconds(d time.Duration) int64 { return int64(d / time.Second) }
