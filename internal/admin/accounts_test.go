package admin_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"attemptstream/internal/admin"
	"attemptstream/internal/worker"
)

// reportOf is what /status answers.
func reportOf(t *testing.T, url string) (r admin.Report) {
	t.Helper()
	_, body := get(t, "GET", url+"/status")
	if err := json.Unmarshal([]byte(body), &r); err != nil {
		t.Fatal(err)
	}
	return r
}

// An accounts file that cannot be taken is shown everywhere, and takes no worker out of service: the accounts that are read are
// well. At first it may only be half written; when it stays, somebody has to mend it. What is worse than it is said before it.
func TestAccountsFileProblem(t *testing.T) {
	t.Parallel()
	now := time.Now()
	var clock atomic.Int64
	var text atomic.Pointer[string]
	progress := []worker.Progress{idle("emea", now, time.Hour), idle("apac", now, time.Hour)}
	_, site := serve(t, admin.Config{
		Progress: func() []worker.Progress { return progress },
		List:     func() (string, time.Time) { return *text.Load(), now },
		Now:      func() time.Time { return now.Add(time.Duration(clock.Add(int64(time.Second)))) },
	})
	const problem = `IMOCHA_ACCOUNTS_FILE: "accounts.json" is not valid JSON (line 3)`
	none, some := "", problem
	text.Store(&none)
	if r := reportOf(t, site.URL); r.List != nil || r.Verdict.Alarm != admin.Fine || strings.Contains(r.Verdict.Detail, "list") {
		t.Errorf("with a file that is right: %+v, %+v", r.List, r.Verdict)
	}
	text.Store(&some)
	fine := reportOf(t, site.URL)
	if fine.List == nil || fine.List.Text != problem || !fine.Ready || fine.Verdict.Alarm != admin.Watch ||
		!strings.Contains(fine.Verdict.Detail, problem) || !strings.Contains(fine.Verdict.Detail, "stays in force") {
		t.Errorf("with a file that cannot be taken: %+v, ready %v, %+v", fine.List, fine.Ready, fine.Verdict)
	}
	res, body := get(t, "GET", site.URL+"/readyz")
	if res.StatusCode != http.StatusOK || !strings.Contains(body, problem) || !strings.HasPrefix(body, "emea: ready\napac: ready\n(") {
		t.Errorf("/readyz: %d %s", res.StatusCode, body)
	}
	clock.Store(int64(3 * time.Minute))
	progress = []worker.Progress{idle("emea", now.Add(3*time.Minute), time.Hour), idle("apac", now.Add(3*time.Minute), time.Hour)}
	if r := reportOf(t, site.URL); r.Verdict.Alarm != admin.Act || !r.Ready || !strings.Contains(r.Verdict.Text, "accounts file") {
		t.Errorf("when it stays: %+v", r.Verdict)
	}
	progress[1].Ended, progress[1].Problem = true, "the state record cannot be read"
	clock.Store(int64(4 * time.Minute))
	r := reportOf(t, site.URL)
	if r.Ready || !strings.Contains(r.Verdict.Text, "1 of 2 accounts needs attention") || !strings.Contains(r.Verdict.Detail, "cannot be read. The list of accounts") {
		t.Errorf("with an account that has ended: %+v", r.Verdict)
	}
}

// Rates are of what was done: an account that was removed takes away nothing of them, and one that comes brings nothing.
func TestRatesOfAccountsThatComeAndGo(t *testing.T) {
	t.Parallel()
	var list []worker.Progress
	s, site := serve(t, admin.Config{Progress: func() []worker.Progress { return list }})
	account := func(name string, events int, requests int64) worker.Progress {
		p := idle(name, time.Now(), time.Hour)
		p.Events, p.Requests = events, requests
		return p
	}
	want := []int64{}
	for _, step := range []struct {
		list   []worker.Progress
		events int64
	}{
		{[]worker.Progress{account("a", 10, 1), account("b", 100, 50)}, 110},
		{[]worker.Progress{account("a", 12, 2), account("b", 101, 51)}, 3},
		{[]worker.Progress{account("a", 15, 3)}, 3},
		{[]worker.Progress{account("c", 1, 1), account("a", 15, 4)}, 1},
	} {
		list = step.list
		admin.Steps(s, 1)
		want = append(want, step.events)
	}
	got := reportOf(t, site.URL).Rates.EventsByStep
	if len(got) != len(want) {
		t.Fatalf("rates %v, want %v", got, want)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("rates %v, want %v", got, want)
		}
	}
}

// A worker that shows other accounts than before shows just those, and has forgotten when the fronts of the others moved.
func TestReadinessForgets(t *testing.T) {
	t.Parallel()
	readiness, now := admin.NewReadiness(settings), time.Now()
	var list []worker.Progress
	s, site := serve(t, admin.Config{Readiness: readiness, Progress: func() []worker.Progress { return list }, Now: func() time.Time { return now }})
	list = []worker.Progress{idle("a", now, time.Hour), idle("b", now, time.Hour)}
	admin.Steps(s, 1)
	b := list[1]
	list = list[:1]
	admin.Steps(s, 1)
	if r := reportOf(t, site.URL); len(r.Accounts) != 1 || r.Accounts[0].Name != "a" {
		t.Errorf("accounts %+v", r.Accounts)
	}
	// It comes again an hour later, where it was: that is due, and has not moved since it was seen first.
	now = now.Add(time.Hour)
	if ready, reason := readiness.Of(b, now); ready || !strings.Contains(reason, "yet") {
		t.Errorf("ready %v: %q", ready, reason)
	}
}
