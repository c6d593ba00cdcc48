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
func (w *world) compare(to, seen time.Time) (found truth) {
	w.t.Helper()
	all := witness.AllEvents(w.t, w.cluster.Addrs(), topic)
	for _, name := range accounts() {
		expected := ledger.Expect(w.happened(name), ledger.Scope{From: w.since, To: to, Seen: seen, Resolution: ledger.Apart})
		observed := all[attempt.Account(name)]
		found.required += expected.Required()
		found.told += len(observed)
		for _, o := range observed {
			if o.Late {
				found.late++
			}
		}
		for _, p := range ledger.Check(expected, observed) {
			found.problems = append(found.problems, fmt.Sprintf("account %s: %s", name, p))
		}
		letters := witness.Letters(w.t, w.cluster.Addrs(), topic+".dlq", attempt.Account(name))
		found.letters += len(letters)
		for _, p := range ledger.CheckLetters(expected, letters) {
			found.problems = append(found.problems, fmt.Sprintf("account %s: dead letter: %s", name, p))
		}
	}
	return found
}
