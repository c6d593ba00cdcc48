package ledger

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"attemptstream/internal/attempt"
)

// CheckReplay lists what is wrong with the events of one replay of the time from from up to, not including, to: every
// invitation and status of an entry in that time has to be told once, under its first eventId. What happened up to a second
// before or after it may be told. required is how many had to be. No states means all.
func CheckReplay(
	entries []Entry, observed []Observed, id string, from, to time.Time, states ...attempt.State,
) (problems []Problem, told, required int) {
	type telling struct {
		id     int64
		status attempt.Status
	}
	may := map[telling]bool{} // and whether it must
	var account attempt.Account
	for i := range entries {
		e := &entries[i]
		account = e.Account
		t := telling{e.ID, e.Status}
		if e.Class == Letter || e.Status == Pending || len(states) > 0 && !slices.Contains(states, e.State) ||
			e.At.Before(from.Add(-attempt.Overlap)) || e.At.After(to.Add(attempt.Overlap)) {
			continue
		}
		must := !e.At.Before(from) && e.At.Before(to) && e.Class == Event && !e.Unsure
		may[t] = may[t] || must
	}
	seen := map[telling]int{}
	for i := range observed {
		o := &observed[i]
		if o.ReplayID != id {
			continue
		}
		told++
		t := telling{o.ID, o.Status}
		seen[t]++
		if _, ok := may[t]; !ok {
			problems = append(problems, Problem{Unexpected, o.ID, o.Status, o.EventID + " is not of the replay's range"})
		}
		if first := FirstEventID(account, o.ID, o.Status); o.EventID != first {
			problems = append(problems, Problem{WrongID, o.ID, o.Status, o.EventID + " is replayed, want " + first})
		}
	}
	for t, n := range seen {
		if n > 1 {
			problems = append(problems, Problem{Twice, t.id, t.status, fmt.Sprintf("replayed %d times", n)})
		}
	}
	for t, must := range may {
		if must {
			required++
			if seen[t] == 0 {
				problems = append(problems, Problem{Missing, t.id, t.status, "not replayed"})
			}
		}
	}
	slices.SortFunc(problems, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.ID, b.ID), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Status, b.Status))
	})
	return problems, told, required
}
