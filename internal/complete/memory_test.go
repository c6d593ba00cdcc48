package complete_test

import (
	"context"
	"runtime"
	"testing"
	"time"

	"attemptstream/internal/attempt"
	"attemptstream/internal/complete"
	"attemptstream/internal/imocha"
	"attemptstream/internal/schedule"
)

// What is kept of a second that cannot be divided is bounded by the memory that it takes, not by its text alone: of entries
// and members with next to no text, an endless answer would have millions.
func TestMemoryOfASecond(t *testing.T) {
	const most = 16 << 20
	second := schedule.Span{From: 1000, Until: 1001}
	members := make([]attempt.Member, 10_000)
	for i := range members {
		members[i] = attempt.Member{Name: "a", Value: "0"}
	}
	for name, e := range map[string]imocha.Entry{
		"short entries": {Malformed: &attempt.Malformed{Raw: "1", Reason: "it is not an object"}},
		"many members":  {Attempt: attempt.Attempt{Size: 2 + 6*len(members), Additional: members}},
		"much text":     {Attempt: attempt.Attempt{Size: 1 << 20}},
	} {
		for _, endless := range []bool{true, false} {
			kept := 0
			r := &complete.Reader{Longest: 10, Now: time.Now, Request: func(_ context.Context, _ attempt.State, _ attempt.Window, begin func() func(*imocha.Entry) error) error {
				each := begin()
				for n := 0; endless || n < 15; n++ {
					kept++
					if err := each(&e); err != nil {
						return err
					}
				}
				return nil
			}}
			complete.Most(r, most)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err := r.Ask(t.Context(), attempt.Completed, second)
			runtime.ReadMemStats(&after)
			if (err != nil) != endless {
				t.Errorf("%s, endless %v: %v", name, endless, err)
			}
			// The text is the same one here; slices that grow leave some behind.
			if grown := after.TotalAlloc - before.TotalAlloc; grown > 8*most {
				t.Errorf("%s: %d entries took %d MiB", name, kept, grown>>20)
			}
		}
	}
}
