package main

import (
	"encoding/json"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"attemptstream/internal/attempt"
	"attemptstream/internal/embedded"
	"attemptstream/internal/imochasim"
	"attemptstream/internal/operate/status"
	"attemptstream/internal/topics"
	"attemptstream/internal/witness"
)

// A workedStream is a stream that a worker has read, of an API with one second that cannot be read.
type workedStream struct {
	t        *testing.T
	env      map[string]string
	brokers  []string
	sim      *imochasim.Simulator
	start    attempt.Instant
	poisoned attempt.Instant // of completed
}

// startWorkedStream runs a worker over the last three minutes, until it has caught up. Its windows are as short as they
// can be, so that it soon knows which second cannot be read.
func startWorkedStream(t *testing.T) *workedStream {
	t.Helper()
	broker, err := embedded.Start(embedded.Config{Addr: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := broker.Close(); err != nil {
			t.Error(err)
		}
	})
	w := &workedStream{t: t, brokers: []string{broker.Addr()}, start: attempt.InstantOf(time.Now().Add(-3 * time.Minute))}
	w.poisoned = w.start.Add(time.Minute)
	w.sim, err = imochasim.New(imochasim.Config{Faults: imochasim.Faults{Poisoned: []imochasim.Poisoned{{State: attempt.Completed, Second: w.poisoned}}}})
	if err != nil {
		t.Fatal(err)
	}
	lives := imochasim.DefaultLives(1)
	lives.Malformed, lives.PerDay = .02, 200_000
	if err := w.sim.Populate(string(attempt.DefaultAccount), lives, w.start.Time().Add(-time.Hour), time.Now()); err != nil {
		t.Fatal(err)
	}
	// An entry in the poisoned second makes every window that shows it fail.
	raw := `{"testInvitationId":77,"testId":1,"name":"May","email":"may@example.com","invitationtype":"api","testStatus":"Completed"}`
	if err := w.sim.AddRaw(string(attempt.DefaultAccount), attempt.Completed, w.poisoned.Time(), raw); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(w.sim)
	t.Cleanup(server.Close)
	t.Cleanup(server.CloseClientConnections)
	w.env = map[string]string{
		"KAFKA_BROKERS": broker.Addr(), "IMOCHA_BASE_URL": server.URL, "IMOCHA_API_KEY": "correct-horse", "IMOCHA_RATE_LIMIT": "1000",
		"STREAM_START_AT": w.start.String(), "STREAM_POLL_INTERVAL": "1s", "STREAM_SETTLE_DELAY": "1s", "STREAM_LOOKBACK": "0", "STREAM_WINDOW_MAX": "2s",
		"ADMIN_ADDR": "", "LOG_LEVEL": "error",
	}
	worker := start(t, w.env, "run")
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		// Nothing is there before the worker has created it.
		r := start(t, w.env, "status", "--output", "json")
		<-r.done
		if r.code == exitDone {
			report := w.decode(r)
			if len(report.Accounts) == 1 && caughtUp(&report.Accounts[0]) {
				w.owned(report)
				break
			}
		}
		select {
		case <-worker.done: // at the end of the test's patience, too
			t.Fatalf("the worker ended:\n%s\n%s%s", worker.err.String(), r.out.String(), r.err.String())
		case <-tick.C:
		}
	}
	worker.cancel()
	worker.wait(exitDone)
	return w
}

// owned checks, while the worker runs, that it is named, and that its group is not taken for one of consumers.
func (w *workedStream) owned(report *status.Report) {
	w.t.Helper()
	if a := report.Accounts[0]; len(report.Workers) != 1 || !strings.HasPrefix(a.Owner, "attemptstream") ||
		report.Workers[0].ClientID != a.Owner || report.Workers[0].Accounts != 1 {
		w.t.Errorf("the account is of %q, the workers are %+v", a.Owner, report.Workers)
	}
	r := start(w.t, w.env, "lag")
	r.wait(exitDone)
	if !strings.Contains(r.out.String(), "0 consumer groups") {
		w.t.Errorf("no consumer reads the topic, and lag says: %s", r.out.String())
	}
}

func caughtUp(a *status.Account) bool {
	gap := false
	for i := range a.States {
		s := &a.States[i]
		gap = gap || s.Name == attempt.Completed && len(s.Gaps) == 1
		if s.FrontAge > 10 {
			return false
		}
	}
	return gap && len(a.States) == len(attempt.States())
}

func (w *workedStream) decode(r *running) *status.Report {
	w.t.Helper()
	var report status.Report
	if err := json.Unmarshal([]byte(r.out.String()), &report); err != nil {
		w.t.Fatalf("%v: %s", err, r.out.String())
	}
	return &report
}

// What status says is what the API did and what Kafka holds.
func TestStatus(t *testing.T) {
	t.Parallel()
	w := startWorkedStream(t)
	r := start(t, w.env, "status", "--output", "json", "--account", "default")
	r.wait(exitDone)
	report := w.decode(r)
	a := report.Accounts[0]
	if a.Name != attempt.DefaultAccount || a.Alarm != status.Act || !a.AtWork || len(report.Hidden) != 0 {
		t.Errorf("of an account with a gap it says %+v", a)
	}
	told, late := map[attempt.State]int64{}, map[attempt.State]int64{}
	observed := witness.Events(t, w.brokers, "test-attempts", attempt.DefaultAccount)
	for _, e := range observed {
		told[e.State]++
		if e.Late {
			late[e.State]++
		}
	}
	letters := witness.Letters(t, w.brokers, topics.DLQTopic("test-attempts"), attempt.DefaultAccount)
	if a.Told != int64(len(observed)) || a.Dead != len(letters) || len(observed) == 0 || len(letters) == 0 {
		t.Errorf("it counts %d events and %d dead letters; Kafka has %d and %d", a.Told, a.Dead, len(observed), len(letters))
	}
	for i := range a.States {
		s := &a.States[i]
		if s.Name == attempt.Completed {
			// The second shows in the windows of its neighbours too, whichever ends the API takes as inclusive.
			if len(s.Gaps) != 1 || s.Gaps[0].From > w.poisoned || s.Gaps[0].Until <= w.poisoned || s.Gaps[0].Length > 4 ||
				s.GapSeconds != s.Gaps[0].Length || s.CoveredThrough != s.Gaps[0].From || s.Front <= s.Gaps[0].Until {
				t.Errorf("%s: %+v; what cannot be read is at %s", s.Name, s, w.poisoned)
			}
		} else if s.CoveredThrough != s.Front || len(s.Gaps) != 0 {
			t.Errorf("%s: %+v", s.Name, s)
		}
		if s.Start != w.start || s.Counts.Told != told[s.Name] || s.Counts.Late != late[s.Name] {
			t.Errorf("%s: %+v; it began at %s, and Kafka has %d events, %d of them late", s.Name, s, w.start, told[s.Name], late[s.Name])
		}
	}

	r = start(t, w.env, "status")
	r.wait(exitDone)
	for _, want := range []string{"1 needs somebody", "default  ACT  committed", "completed: 1 gap could not be read", "COVERED THROUGH"} {
		if !strings.Contains(r.out.String(), want) {
			t.Errorf("the table does not say %q:\n%s", want, r.out.String())
		}
	}
	t.Log("\n" + r.out.String())

	r = start(t, w.env, "status", "--account", "emea")
	r.wait(exitFailed)
	if text := r.err.String(); !strings.Contains(text, `account "emea" has no checkpoint`) || !strings.Contains(text, "there are default") || r.out.String() != "" {
		t.Errorf("of an unknown account it says\n%s%s", text, r.out.String())
	}
	t.Run("tail", func(t *testing.T) { testTail(t, w, len(observed)) })
	t.Run("check", func(t *testing.T) { testCheck(t, w) })
}

// Before a worker has read anything, and without a stream, it says what to do.
func TestStatusOfNothing(t *testing.T) {
	t.Parallel()
	s := startReadStream(t)
	r := start(t, s.env, "status")
	r.wait(exitDone)
	if text := r.out.String(); !strings.Contains(text, "nothing was read yet") || !strings.Contains(text, "attemptstream run") {
		t.Errorf("of a stream that was not read it says\n%s", text)
	}
	other := map[string]string{"KAFKA_BROKERS": s.brokers, "KAFKA_TOPIC": "mistyped"}
	for _, command := range []string{"status", "tail"} {
		r = start(t, other, command)
		r.wait(exitFailed)
		if text := r.err.String(); !strings.Contains(text, `topic "mistyped" does not exist`) || r.out.String() != "" {
			t.Errorf("%s of a topic that does not exist says\n%s", command, text)
		}
	}
}

func TestWrongUsageOfLooking(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"status", "--account", "a/b"}, "want letters, digits"},
		{[]string{"status", "--output", "xml"}, "want table or json"},
		{[]string{"status", "now"}, "unknown command"},
		{[]string{"tail", "--from", "2999-01-01"}, "is in the future"},
		{[]string{"tail", "--from", "-1h", "--to", "-2h"}, "want the earlier time first"},
		{[]string{"tail", "--from", "-1h", "--to", "2999-01-01"}, "or add --follow"},
		{[]string{"tail", "--from", "1h"}, "want -1h for that long before now"},
		{[]string{"tail", "--limit", "-1"}, "want a whole number"},
		{[]string{"tail", "--limit", "0"}, "--limit 0 --follow"},
		{[]string{"tail", "--limit", "1000000"}, "say with --from where to begin"},
		{[]string{"config", "--check", "--output", "yaml"}, "want table or json"},
	} {
		r := start(t, nil, c.args...)
		r.wait(exitUsage)
		see := "See: attemptstream " + c.args[0] + " --help"
		if text := r.err.String(); !strings.Contains(text, c.want) || !strings.Contains(text, see) || r.out.String() != "" {
			t.Errorf("%q says\n%s\nwant %q and %q; on standard output %q, want nothing", c.args, text, c.want, see, r.out.String())
		}
	}
}
