package complete_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"attemptstream/internal/attempt"
	"attemptstream/internal/complete"
	"attemptstream/internal/imocha"
	"attemptstream/internal/schedule"
)

// An api shows entries at instants, as an API with given habits does.
type api struct {
	at         map[attempt.Instant]int // how many entries there are
	start, end bool                    // whether a window's ends belong to it
	most       int                     // entries of an answer
	newest     bool                    // and which of them are kept
	requests   int
}

func (a *api) request(_ context.Context, state attempt.State, w attempt.Window, begin func() func(*imocha.Entry) error) error {
	a.requests++
	var ids []int64
	for i := w.Start; i <= w.End; i++ {
		if i == w.Start && !a.start || i == w.End && !a.end {
			continue
		}
		for n := range a.at[i] {
			ids = append(ids, int64(i)*1000+int64(n))
		}
	}
	if cut := len(ids) - a.most; cut > 0 && a.newest {
		ids = ids[cut:]
	} else if cut > 0 {
		ids = ids[:a.most]
	}
	take := begin()
	for _, id := range ids {
		if err := take(&imocha.Entry{Attempt: attempt.Attempt{ID: id, Status: "Completed", Size: 2}}); err != nil {
			return err
		}
	}
	return nil
}

// A second that is not longer than the cap is told whole, whatever lies beside it, as long as the API takes any end of a
// window as inclusive; and where nothing is missing it is not doubted.
func TestSecondBesideOthers(t *testing.T) {
	t.Parallel()
	const second = attempt.Instant(1_800_000_000)
	for _, ends := range []string{"[]", "[)", "(]", "()"} {
		for _, newest := range []bool{false, true} {
			for _, c := range []struct {
				name                string
				before, own, beside int
				most                int
				doubt               bool
			}{
				{"bursts beside it", 30, 25, 30, 40, true},
				{"too much in three seconds, and not in two", 15, 20, 15, 40, false},
				{"all of it below the cap", 12, 12, 12, 1000, false},
				{"alone in its window", 0, 20, 0, 1000, true}, // a half is as long as the whole
				{"longer than the cap", 5, 60, 5, 40, true},
			} {
				t.Run(fmt.Sprintf("%s %s newest %t", c.name, ends, newest), func(t *testing.T) {
					t.Parallel()
					a := &api{at: map[attempt.Instant]int{second - 1: c.before, second: c.own, second + 1: c.beside},
						start: ends[0] == '[', end: ends[1] == ']', most: c.most, newest: newest}
					r := complete.Reader{Request: a.request, Longest: 4000, Now: time.Now}
					answer, finding, err := r.Read(t.Context(), attempt.Completed, schedule.Span{From: second, Until: second + 1})
					if err != nil {
						t.Fatal(err)
					}
					own := 0
					var ids []int64
					for i := range answer.Attempts {
						ids = append(ids, answer.Attempts[i].ID)
						if answer.Attempts[i].ID/1000 == int64(second) {
							own++
						}
					}
					if slices.Sort(ids); len(slices.Compact(slices.Clone(ids))) != len(ids) || answer.Length != len(ids) {
						t.Errorf("%d entries, of length %d, some of them twice", len(ids), answer.Length)
					}
					if want := min(c.own, c.most); own != want {
						t.Errorf("%d entries of the second are shown, want %d", own, want)
					}
					doubtful := finding == complete.Doubtful
					if doubtful != answer.Doubtful || finding != complete.Whole && !doubtful {
						t.Errorf("finding %d, doubtful %t", finding, answer.Doubtful)
					}
					// Where only one end belongs to a window, or none, halves of it show no less or nothing.
					if ends == "[]" && doubtful != c.doubt {
						t.Errorf("doubtful is %t, want %t", doubtful, c.doubt)
					}
					if own < c.own && !doubtful {
						t.Error("it was cut, and is not doubted")
					}
				})
			}
		}
	}
}
