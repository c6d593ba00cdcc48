package catchup

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"attemptstream/internal/attempt"
	"attemptstream/internal/worker"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

const day = 24 * time.Hour

func TestStatusLine(t *testing.T) {
	t.Parallel()
	full := Status{Covered: 30 * time.Hour, Total: 7 * day, Events: 12345, PerSecond: 811.6, ToGo: 185 * time.Second, Gaps: 2, Problem: "HTTP 500\n: no\x1b"}
	for _, c := range []struct {
		status Status
		width  int
		want   string
	}{
		{Status{Total: 7 * day}, 80, "0% |                          |  0s of 7d, 0 events, 0/s, time to go unknown"},
		{full, 200, "17% |====>                         |  1d 6h of 7d, 12,345 events, 812/s, 3m 5s to go, 2 gaps, HTTP 500\uFFFD: no\uFFFD"},
		{full, 80, "17% |>         |  1d 6h of 7d, 12,345 events, 812/s, 3m 5s to go, 2 gaps, HT…"},
		{full, 50, "17% |>         |  1d 6h of 7d, 12,345 events, …"},
		{full, 10, ""},
		{Status{Covered: day, Total: day, Events: 1, PerSecond: 1, ToGo: time.Second}, 80, "99% |============================> |  1d of 1d, 1 event, 1.0/s, 1s to go"},
	} {
		if got := strings.TrimLeft(c.status.Line(c.width), " "); got != c.want {
			t.Errorf("width %d: %q, want\n%q", c.width, got, c.want)
		}
	}
	for width := range 250 {
		if n := utf8.RuneCountInString(full.Line(width)); n >= max(width, 1) {
			t.Errorf("a line of %d for a width of %d", n, width)
		}
	}
}

func at(account attempt.Account, front time.Time, events int) worker.Progress {
	return worker.Progress{Account: account, Start: noon.Add(-30 * day), Front: front, Through: front, Counts: worker.Counts{Events: events}}
}

func TestBackfill(t *testing.T) {
	t.Parallel()
	b := &backfill{slack: 4 * time.Minute}
	if s, ended := b.see(noon, []worker.Progress{{Account: "a"}, at("b", noon.Add(-4*time.Minute), 5)}); s != nil || ended {
		t.Fatalf("%+v, ended %v, though nobody is behind", s, ended)
	}
	// a is taken over, ten hours behind.
	s, _ := b.see(noon, []worker.Progress{at("a", noon.Add(-10*time.Hour), 0), at("b", noon, 7)})
	if want := (Status{Total: 10 * time.Hour}); s == nil || *s != want {
		t.Fatalf("%+v, want %+v", s, want)
	}
	// Ten seconds later it has read an hour and the ten seconds that passed: 9 h to go at an hour in 10 s.
	now := noon.Add(10 * time.Second)
	p := at("a", now.Add(-9*time.Hour), 500)
	p.Gaps, p.Problem = 1, "slow"
	s, _ = b.see(now, []worker.Progress{p, at("b", now, 7)})
	want := Status{Covered: time.Hour + 10*time.Second, Total: 10*time.Hour + 10*time.Second, Events: 500, PerSecond: 50, ToGo: 90 * time.Second, Gaps: 1, Problem: "a: slow"}
	if s == nil || *s != want {
		t.Fatalf("%+v, want %+v", s, want)
	}
	// Another is taken over: what is covered stays, there is more to do.
	s, _ = b.see(now, []worker.Progress{p, at("b", now.Add(-2*time.Hour), 7)})
	if s == nil || s.Covered != time.Hour+10*time.Second || s.Total != 12*time.Hour+10*time.Second {
		t.Fatalf("%+v", s)
	}
	// Nothing moves: no end is in sight, once what was faster is long enough ago.
	for range 3 {
		now = now.Add(rateSpan)
		s, _ = b.see(now, []worker.Progress{p, at("b", now, 7)})
	}
	if s == nil || s.ToGo != 0 || s.PerSecond != 0 {
		t.Fatalf("%+v, want no time to go", s)
	}
	// It has to come nearer than the slack before that counts as an end.
	if s, ended := b.see(now, []worker.Progress{at("a", now.Add(-3*time.Minute), 900), at("b", now, 7)}); s == nil || ended {
		t.Fatalf("%+v, ended %v", s, ended)
	}
	if s, ended := b.see(now, []worker.Progress{at("a", now.Add(-2*time.Minute), 900), at("b", now, 7)}); s != nil || !ended {
		t.Fatalf("%+v, ended %v, want the end", s, ended)
	}
	// The next one begins anew.
	s, _ = b.see(now, []worker.Progress{at("a", now.Add(-time.Hour), 900), at("b", now, 7)})
	if want := (Status{Total: time.Hour}); s == nil || *s != want {
		t.Fatalf("%+v, want %+v", s, want)
	}
}
