package metrics_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"attemptstream/internal/attempt"
	"attemptstream/internal/metrics"
	"attemptstream/internal/schedule"
	"attemptstream/internal/worker"
)

// seriesOf are the series of an account with their values, sorted.
func seriesOf(t *testing.T, registry *prometheus.Registry, account string) (lines []string) {
	t.Helper()
	for name, f := range gather(t, registry) {
		for _, m := range f.GetMetric() {
			line, its := name, false
			for _, l := range m.GetLabel() {
				its = its || l.GetName() == "account" && l.GetValue() == account
				line += " " + l.GetValue()
			}
			if its {
				lines = append(lines, strings.TrimSpace(line+" "+m.String()))
			}
		}
	}
	slices.Sort(lines)
	return lines
}

// An account that is removed has no series, also not of what is told of it after that; one that comes begins at 0, and is
// counted like one of the start; and those that stay go on.
func TestAccountsChange(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewRegistry()
	s, err := metrics.New(metrics.Config{Accounts: []attempt.Account{"a", "b"}, Ready: owned,
		Schedule: schedule.Settings{States: attempt.States(), Lookback: time.Hour}}, registry)
	if err != nil {
		t.Fatal(err)
	}
	waited := s.Waited("b")
	tell := func(account attempt.Account) {
		s.Request(account, attempt.Completed, time.Second, nil)
		s.Transaction(account, time.Second, nil)
		s.Fenced(account)
		s.Waited(account)(time.Second)
		c := worker.Commit{Account: account, Counts: worker.Counts{CameBack: 1, Replayed: 1}, LateBy: []time.Duration{2 * time.Hour},
			States: map[attempt.State]worker.Counts{attempt.Completed: {Events: 1, Known: 1, Dead: 1, Doubtful: 1}}}
		s.Told(c)
	}
	fresh := seriesOf(t, registry, "b")
	tell("a")
	tell("b")
	tell("c") // nobody knows it
	stays, was := seriesOf(t, registry, "a"), seriesOf(t, registry, "b")
	if len(fresh) == 0 || slices.Equal(fresh, was) || len(seriesOf(t, registry, "c")) > 0 {
		t.Fatalf("series of b at first:\n%s\nand then:\n%s", strings.Join(fresh, "\n"), strings.Join(was, "\n"))
	}
	s.SetAccounts([]attempt.Account{"c", "a"})
	tell("b")
	waited(time.Second)
	if left := seriesOf(t, registry, "b"); len(left) > 0 {
		t.Errorf("an account that was removed has series:\n%s", strings.Join(left, "\n"))
	}
	if now := seriesOf(t, registry, "a"); !slices.Equal(now, stays) {
		t.Errorf("an account that stays has\n%s\nbefore\n%s", strings.Join(now, "\n"), strings.Join(stays, "\n"))
	}
	s.SetAccounts([]attempt.Account{"a", "b", "c"})
	timeless := func(lines []string) (out []string) { // each series is as old as its account
		for _, line := range lines {
			line, _, _ = strings.Cut(line, "created_timestamp")
			out = append(out, strings.TrimSpace(line))
		}
		return out
	}
	if now := seriesOf(t, registry, "b"); !slices.Equal(timeless(now), timeless(fresh)) {
		t.Errorf("an account that came again has\n%s\nat first\n%s", strings.Join(now, "\n"), strings.Join(fresh, "\n"))
	}
	tell("b")
	if now := seriesOf(t, registry, "b"); !slices.Equal(timeless(now), timeless(was)) {
		t.Errorf("an account that came again, and was told of once, has\n%s\nbefore\n%s", strings.Join(now, "\n"), strings.Join(was, "\n"))
	}
}

// Whether the accounts file is right is always shown: without a file, nothing is wrong with it.
func TestAccountsFile(t *testing.T) {
	t.Parallel()
	const name = "attemptstream_accounts_file_ok"
	registry, ok := prometheus.NewRegistry(), true
	if _, err := metrics.New(metrics.Config{Ready: owned, ListOK: func() bool { return ok }}, registry); err != nil {
		t.Fatal(err)
	}
	for _, ok = range []bool{true, false} {
		want := 0.0
		if ok {
			want = 1
		}
		if got := gather(t, registry)[name].GetMetric()[0].GetGauge().GetValue(); got != want {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
	without := prometheus.NewRegistry()
	if _, err := metrics.New(metrics.Config{Ready: owned}, without); err != nil {
		t.Fatal(err)
	}
	if got := gather(t, without)[name].GetMetric()[0].GetGauge().GetValue(); got != 1 {
		t.Errorf("%s is %v without a file, want 1", name, got)
	}
}
