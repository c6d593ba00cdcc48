package ledger

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"time"

	"attemptstream/internal/attempt"
)

// An Observed is one event as a consumer found it.
type Observed struct {
	Partition              int32
	Offset                 int64
	EventID                string
	State                  attempt.State // empty: not checked
	ID                     int64
	Status                 attempt.Status
	WindowStart, WindowEnd time.Time
	Late                   bool
	ReplayID               string // empty: it was not replayed
}

// A Kind is what is wrong.
type Kind string

const (
	Missing     Kind = "missing"      // not told, or not often enough
	Twice       Kind = "told twice"   // told more often than it happened
	Unexpected  Kind = "unexpected"   // never happened, or not in the scope
	Order       Kind = "wrong order"  // told before what happened earlier
	LastStatus  Kind = "last status"  // the last event that is not late is not the last status
	WrongWindow Kind = "wrong window" // its window does not contain a time of the change
	WrongID     Kind = "wrong id"     // the eventId is not the contract's
	WrongState  Kind = "wrong state"  // the state is not the status's
	NotLate     Kind = "not late"     // it says late of what was shown in time
	MustBeLate  Kind = "must be late" // it was found in covered time and does not say late
)

// A Problem is one difference between what should have been told and what was.
type Problem struct {
	Kind   Kind
	ID     int64
	Status attempt.Status
	Detail string
}

// String is the problem with the invitation that has it, without personal data.
func (p Problem) String() string {
	return fmt.Sprintf("%s: invitation %d, %s: %s", p.Kind, p.ID, p.Status, p.Detail)
}

// Check lists what is wrong with the events that were observed, of all partitions, of one account.
func Check(expected *Expected, observed []Observed) []Problem {
	observed = slices.Clone(observed)
	slices.SortStableFunc(observed, func(a, b Observed) int {
		return cmp.Or(cmp.Compare(a.Partition, b.Partition), cmp.Compare(a.Offset, b.Offset))
	})
	c := &checker{expected: expected}
	c.fronts(observed)
	rows := map[int64][]Observed{}
	for _, o := range observed {
		rows[o.ID] = append(rows[o.ID], o)
	}
	for id, row := range rows {
		c.problems = append(c.problems, best(expected, id, row)...)
	}
	for id, events := range expected.Invitations {
		if _, ok := rows[id]; !ok {
			c.counts(events, nil)
		}
	}
	slices.SortStableFunc(c.problems, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.ID, b.ID), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Status, b.Status))
	})
	return c.problems
}

// best is what is wrong with an invitation's events in that of the right orders in which the least is.
func best(expected *Expected, id int64, row []Observed) []Problem {
	c := &checker{expected: expected}
	c.invitation(expected.Invitations[id], row)
	for _, events := range expected.others[id] {
		if len(c.problems) == 0 {
			break
		}
		other := &checker{expected: expected}
		if other.invitation(events, row); len(other.problems) < len(c.problems) {
			c = other
		}
	}
	return c.problems
}

type checker struct {
	expected *Expected
	problems []Problem
}

func (c *checker) add(k Kind, id int64, s attempt.Status, format string, args ...any) {
	c.problems = append(c.problems, Problem{k, id, s, fmt.Sprintf(format, args...)})
}

func (c *checker) about(k Kind, o *Observed, format string, args ...any) {
	c.add(k, o.ID, o.Status, "%s in the window %s/%s, partition %d offset %d: %s", o.EventID, o.WindowStart.UTC().Format(time.RFC3339),
		o.WindowEnd.UTC().Format(time.RFC3339), o.Partition, o.Offset, fmt.Sprintf(format, args...))
}

// fronts finds what was told as new although its window lies in time that was covered before: a state's windows of new
// time only move forward, and a partition keeps the order of transactions.
func (c *checker) fronts(observed []Observed) {
	type front struct {
		partition int32
		state     attempt.State
	}
	furthest := map[front]time.Time{}
	for i := range observed {
		o := &observed[i]
		if o.Late || o.ReplayID != "" {
			continue
		}
		state, _ := StateOf(o.Status)
		f := front{o.Partition, cmp.Or(o.State, state)}
		if start, ok := furthest[f]; ok && !o.WindowEnd.After(start) {
			c.about(MustBeLate, o, "an event of a window that starts at %s came before it", start.UTC().Format(time.RFC3339))
		}
		if o.WindowStart.After(furthest[f]) {
			furthest[f] = o.WindowStart
		}
	}
}

// invitation checks all events of one invitation, in the order of the log.
func (c *checker) invitation(events []Expectation, row []Observed) {
	ids := map[string]bool{}
	told := map[attempt.Status]int{}
	used := make([]bool, len(events))
	furthest, last := -1, -1 // of the events that are not late: the furthest, and the last that was told
	var lastTold *Observed
	for i := range row {
		o := &row[i]
		if !c.single(events, o) {
			continue
		}
		first := FirstEventID(c.expected.Account, o.ID, o.Status)
		if o.ReplayID != "" {
			if !ids[o.EventID] && o.EventID != first {
				c.about(WrongID, o, "replayed under an eventId that was not told before")
			}
			ids[o.EventID] = true
			continue
		}
		if ids[o.EventID] {
			c.about(Twice, o, "the eventId was told before")
			continue
		}
		if want := first + "@" + o.WindowEnd.UTC().Format(time.RFC3339); !ids[first] && o.EventID != first {
			c.about(WrongID, o, "want %s, since it is the first of the status", first)
		} else if ids[first] && o.EventID != want {
			c.about(WrongID, o, "want %s", want)
		}
		ids[o.EventID] = true
		told[o.Status]++
		if o.Late {
			continue
		}
		lastTold = o
		if next := follow(events, furthest, o, nil); next >= 0 {
			furthest, last = next, next
			used[next] = true
		} else if last = follow(events, -1, o, used); last >= 0 {
			used[last] = true
			if slices.ContainsFunc(events[last:furthest+1], func(e Expectation) bool { return e.firm }) {
				c.about(Order, o, "it happened before what was told already")
			}
		} else {
			last = follow(events, -1, o, nil) // told twice, as the counts will show
		}
	}
	c.counts(events, told)
	c.lastStatus(events, last, lastTold)
}

// single checks what can be said of one event alone, and whether it can be any of events.
func (c *checker) single(events []Expectation, o *Observed) bool {
	status, state, window, late := false, o.State == "", false, false
	for i := range events {
		e := &events[i]
		if e.Status != o.Status {
			continue
		}
		status = true
		state = state || e.State == o.State
		if e.in(o) {
			window = true
			late = late || e.Late
		}
	}
	switch {
	case !status:
		c.about(Unexpected, o, "the invitation did not take that status, or out of what was read")
	case !state:
		c.about(WrongState, o, "it was not shown in the state %s", o.State)
	case !window:
		c.about(WrongWindow, o, "the invitation did not take that status then")
	case o.Late && !late:
		c.about(NotLate, o, "it was shown as soon as it happened")
	}
	return status
}

// in tells whether the event's window contains one of e's times.
func (e *Expectation) in(o *Observed) bool {
	return slices.ContainsFunc(e.Times, func(t time.Time) bool { return !t.Before(o.WindowStart) && !t.After(o.WindowEnd) })
}

// follow is the first of events after the given place that o can be and that is not used, -1 if none is.
func follow(events []Expectation, after int, o *Observed, used []bool) int {
	for i := after + 1; i < len(events); i++ {
		if events[i].Status == o.Status && events[i].in(o) && (used == nil || !used[i]) {
			return i
		}
	}
	return -1
}

// counts compares how often each status was told with how often it may and must be.
func (c *checker) counts(events []Expectation, told map[attempt.Status]int) {
	type bounds struct {
		least, most int
		first       *Expectation
	}
	all := map[attempt.Status]*bounds{}
	for i := range events {
		e := &events[i]
		b := all[e.Status]
		if b == nil {
			b = &bounds{first: e}
			all[e.Status] = b
		}
		b.most++
		if e.Required {
			b.least++
			b.first = e
		}
	}
	for status, b := range all {
		switch n := told[status]; {
		case n < b.least:
			c.add(Missing, b.first.ID, status, "told %d times, want at least %d; taken at %s", n, b.least, b.first.Times[0].UTC().Format(time.RFC3339Nano))
		case n > b.most:
			c.add(Twice, b.first.ID, status, "told %d times, want at most %d", n, b.most)
		}
	}
}

// lastStatus checks that nothing that had to be told in order comes after the last event that is not late.
func (c *checker) lastStatus(events []Expectation, last int, o *Observed) {
	if o == nil {
		return
	}
	for i := len(events) - 1; i > last; i-- {
		if e := &events[i]; e.firm && e.Required && e.Status != o.Status {
			c.about(LastStatus, o, "the last that is not late, but the invitation was %s at %s", e.Status, e.Times[0].UTC().Format(time.RFC3339Nano))
			return
		}
	}
}

// FirstEventID is the eventId of a status that is told for the first time.
func FirstEventID(account attempt.Account, id int64, status attempt.Status) string {
	return string(account) + ":" + strconv.FormatInt(id, 10) + ":" + string(status)
}
