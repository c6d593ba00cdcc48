package console

import (
	"strings"
	"testing"
	"time"

	"attemptstream/internal/attempt"
	"attemptstream/internal/event"
)

// encode is an event as the worker writes it.
func encode(t *testing.T, change func(*event.Observation)) Event {
	t.Helper()
	encoder, err := event.NewEncoder(event.Plain, nil)
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 11, 23, 21, 40, 3, 512e6, time.UTC)
	o := event.Observation{
		Account: "default", State: attempt.Completed, ObservedAt: at,
		Window: attempt.Window{Start: attempt.InstantOf(at) - 603, End: attempt.InstantOf(at) - 33},
		Attempt: attempt.Attempt{ID: 2655161, Status: "Completed", TestID: attempt.Some[int64](292930), Name: attempt.Some("May"),
			Email: attempt.Some("may@example.com"), InvitationType: attempt.Some("api"), Size: 2},
	}
	change(&o)
	e, err := ParseEvent(encoder.AppendValue(nil, &o))
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestLines(t *testing.T) {
	t.Parallel()
	plain := encode(t, func(*event.Observation) {})
	late := encode(t, func(o *event.Observation) { o.Late, o.Attempt.ID = true, 1<<41 })
	again := encode(t, func(o *event.Observation) { o.CameBack, o.State, o.Attempt.Status = true, attempt.Expired, "Expired" })
	replayed := encode(t, func(o *event.Observation) { o.Replay, o.Account, o.Attempt.Status = "r-1", "emea", "Geprüft" })
	hostile := encode(t, func(o *event.Observation) { o.Attempt.Status = "\x1b[2J\nno" })
	l := &Lister{}
	accounts := &Lister{Account: true, Zone: time.FixedZone("", 3600)}
	coloured := &Lister{Colours: Colours{on: true}}
	for _, c := range []struct{ got, want string }{
		{l.Head(), "TIME         INVITATION  STATUS        STATE      WINDOW READ"},
		{l.Line(&plain), "21:40:03        2655161  Completed     completed  21:30:00-21:39:30"},
		{l.Line(&late), "21:40:03  2199023255552  Completed     completed  21:30:00-21:39:30  late"},
		{l.Line(&again), "21:40:03        2655161  Expired       expired    21:30:00-21:39:30  again"},
		{accounts.Line(&replayed), "22:40:03        2655161  Geprüft       completed  emea          22:30:00-22:39:30  replay r-1"},
		{l.Line(&hostile), "21:40:03        2655161  \uFFFD[2J\uFFFDno       completed  21:30:00-21:39:30"},
		{coloured.Line(&again), "21:40:03        2655161  \x1b[33mExpired     \x1b[0m  expired    \x1b[2m21:30:00-21:39:30\x1b[0m  \x1b[1;36magain\x1b[0m"},
	} {
		if c.got != c.want {
			t.Errorf("%q, want\n%q", c.got, c.want)
		}
		if strings.Contains(c.got, "May") || strings.Contains(c.got, "@") {
			t.Errorf("personal data in %q", c.got)
		}
	}
	if _, err := ParseEvent([]byte(`[1]`)); err == nil {
		t.Error("a list is no event")
	}
}

func TestColoursOnlyOnATerminal(t *testing.T) {
	t.Parallel()
	if c := ColoursFor(&strings.Builder{}, ""); c.on || c.Strong("x")+c.Faint("x")+c.Good("x")+c.Bad("x") != "xxxx" {
		t.Error("colours in what is no terminal")
	}
}
