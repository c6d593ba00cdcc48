package status_test

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"attemptstream/internal/attempt"
	"attemptstream/internal/console"
	"attemptstream/internal/operate/status"
	"attemptstream/internal/schedule"
	"attemptstream/internal/state"
)

// The table of an account in trouble, as it is.
func TestTable(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 25, 3, 0, 5, 0, time.UTC)
	front := attempt.InstantOf(now.Add(-35 * time.Second))
	c := covered("emea", front.Add(-400*24*time.Hour), front, attempt.States()...)
	c.Told, c.Dead, c.Trust = 12_345_678, 3, schedule.Trust{Proven: 1204, Cap: 2000}
	for i := range 7 {
		from := front.Add(time.Duration(i-20) * 24 * time.Hour)
		c.States[attempt.Completed].Gaps = append(c.States[attempt.Completed].Gaps, schedule.Span{From: from, Until: from + 1})
	}
	c.States[attempt.Completed].Counts = schedule.Counts{Told: 12_000_000, Late: 512, Dead: 3}
	for i := range 9 {
		c.States[attempt.Completed].LookedBack = append(c.States[attempt.Completed].LookedBack, front.Add(-time.Minute<<i))
	}
	c.States[attempt.Expired].Front = front.Add(-3 * time.Hour)
	a := status.Of(c, now.Add(-12*time.Second), now, quiet)
	a.Replays = []status.Replay{{ID: "20261125T025000Z-3f2a", Status: state.Running, From: front.Add(-time.Hour), To: front, States: attempt.States(), Percent: 40, Told: 4321}}
	b := status.Of(covered("apac", front, front), now.Add(-2*time.Hour), now, quiet)
	var out strings.Builder
	if err := status.Table(&out, &status.Report{Topic: "test-attempts", At: now, Accounts: []status.Account{a, b}}, console.Colours{}); err != nil {
		t.Fatal(err)
	}
	text := out.String()
	for line := range strings.Lines(text) {
		if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > 100 {
			t.Errorf("a line has %d columns: %s", n, line)
		}
	}
	for _, want := range []string{
		"2 need somebody", "emea  ACT  committed 12s ago", "7 gaps could not be read (7s in all, the oldest from 2026-11-05 02:59:30)",
		"expired: read up to 3h ago", "completed  2025-10-21 02:59  2026-11-05 02:59:30  20d  2026-11-25 02:59:30  35s", "and 2 gaps more",
		"12,345,678 events and 3 dead letters", "Answers of up to 1,204 entries are proven whole", "one was found cut at 2,000 entries", "gap of completed: 2026-11-05 02:59:30, 1s long, 20d ago", "replay 20261125T025000Z-3f2a runs, 40 %, 4,321 told",
		"last hour 1m 35s ago; older than 5d 8h 4h 16m ago", "apac  ACT", "nothing committed for 2h: is a worker running, and does iMocha answer?",
	} {
		if !strings.Contains(strings.Join(strings.Fields(text), " "), strings.Join(strings.Fields(want), " ")) {
			t.Errorf("it does not say %q", want)
		}
	}
	if t.Failed() || testing.Verbose() {
		t.Log("\n" + text)
	}
}

func TestTableOfNothing(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	if err := status.Table(&out, &status.Report{Topic: "test-attempts", At: time.Now()}, console.Colours{}); err != nil {
		t.Fatal(err)
	}
	if text := out.String(); !strings.Contains(text, "nothing was read yet") || !strings.Contains(text, "attemptstream run") {
		t.Errorf("it says\n%s", text)
	}
}
