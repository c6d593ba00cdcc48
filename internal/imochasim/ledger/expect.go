package ledger

import (
	"slices"
	"time"

	"attemptstream/internal/attempt"
)

// quick is how many whole seconds, at most, lie between two times of a status where the second one may be missed.
const quick = 2

// A Scope is what a reader has read. The zero Scope is everything.
type Scope struct {
	// From and To limit what must have been told, From <= At < To. What happened less than a second before From, or at
	// To or after, may have been told. Zero: no limit.
	From, To time.Time
	// Seen is when the reader read everything for the last time: what became visible later need not have been told.
	Seen time.Time
	// States are those that were read; none: all.
	States []attempt.State
	// Gaps says that some seconds may have been read later than those around them, since they could not be read before or
	// since states were apart. Every change may then have come late.
	Gaps bool
	// Resolution is what the API's windows can tell apart.
	Resolution Resolution
}

// An Expectation is an event that may be told.
type Expectation struct {
	ID     int64
	Status attempt.Status
	State  attempt.State
	// Times are when the invitation took, or took again, the status in a row; the window contains one of them.
	Times []time.Time
	// Required is set if it must be told. Of several with the same id and status, the number counts.
	Required bool
	// Late is set if the event may say that it is late.
	Late bool
	// ComeBack is set if the status had been taken before.
	ComeBack bool

	firm bool // no late arrival and nothing quick has a part in it
}

// A LetterExpectation is a dead letter that may be told.
type LetterExpectation struct {
	State    attempt.State
	Raw      string
	Required bool
	Times    []time.Time
}

// Expected is what an account's reader may and must have told.
type Expected struct {
	Account attempt.Account
	// Invitations are the events of each, in the contract's order.
	Invitations map[int64][]Expectation
	Letters     []LetterExpectation

	others map[int64][][]Expectation // orders that are right as well, where there are any
}

// Required is how many events must be told.
func (e *Expected) Required() int {
	n := 0
	for _, row := range e.Invitations {
		for i := range row {
			if row[i].Required {
				n++
			}
		}
	}
	return n
}

// certainty is how sure it is that a reader has seen a change.
type certainty int

const (
	perhaps certainty = iota // it may not have seen it at all
	anyTime                  // it has, but perhaps after it had read what happened later
	inTime                   // it has, when it read that second for the first time
)

func (s *Scope) certainty(e *Entry) (c certainty, outside bool) {
	if !s.From.IsZero() && e.At.Before(s.From.Add(-attempt.Overlap)) ||
		len(s.States) > 0 && !slices.Contains(s.States, e.State) {
		return perhaps, true
	}
	switch {
	case e.Unsure, e.Class == Either,
		!s.From.IsZero() && e.At.Before(s.From), !s.To.IsZero() && !e.At.Before(s.To),
		!s.Seen.IsZero() && e.Visible.After(s.Seen):
		return perhaps, false
	case s.Gaps || e.late():
		return anyTime, false
	}
	return inTime, false
}

// Expect says what must have been told of the entries, which are of one account, by a reader that has read scope.
func Expect(entries []Entry, scope Scope) *Expected {
	out := &Expected{Invitations: map[int64][]Expectation{}, others: map[int64][][]Expectation{}}
	changes := map[int64][]change{}
	letters := map[LetterKey]int{}
	for i := range entries {
		e := &entries[i]
		out.Account = e.Account
		c, outside := scope.certainty(e)
		if outside || e.Status == Pending && e.Class == Event {
			continue
		}
		if e.Class != Letter {
			changes[e.ID] = append(changes[e.ID], change{e, c, scope.Gaps || e.late()})
		}
		if e.Class != Event {
			key := LetterKey{e.State, e.Raw}
			n, ok := letters[key]
			if !ok {
				n = len(out.Letters)
				letters[key] = n
				out.Letters = append(out.Letters, LetterExpectation{State: e.State, Raw: e.Raw})
			}
			l := &out.Letters[n]
			l.Required = l.Required || c > perhaps
			l.Times = append(l.Times, e.At)
		}
	}
	for id, row := range changes {
		orders := rows(row, scope.Resolution)
		out.Invitations[id] = orders[0]
		if len(orders) > 1 {
			out.others[id] = orders[1:]
		}
	}
	return out
}

type change struct {
	*Entry
	certainty certainty
	mayBeLate bool
}

// expectRow turns one invitation's changes, in the order of k, into its events. After a status that was told late, the
// last event that is not late may have another one; so the same status, taken again, may be told again.
func expectRow(row []change, k key) []Expectation {
	firm, sure := firmRuns(row, k)
	others := slices.ContainsFunc(row, func(c change) bool { return c.Status != row[0].Status })
	var out []Expectation
	seen := map[attempt.Status]bool{}
	atLeast, once := map[attempt.Status]int{}, map[attempt.Status]bool{}
	for i, c := range row {
		if n := len(out); i == 0 || row[i-1].Status != c.Status || others && out[n-1].Late {
			out = append(out, Expectation{ID: c.ID, Status: c.Status, State: c.State, ComeBack: seen[c.Status]})
			seen[c.Status] = true
		}
		last := &out[len(out)-1]
		last.Times = append(last.Times, c.At)
		last.Late = last.Late || c.mayBeLate
		last.firm = last.firm || firm[i]
		if sure[i] {
			atLeast[c.Status]++
		}
		if c.certainty > perhaps {
			once[c.Status] = true
		}
	}
	for status := range once {
		atLeast[status] = max(1, atLeast[status])
	}
	for _, firmFirst := range []bool{true, false} {
		for i := range out {
			if e := &out[i]; !e.Required && (e.firm || !firmFirst) && atLeast[e.Status] > 0 {
				e.Required = true
				atLeast[e.Status]--
			}
		}
	}
	return out
}

// firmRuns marks the changes with which, at the least, a new status begins, whatever of the rest was not seen in time:
// leaving changes out of a row never makes more statuses of it. Where an invitation is back in a status within the quick
// time, no window shows the order of what happened from the first to the second, so nothing of that is firm.
//
// sure are those that must have been told, in any order: the firm ones, and the first ones of their status.
func firmRuns(row []change, k key) (firm, sure []bool) {
	loose := make([]bool, len(row))
	lastOf := map[attempt.Status]int{}
	for i, c := range row {
		// A late arrival may have been seen in time after all, and then is part of what happened quickly.
		if last, had := lastOf[c.Status]; had && last < i-1 && k(c.At)/2-k(row[last].At)/2 <= quick {
			for j := last; j <= i; j++ {
				loose[j] = true
			}
		}
		lastOf[c.Status] = i
	}
	firm = make([]bool, len(row))
	sure = make([]bool, len(row))
	told := map[attempt.Status]bool{}
	mayBe := map[attempt.Status]bool{} // the status before, or those of which one was
	for i, c := range row {
		if c.certainty != inTime {
			continue
		}
		if !loose[i] {
			firm[i] = !mayBe[c.Status]
			clear(mayBe)
		}
		sure[i] = firm[i] || !told[c.Status]
		told[c.Status], mayBe[c.Status] = true, true
	}
	return firm, sure
}
