package dedupe_test

import (
	"fmt"
	"testing"

	"attemptstream/internal/attempt"
	"attemptstream/internal/dedupe"
)

// An invitation that goes from one status to another and back has the first one again, whichever form its block has, and
// again when it has been recovered.
func TestComeBack(t *testing.T) {
	t.Parallel()
	for _, ids := range []int64{1, 20, 2000} { // neighbors: a lone id, some, and many
		t.Run(fmt.Sprint(ids), func(t *testing.T) {
			t.Parallel()
			x, log := dedupe.New(), map[int64][]byte{}
			for _, told := range []struct {
				status      attempt.Status
				first, then dedupe.Standing // of "Expired" and of "Completed", afterwards
			}{
				{"Expired", dedupe.Standing{Told: true}, dedupe.Standing{Others: true}},
				{"Completed", dedupe.Standing{Told: true, Superseded: true, Others: true}, dedupe.Standing{Told: true}},
				{"Expired", dedupe.Standing{Told: true}, dedupe.Standing{Told: true, Superseded: true, Others: true}},
				{"Completed", dedupe.Standing{Told: true, Superseded: true, Others: true}, dedupe.Standing{Told: true}},
			} {
				for id := range ids {
					x.Tell(id, told.status)
				}
				persist(t, x, log)
				x.Commit()
				for _, x := range []*dedupe.Index{x, recovered(t, log)} {
					for id := range ids {
						first, then := x.Look(id, "Expired"), x.Look(id, "Completed")
						if first != told.first || then != told.then {
							t.Fatalf("%d, told %s: Expired %+v, Completed %+v", id, told.status, first, then)
						}
					}
				}
			}
		})
	}
}
