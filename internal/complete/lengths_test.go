package complete_test

import (
	"context"
	"reflect"
	"testing"
	"time"

	"attemptstream/internal/attempt"
	"attemptstream/internal/complete"
	"attemptstream/internal/imocha"
	"attemptstream/internal/schedule"
)

func letter(i int) string {
	const letters = "abcdefghijklmnopqrstuvwxyz"
	return letters[i%len(letters):][:1]
}

// lengthy is a reader of answers of n entries, each with as many members.
func lengthy(n *int, members int) *complete.Reader {
	e := imocha.Entry{Attempt: attempt.Attempt{ID: 1, Status: "Completed", Size: 2}}
	return &complete.Reader{Longest: 4000, Now: time.Now,
		Request: func(_ context.Context, _ attempt.State, _ attempt.Window, begin func() func(*imocha.Entry) error) error {
			take := begin()
			for i := range *n {
				e.Attempt.Additional = e.Attempt.Additional[:0]
				for j := range members {
					e.Attempt.Additional = append(e.Attempt.Additional, attempt.Member{Name: letter(i), Value: letter(j)})
				}
				if err := take(&e); err != nil {
					return err
				}
				clear(e.Attempt.Additional)
			}
			return nil
		}}
}

// Answers that are about as long as the last one of their state take memory once, for the attempts and for the members of many.
func TestAnswersOfLikelyLength(t *testing.T) {
	for members := range 3 {
		n := 1000
		r := lengthy(&n, members)
		ask := func(state attempt.State) float64 {
			return testing.AllocsPerRun(1, func() { // which asks twice, and counts the second time
				a, err := r.Ask(t.Context(), state, schedule.Span{From: 1000, Until: 2000})
				if err != nil || len(a.Attempts) != n || cap(a.Attempts) > 2*n+1 {
					t.Fatal(err, len(a.Attempts), cap(a.Attempts))
				}
			})
		}
		ask(attempt.Completed)
		n = 1050
		if allocs := ask(attempt.Completed); allocs > 16 { // some are of memory that is used again later
			t.Errorf("%d members: %v allocations for %d entries", members, allocs, n)
		}
		n = 10 // the first time there is room for more than is needed
		if _, err := r.Ask(t.Context(), attempt.Completed, schedule.Span{From: 1000, Until: 2000}); err != nil {
			t.Fatal(err)
		}
		ask(attempt.Completed)
		n = 0
		ask(attempt.Expired)
	}
}

// A second that is longer than all that is usual does not make the next answers take as much memory.
func TestALongSecondIsNotLikely(t *testing.T) {
	t.Parallel()
	n := 100_000
	r := lengthy(&n, 0)
	if a, err := r.Ask(t.Context(), attempt.Completed, schedule.Span{From: 1000, Until: 1001}); err != nil || a.Length != n {
		t.Fatal(a, err)
	}
	n = 1
	if a, err := r.Ask(t.Context(), attempt.Completed, schedule.Span{From: 1000, Until: 1001}); err != nil || cap(a.Attempts) > r.Longest+1 {
		t.Error(cap(a.Attempts), err)
	}
}

// What is kept of an attempt is its own: neither what the client does with its entry later nor what is appended changes it.
func TestMembersAreKept(t *testing.T) {
	t.Parallel()
	n := 3000
	r := lengthy(&n, 2)
	a, err := r.Ask(t.Context(), attempt.Completed, schedule.Span{From: 1000, Until: 2000})
	if err != nil {
		t.Fatal(err)
	}
	for i := range a.Attempts {
		_ = append(a.Attempts[i].Additional, attempt.Member{Name: "not its own"})
	}
	for i := range a.Attempts {
		name := letter(i)
		if want := []attempt.Member{{Name: name, Value: "a"}, {Name: name, Value: "b"}}; !reflect.DeepEqual(a.Attempts[i].Additional, want) {
			t.Fatalf("attempt %d has %v", i, a.Attempts[i].Additional)
		}
	}
}
