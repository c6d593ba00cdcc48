package imochasim_test

import (
	"context"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"attemptstream/internal/attempt"
	"attemptstream/internal/imochasim"
	"attemptstream/internal/imochasim/ledger"
)

func stream(t *testing.T, l imochasim.Lives, from time.Time) *imochasim.Stream {
	t.Helper()
	st, err := l.Stream(from)
	if err != nil {
		t.Fatal(err)
	}
	return st
}

// However the time is cut, the same seed makes the same lives.
func TestLivesAreDeterministic(t *testing.T) {
	t.Parallel()
	l := imochasim.DefaultLives(7)
	l.PerDay = 1000
	whole := stream(t, l, epoch).Until(epoch.Add(30 * time.Hour))
	var parts []imochasim.Happening
	st := stream(t, l, epoch)
	for d := time.Duration(0); d <= 30*time.Hour; d += 700 * time.Millisecond {
		parts = append(parts, st.Until(epoch.Add(d))...)
	}
	parts = append(parts, st.Until(epoch.Add(30*time.Hour))...)
	if len(whole) < 500 || !reflect.DeepEqual(parts, whole) {
		t.Errorf("%d happenings in parts, %d as a whole", len(parts), len(whole))
	}
	if !slices.IsSortedFunc(whole, func(a, b imochasim.Happening) int { return a.At.Compare(b.At) }) {
		t.Error("out of order")
	}
	l.Seed = 8
	if reflect.DeepEqual(stream(t, l, epoch).Until(epoch.Add(30*time.Hour)), whole) {
		t.Error("another seed makes the same lives")
	}
}

// All that can happen happens.
func TestLivesHaveEverything(t *testing.T) {
	t.Parallel()
	seen := map[string]int{}
	rows := map[int64][]imochasim.Change{}
	perSecond := map[int64]int{}
	var ids []int64
	for _, h := range stream(t, imochasim.DefaultLives(1), epoch).Until(epoch.Add(10 * 24 * time.Hour)) {
		if h.Raw != "" {
			class, _, _ := ledger.Classify([]byte(h.Raw))
			seen["malformed: "+string(class)]++
			continue
		}
		c := h.Change
		rows[c.ID] = append(rows[c.ID], c)
		perSecond[c.At.Unix()]++
		ids = append(ids, c.ID)
		seen[string(c.Status)]++
		mark := func(what string, ok bool) {
			if ok {
				seen[what]++
			}
		}
		mark("late", c.Visible.After(c.At))
		mark("part of a second", c.At.Nanosecond() != 0)
		mark("whole second", c.At.Nanosecond() == 0)
		mark("far id", c.ID > 1<<40)
		mark("beyond ASCII", len(c.Name) > utf8.RuneCountInString(c.Name))
		mark("beyond the first plane", strings.Contains(c.Name, "𝒜"))
		mark("empty", c.Name == "" && c.Absent == 0 && c.Null == 0)
		mark("null", c.Null != 0)
		mark("absent", c.Absent != 0)
		mark("nested", strings.Contains(c.Extra, "{"))
		mark("large number", strings.Contains(c.Extra, "9223372036854775807"))
	}
	for _, row := range rows {
		var words []string
		for i, c := range row {
			words = append(words, string(c.Status))
			if i == 0 {
				continue
			}
			switch gap := c.At.Sub(row[i-1].At); {
			case gap == 0:
				seen["same instant"]++
			case c.At.Unix() == row[i-1].At.Unix():
				seen["same second"]++
			case gap < time.Second:
				seen["across a second"]++
			case gap <= 2*time.Second:
				seen["quick"]++
			}
			if i > 1 && c.At.Sub(row[i-2].At) <= 2*time.Second && c.Status == row[i-2].Status {
				seen["quick come-back"]++
			}
		}
		life := strings.Join(words, " ")
		for _, form := range []string{"Expired Pending Completed", "Expired Pending Expired", "Cancelled Pending Completed", "Expired Cancelled Expired", "Expired Completed"} {
			if strings.Contains(life, form) {
				seen[form]++
			}
		}
	}
	slices.Sort(ids)
	ids = slices.Compact(ids)
	for i := range ids[1:] {
		if ids[i+1]-ids[i] == 1 {
			seen["close ids"]++
		}
	}
	for _, n := range perSecond {
		if n >= 150 {
			seen["burst"]++
		}
	}
	for _, what := range []string{"Completed", "Testleft", "Terminated", "Cancelled", "Expired", "Pending", "Evaluated", "Under Review", "Geprüft",
		"malformed: letter", "late", "part of a second", "whole second", "far id", "close ids", "beyond ASCII", "beyond the first plane", "empty", "null", "absent",
		"nested", "large number", "same instant", "same second", "across a second", "quick", "quick come-back", "burst",
		"Expired Pending Completed", "Expired Pending Expired", "Cancelled Pending Completed", "Expired Cancelled Expired", "Expired Completed"} {
		if seen[what] < 2 {
			t.Errorf("%s: %d times in ten days", what, seen[what])
		}
	}
	if n := seen["malformed: event"] + seen["malformed: either"]; n != 0 {
		t.Errorf("%d malformed entries can be told", n)
	}
	if n := len(rows); n < 30_000 || n > 60_000 {
		t.Errorf("%d invitations in ten days, want about 45,000", n)
	}
}

// A faster life is the same life in less time.
func TestSpeed(t *testing.T) {
	t.Parallel()
	l := imochasim.DefaultLives(3)
	l.PerDay = 1000
	slow := len(stream(t, l, epoch).Until(epoch.Add(5 * 24 * time.Hour)))
	l.Speed = 1440
	fast := len(stream(t, l, epoch).Until(epoch.Add(5 * time.Minute)))
	if fast < slow*9/10 || fast > slow*11/10 {
		t.Errorf("%d happenings in five days, %d in five minutes", slow, fast)
	}
}

func TestLivesRefuse(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(l *imochasim.Lives){
		"share":    func(l *imochasim.Lives) { l.Late = 1.1 },
		"sum":      func(l *imochasim.Lives) { l.Testleft = .9 },
		"negative": func(l *imochasim.Lives) { l.PerDay = -1 },
		"unknown":  func(l *imochasim.Lives) { l.NewStatuses = nil },
		"time":     func(l *imochasim.Lives) { l.Expiry = -1 },
	} {
		l := imochasim.DefaultLives(1)
		change(&l)
		if _, err := l.Stream(epoch); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

// What Populate adds at once, Run adds as time goes on, and nothing is shown or in the ledger before it happens.
func TestRun(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := imochasim.DefaultLives(5)
		l.PerDay = 800
		l.Speed = 1440
		s := newSimulator(t, imochasim.Config{Now: time.Now})
		from := time.Now().Add(-2 * time.Minute)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		ready := make(chan struct{})
		go func() { done <- s.Run(ctx, "default", l, from, func() { close(ready) }) }()
		<-ready
		for range 3 {
			all := newSimulator(t, imochasim.Config{Now: time.Now})
			if err := all.Populate("default", l, from, time.Now().Add(time.Nanosecond)); err != nil {
				t.Fatal(err)
			}
			got, want := s.Ledger("default"), all.Ledger("default")
			if len(want) < 100 || !slices.Equal(got, want) {
				t.Errorf("%d entries, want %d", len(got), len(want))
			}
			shown := len(ask(t, s, attempt.Completed, from, time.Now().Add(time.Minute)))
			if wantShown := len(ask(t, all, attempt.Completed, from, time.Now().Add(time.Minute))); shown != wantShown || shown == 0 {
				t.Errorf("%d attempts are shown, want %d", shown, wantShown)
			}
			time.Sleep(77 * time.Second) // of virtual time
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// Everything that the ledger expects can be read: a reader with the ledger's own knowledge of the answers has no problem.
func TestLedgerOfLives(t *testing.T) {
	t.Parallel()
	lives := imochasim.DefaultLives(9)
	lives.PerDay = 1000
	s := newSimulator(t, imochasim.Config{Now: (&clock{now: epoch.Add(7 * 24 * time.Hour)}).Now})
	if err := s.Populate("default", lives, epoch, epoch.Add(6*24*time.Hour)); err != nil {
		t.Fatal(err)
	}
	expected := s.Expected("default", ledger.Scope{})
	var told []ledger.Observed
	for id, events := range expected.Invitations {
		for _, e := range events {
			o := ledger.Observed{Partition: int32(id), Offset: int64(len(told)), ID: id, Status: e.Status, State: e.State}
			o.WindowStart, o.WindowEnd = e.Times[0].Truncate(time.Second), e.Times[0].Truncate(time.Second).Add(time.Second)
			o.EventID = ledger.FirstEventID("default", id, e.Status)
			if e.ComeBack {
				o.EventID += "@" + o.WindowEnd.UTC().Format(time.RFC3339)
			}
			told = append(told, o)
		}
	}
	if problems := ledger.Check(expected, told); problems != nil {
		t.Errorf("%d problems, such as %v", len(problems), problems[0])
	}
	if n := expected.Required(); n < 5_000 || n > len(told) || len(expected.Letters) == 0 {
		t.Errorf("%d events are required and %d told; %d letters", n, len(told), len(expected.Letters))
	}
}
