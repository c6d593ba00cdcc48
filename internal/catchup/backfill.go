package catchup

import (
	"strings"
	"time"
	"unicode/utf8"

	"attemptstream/internal/attempt"
	"attemptstream/internal/console"
	"attemptstream/internal/worker"
)

// A backfill is one stretch of catching up, of all accounts that are behind, seen from samples of their progress.
type backfill struct {
	slack time.Duration // who is no further behind is not behind

	began   time.Time                     // zero: nobody is behind
	events  int64                         // that were told when it began
	fronts  map[attempt.Account]time.Time // of the accounts that are or were behind, when that was seen first
	samples []sample
}

// A sample is where the accounts were at a time.
type sample struct {
	at      time.Time
	covered time.Duration // since the backfill began, all accounts together
	events  int64
}

// rateSpan is the time over which rates are taken: long enough to be steady, short enough to follow a change.
const rateSpan = 15 * time.Second

// see takes a sample. It returns what there is to show, nil if no account is behind, and whether a backfill has just
// ended.
func (b *backfill) see(now time.Time, accounts []worker.Progress) (s *Status, ended bool) {
	limit := b.slack
	if !b.began.IsZero() {
		limit /= 2 // or it would come and go
	}
	if furthest(now, accounts) <= limit {
		ended = !b.began.IsZero()
		b.began, b.samples = time.Time{}, nil
		return nil, ended
	}
	if b.began.IsZero() {
		b.began, b.events, b.fronts = now, told(accounts), map[attempt.Account]time.Time{}
	}
	s = &Status{Events: max(0, told(accounts)-b.events)} // an account that is removed takes its own along
	var ahead time.Duration
	for i := range accounts {
		p := &accounts[i]
		s.Gaps += p.Gaps
		if s.Problem == "" && p.Problem != "" {
			s.Problem = p.Problem
			if len(accounts) > 1 {
				s.Problem = string(p.Account) + ": " + s.Problem
			}
		}
		behind := now.Sub(p.Front)
		if _, ok := b.fronts[p.Account]; !ok && !p.Front.IsZero() && behind > b.slack {
			b.fronts[p.Account] = p.Front
		}
		if first, ok := b.fronts[p.Account]; ok {
			s.Covered += max(0, p.Front.Sub(first))
			ahead += max(0, behind)
		}
	}
	s.Total = s.Covered + ahead
	b.rates(s, sample{now, s.Covered, told(accounts)}, ahead)
	return s, false
}

// rates says how fast it has been of late, and how long it will take like that, while time goes on.
func (b *backfill) rates(s *Status, next sample, ahead time.Duration) {
	b.samples = append(b.samples, next)
	for len(b.samples) > 2 && next.at.Sub(b.samples[1].at) >= rateSpan {
		b.samples = b.samples[1:]
	}
	first := b.samples[0]
	took := next.at.Sub(first.at)
	if took <= 0 {
		return
	}
	s.PerSecond = float64(max(0, next.events-first.events)) / took.Seconds()
	if nearer := next.covered - first.covered - took*time.Duration(len(b.fronts)); nearer > 0 {
		s.ToGo = time.Duration(float64(ahead) / float64(nearer) * float64(took))
	}
}

// furthest is how far the account is behind that is furthest, of those that were taken over.
func furthest(now time.Time, accounts []worker.Progress) time.Duration {
	var most time.Duration
	for i := range accounts {
		if p := &accounts[i]; !p.Front.IsZero() {
			most = max(most, now.Sub(p.Front))
		}
	}
	return most
}

// told is how many events the process has told.
func told(accounts []worker.Progress) int64 {
	n := int64(0)
	for i := range accounts {
		n += int64(accounts[i].Events)
	}
	return n
}

// A Status is how far a backfill is.
type Status struct {
	Covered, Total time.Duration // of the time that was not told when it began, and that has passed since
	Events         int64
	PerSecond      float64       // events, of late
	ToGo           time.Duration // 0: not known, since it has not come nearer of late
	Gaps           int
	Problem        string // what is wrong at the moment; empty: nothing
}

// Where a terminal has no room for the narrowest bar, words are cut off.
const (
	narrowBar   = 10
	smallestFit = 20
)

// Line is the status in at most width columns.
func (s *Status) Line(width int) string {
	words := s.words()
	room := width - console.AroundBar
	if room < smallestFit {
		return ""
	}
	bar := min(console.WidestBar, max(narrowBar, room-utf8.RuneCountInString(words)))
	// The end moves away as time goes on, and accounts come and go.
	return console.Bar(int64(s.Covered/time.Second), int64(s.Total/time.Second), bar, cut(words, room-bar))
}

func (s *Status) words() string {
	parts := []string{console.Span(s.Covered) + " of " + console.Span(s.Total), console.Counted(s.Events, "event", "events"), console.Rate(s.PerSecond) + "/s"}
	if s.ToGo > 0 {
		parts = append(parts, console.Span(s.ToGo)+" to go")
	} else {
		parts = append(parts, "time to go unknown")
	}
	if s.Gaps > 0 {
		parts = append(parts, console.Counted(s.Gaps, "gap", "gaps"))
	}
	if s.Problem != "" {
		parts = append(parts, console.Printable(s.Problem))
	}
	return strings.Join(parts, ", ")
}

// cut is text in at most width columns, with an ellipsis where something is missing.
func cut(text string, width int) string {
	if utf8.RuneCountInString(text) <= width {
		return text
	}
	return string([]rune(text)[:max(0, width-1)]) + "…"
}
