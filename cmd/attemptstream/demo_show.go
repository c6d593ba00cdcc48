package main

import (
	"fmt"
	"io"
	"time"

	"attemptstream/internal/console"
	"attemptstream/internal/embedded"
)

// A show is what a demo prints. As JSON it prints events on standard output and what it has to say in the end on
// standard error.
type show struct {
	out, err io.Writer
	json     bool
	lister   console.Lister

	events, late, again int // that were printed
}

func (a *app) newShow(json bool) *show {
	return &show{out: a.out, err: a.err, json: json,
		lister: console.Lister{Colours: console.ColoursFor(a.out, a.getenv("NO_COLOR")), Zone: time.Local}}
}

// say prints what is no event.
func (s *show) say(format string, args ...any) {
	if !s.json {
		fmt.Fprintf(s.out, format+"\n", args...)
	}
}

// aside prints a remark between events.
func (s *show) aside(format string, args ...any) {
	s.say("%s", s.lister.Colours.Faint("-- "+fmt.Sprintf(format, args...)))
}

// header says what the demo is and where to look; page is empty if there is none.
func (s *show) header(api, broker, page, topic string) {
	c := s.lister.Colours
	if broker != embedded.DefaultAddr {
		s.say("(%s is in use, so Kafka is elsewhere this time.)", embedded.DefaultAddr)
	}
	status := ""
	if page != "" {
		status = fmt.Sprintf("Status  %s   in a browser: what the worker is doing\n", pad(page, len(api)))
	}
	s.say(`%s: a simulated company invites people to tests; a day of its life takes two minutes.
The worker reads its iMocha API, where one request in ten fails, and tells Kafka each status of an invitation once.
Each line below is one such event, read back from Kafka after it was committed. Marks:
  %s   iMocha showed it only when that time had been read already; it was found by reading the time again
  %s  the invitation came back to a status that it had before, with another one in between

%sKafka   %s   look for yourself: %s
iMocha  %s   what really happened: %s/ledger
Ctrl-C ends the demo and compares the two.

%s`,
		c.Strong("attemptstream demo"), c.Strong("late"), c.Strong("again"),
		status, pad(broker, len(api)), c.Strong("kcat -C -b "+broker+" -t "+topic), api, api, s.lister.Head())
}

// pad fills text up with spaces.
func pad(text string, width int) string { return fmt.Sprintf("%-*s", width, text) }

func (s *show) event(e toldEvent) error {
	s.events++
	if e.Late {
		s.late++
	}
	if e.CameBack() {
		s.again++
	}
	line := e.value
	if !s.json {
		line = []byte(s.lister.Line(&e.Event))
	}
	if _, err := s.out.Write(append(line, '\n')); err != nil {
		return fmt.Errorf("print an event: %w", err)
	}
	return nil
}

func (s *show) letter(l toldLetter) {
	s.say("%s  %s", l.at.In(time.Local).Format(time.TimeOnly),
		s.lister.Colours.Bad("dead letter")+": an entry of the state "+l.state+" cannot be an event ("+l.reason+")")
}

func (s *show) caughtUp(f figures, took time.Duration) {
	s.aside("the past is told: %s of the last %s, in %.1f s; from here on it is live",
		console.Counted(f.events, "event", "events"), console.Span(demoPast), took.Seconds())
}

func (s *show) summary(f figures) { s.aside("%s", f) }

func (s *show) finishing() {
	s.aside("the company stands still; reading what is left of it")
}

// String is the figures in one line. The ledger asks for at least so many events: where something became visible late,
// nobody can tell for sure whether an invitation came back meanwhile, and one event more is right too.
func (f figures) String() string {
	return fmt.Sprintf("%s told (%d late, %d again), the ledger asks for at least %s; %s; %s, %s of them failed; %s",
		console.Counted(f.events, "event", "events"), f.late, f.again, console.Count(f.required),
		console.Counted(f.letters, "dead letter", "dead letters"),
		console.Counted(f.Requests, "request", "requests"), console.Count(f.Failed),
		console.Counted(f.Commits, "transaction", "transactions"))
}

// end prints the verdict.
func (s *show) end(f figures, v verdict, complete bool) {
	w, c := s.out, s.lister.Colours
	if s.json {
		w, c = s.err, console.Colours{}
	}
	fmt.Fprintf(w, "\n%s\n", f)
	if len(v.problems) == 0 {
		fmt.Fprintln(w, c.Good("Verdict: every status of every invitation was told exactly once."))
		return
	}
	fmt.Fprintln(w, c.Bad(fmt.Sprintf("Verdict: %s between Kafka and the ledger:", console.Counted(len(v.problems), "difference", "differences"))))
	const most = 20
	for i, p := range v.problems {
		if i == most {
			fmt.Fprintf(w, "  and %s more\n", console.Count(len(v.problems)-most))
			break
		}
		fmt.Fprintln(w, "  "+p)
	}
	if !complete {
		fmt.Fprintln(w, "The worker had not read everything when the demo ended: what is missing may only be late.")
	}
}
