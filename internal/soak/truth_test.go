//go:build linux

package soak_test

import (
	"fmt"
	"time"

	"attemptstream/internal/attempt"
	"attemptstream/internal/imochasim/ledger"
	"attemptstream/internal/witness"
)

// A truth is how the events compare with what happened.
type truth struct {
	required, told, late, letters int
	apart                         int // invitations of which it only fits if their states were read apart from each other
	problems                      []string
}

// truth compares what was told with what happened until a time, as soon as it can be: the workers are still at work, and
// what the API shows late is found when that time is read once more.
func (w *world) truth(to time.Time) truth {
	w.t.Helper()
	shown := to.Add(w.lateBy)
	w.pause(w.t.Context(), time.Until(shown))
	for until := time.Now().Add(patience); ; {
		found := w.compare(to, shown)
		if len(found.problems) == 0 || time.Now().After(until) {
			return found
		}
		w.pause(w.t.Context(), 2*time.Second)
	}
}

// compare reads the events and holds them to what happened until a time. What was shown by seen has been read.
//
// While the API comes and goes, one state may be read some seconds after the others, and its events are then late, though
// the API was not. Where and when is not known here, so everything is held to have been read in time first, and only what
// cannot have been is held to what may be told after a gap. That excuses no event that is missing, or is one too many.
func (w *world) compare(to, seen time.Time) (found truth) {
	w.t.Helper()
	all := witness.AllEvents(w.t, w.cluster.Addrs(), topic)
	for _, name := range accounts() {
		entries, scope := w.api.Ledger(attempt.Account(name)), ledger.Scope{From: w.since, To: to, Seen: seen, Resolution: ledger.Apart}
		expected := ledger.Expect(entries, scope)
		observed := all[attempt.Account(name)]
		found.required += expected.Required()
		found.told += len(observed)
		for _, o := range observed {
			if o.Late {
				found.late++
			}
		}
		problems := ledger.Check(expected, observed)
		scope.Gaps = true
		wrong := map[int64]bool{} // also after a gap
		if len(problems) > 0 {
			for _, p := range ledger.Check(ledger.Expect(entries, scope), observed) {
				wrong[p.ID] = true
			}
		}
		excused := map[int64]bool{}
		for _, p := range problems {
			switch p.Kind {
			case ledger.NotLate, ledger.Order, ledger.LastStatus:
				if !wrong[p.ID] {
					excused[p.ID] = true
					continue
				}
			}
			found.problems = append(found.problems, fmt.Sprintf("account %s: %s", name, p))
		}
		found.apart += len(excused)
		letters := witness.Letters(w.t, w.cluster.Addrs(), topic+".dlq", attempt.Account(name))
		found.letters += len(letters)
		for _, p := range ledger.CheckLetters(expected, letters) {
			found.problems = append(found.problems, fmt.Sprintf("account %s: dead letter: %s", name, p))
		}
	}
	return found
}
