package worker_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"attemptstream/internal/attempt"
	"attemptstream/internal/brokertest"
	"attemptstream/internal/imochasim"
	"attemptstream/internal/imochasim/ledger"
)

// A state that was added later is read in windows of hours, each of which shows invitations that came back to it from a state
// that is ahead. What a window shows of them does not tell that they did; that they are told twice must not hang on where
// the windows happen to end.
func TestComeBacksInStateBehind(t *testing.T) {
	t.Parallel()
	const hours = 8
	var poisoned []imochasim.Poisoned // in a state that is ahead, between the two times in the one that is not
	for h := 3; h <= hours; h++ {
		second := attempt.InstantOf(day.Add(time.Duration(h)*time.Hour + 10*time.Minute))
		poisoned = append(poisoned, imochasim.Poisoned{State: attempt.Completed, Second: second})
	}
	for name, test := range map[string]struct {
		cap, others, attempts int
		faults                imochasim.Faults
		of                    int // so many requests for what is ahead one is answered; 0: all are
	}{
		"well":                                 {attempts: 1000},
		"what is ahead fails often":            {attempts: 1000, of: 3},
		"what is ahead cannot be read":         {attempts: 1000, faults: imochasim.Faults{Poisoned: poisoned}},
		"what is ahead is longer than the cap": {attempts: 1000, cap: 20, others: 30},
		"what is ahead is too long":            {attempts: 10, others: 50},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			api := imochasim.Config{Boundary: imochasim.ExclusiveEnd, Cap: test.cap}
			w := newWorld(t, brokertest.Embedded(t), api, day, day.Add((hours+1)*time.Hour))
			w.schedule.WindowAttempts = test.attempts
			add := func(c imochasim.Change) {
				if err := w.sim.Add(string(account), c); err != nil {
					t.Fatal(err)
				}
			}
			var want []string
			for h := range hours {
				at := day.Add(time.Duration(h+1) * time.Hour)
				for i, status := range []attempt.Status{"Expired", "Completed", "Expired"} {
					add(imochasim.Change{ID: int64(h), Status: status, At: at.Add(time.Duration(i) * 10 * time.Minute)})
				}
				for i := range test.others { // an answer that is cut shows these, which come first
					id := int64(1000 + h*test.others + i)
					add(imochasim.Change{ID: id, Status: "Completed", At: at.Add(time.Duration(i) * 10 * time.Second)})
					want = append(want, fmt.Sprintf("%d Completed", id))
				}
				want = append(want, fmt.Sprintf("%d Completed", h), fmt.Sprintf("%d Expired late", h), fmt.Sprintf("%d Expired late back", h))
			}
			w.schedule.States = []attempt.State{attempt.Completed, attempt.Cancelled}
			w.read()
			var mu sync.Mutex
			whole, ahead := 0, 0 // windows that hold all that happened to one, requests for what is ahead
			faults := test.faults
			faults.Script = func(_ int, r imochasim.Request) (f imochasim.Fault) {
				mu.Lock()
				defer mu.Unlock()
				switch first := r.Start.Time().Truncate(time.Hour).Add(time.Hour); {
				case r.State == attempt.Completed:
					if ahead++; test.of > 0 && ahead%test.of != 0 {
						f.Kind = imochasim.Internal
					}
				case r.State == attempt.Expired && r.End.Time().After(first.Add(20*time.Minute)):
					whole++
				}
				return f
			}
			if err := w.sim.SetFaults(faults); err != nil {
				t.Fatal(err)
			}
			w.schedule.States = attempt.States()
			w.read()
			scope := w.scope()
			scope.Gaps = true
			events := w.events()
			w.verifyEvents(scope, events)
			var got []string
			for _, e := range events {
				line := fmt.Sprintf("%d %s", e.ID, e.Status)
				if e.Late {
					line += " late"
				}
				if e.EventID != ledger.FirstEventID(account, e.ID, e.Status) {
					line += " back"
				}
				got = append(got, line)
			}
			slices.Sort(got)
			slices.Sort(want)
			if !slices.Equal(got, want) {
				t.Errorf("told were\n%q\nwant\n%q", got, want)
			}
			if whole == 0 {
				t.Error("no window held all that happened to one: the test shows nothing")
			}
		})
	}
}
