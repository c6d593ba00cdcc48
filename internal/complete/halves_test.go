package complete_test

import (
	"context"
	"testing"
	"time"

	"attemptstream/internal/attempt"
	"attemptstream/internal/complete"
	"attemptstream/internal/imocha"
	"attemptstream/internal/schedule"
)

// What an answer and those of its halves show is compared as sets: an entry may be shown twice, and neither hides another one
// nor counts as one.
func TestHalvesAreComparedAsSets(t *testing.T) {
	t.Parallel()
	ids := func(from, until int64, more ...int64) []int64 {
		for id := from; id < until; id++ {
			more = append(more, id)
		}
		return more
	}
	for name, test := range map[string]struct {
		whole, again, older, younger []int64 // ids; negative ones are of entries that are malformed
		want                         complete.Finding
		length                       int // that is proven
	}{
		"the same":                            {ids(1, 16), nil, ids(1, 9), ids(8, 16), complete.Whole, 15},
		"malformed ones too":                  {ids(1, 12, -1, -2), nil, ids(1, 9, -1), ids(9, 12, -2), complete.Whole, 13},
		"some twice":                          {ids(1, 12, 3, 3, -1, -1), nil, ids(1, 9, -1, -1), ids(8, 12), complete.Whole, 15},
		"one twice instead of another":        {ids(1, 12, 3), ids(1, 12, 3), ids(1, 9), ids(9, 13), complete.Cut, 0},
		"a malformed one instead of another":  {ids(1, 12, -1, -1), ids(1, 12, -1, -1), ids(1, 9, -1), ids(9, 12, -2), complete.Cut, 0},
		"more in a half":                      {ids(1, 12), ids(1, 12), ids(1, 9), ids(9, 14), complete.Cut, 0},
		"one that a half does not show":       {ids(1, 13), ids(1, 13), ids(1, 9), ids(9, 12), complete.Changed, 0},
		"one that has come since":             {ids(1, 12), ids(1, 13), ids(1, 9), ids(9, 13), complete.Whole, 12},
		"one that has gone since":             {ids(1, 13), ids(1, 12), ids(1, 9), ids(9, 12), complete.Whole, 11},
		"one that has come twice, and others": {ids(1, 12), ids(1, 12, 3), ids(1, 9), ids(9, 13), complete.Changed, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			span := schedule.Span{From: 1000, Until: 2000}
			older, younger := span.Halves()
			answers := map[attempt.Window][][]int64{span.Window(): {test.whole, test.again}, older.Window(): {test.older}, younger.Window(): {test.younger}}
			r := complete.Reader{Longest: 4000, Now: time.Now, Request: func(_ context.Context, _ attempt.State, w attempt.Window, begin func() func(*imocha.Entry) error) error {
				shown := answers[w][0]
				answers[w] = answers[w][1:]
				take := begin()
				for _, id := range shown {
					e := imocha.Entry{Attempt: attempt.Attempt{ID: id, Status: "Completed"}}
					if id < 0 {
						e.Malformed = &attempt.Malformed{Raw: string(rune('a' - id))}
					}
					if err := take(&e); err != nil {
						return err
					}
				}
				return nil
			}}
			a, finding, err := r.Read(t.Context(), attempt.Completed, span)
			if err != nil || finding != test.want || r.Trust.Known().Proven != test.length {
				t.Fatalf("%v: finding %d, want %d, proven %d, want %d", err, finding, test.want, r.Trust.Known().Proven, test.length)
			}
			want := test.whole
			if left := len(answers[span.Window()]); left == 0 { // it was asked for once more
				want = test.again
			}
			if len(a.Attempts)+len(a.Malformed) != len(want) || a.Length != len(want) {
				t.Errorf("%d attempts, %d malformed, of %d, want %d", len(a.Attempts), len(a.Malformed), a.Length, len(want))
			}
		})
	}
}
