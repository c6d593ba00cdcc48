package audit_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"attemptstream/internal/attempt"
	"attemptstream/internal/brokertest"
	"attemptstream/internal/imochasim"
	"attemptstream/internal/operate/audit"
)

// Attempts at an edge, a second or less before and after it, belong to one of the two ranges that meet there, whichever
// ends of a window the API takes as its own; and what lies beyond the edges of what is covered is never missing.
func TestEdges(t *testing.T) {
	t.Parallel()
	for _, b := range imochasim.Boundaries() {
		t.Run(b.String(), func(t *testing.T) {
			t.Parallel()
			brokers := brokertest.Embedded(t)
			end := ago(time.Hour)
			start := end.Add(-2 * time.Hour)
			edge := end.Add(-time.Hour)
			w := newWorld(t, brokers, imochasim.Config{Boundary: b}, start, end)
			id := int64(1000)
			put := func(at time.Time, status attempt.Status) int64 {
				t.Helper()
				id++
				if err := w.sim.Add(string(account), imochasim.Change{ID: id, Status: status, At: at}); err != nil {
					t.Fatal(err)
				}
				return id
			}
			for i := range 200 { // something that is told
				put(start.Add(time.Duration(i)*36*time.Second), "Completed")
			}
			var before, at, after []string
			hidden := map[int64]bool{}
			for half := -4; half <= 4; half++ {
				d := time.Duration(half) * time.Second / 2
				n := put(edge.Add(d), "Testleft")
				hidden[n] = true
				name := fmt.Sprintf("%d:Testleft", n)
				switch {
				case half < 0:
					before = append(before, name)
				case half == 0:
					at = append(at, name)
				default:
					after = append(after, name)
				}
			}
			w.tell()
			holed := w.copy(func(records []*kgo.Record) []*kgo.Record {
				return without(records, func(r *kgo.Record) bool { e := parse(t, r); return hidden[e.Attempt.TestInvitationID] })
			})
			older, younger := before, append(at, after...)
			if b == imochasim.ExclusiveStart { // its seconds end with the whole ones
				older, younger = append(before, at...), after
			}
			middle := attempt.InstantOf(edge)
			holed.audit(w.schedule.Start, middle).wants(t, audit.Missing, older...)
			holed.audit(middle, w.schedule.Stop).wants(t, audit.Missing, younger...)
			holed.audit(middle-1, middle+1, func(c *audit.Config) { c.WindowMax = 2 * time.Second }) // does not panic
			if f := holed.audit(w.schedule.Start, w.schedule.Stop); len(f.of(audit.Missing)) != len(hidden) {
				t.Errorf("%d of %d are found:\n%s", len(f.of(audit.Missing)), len(hidden), f.table)
			}
			// What happens beyond the coverage is not missing, though windows at its edges show some of it.
			for _, d := range []time.Duration{-1500, -1000, -500} {
				put(start.Add(d*time.Millisecond), "Expired")
			}
			outside := []time.Duration{0, 500, 1000, 1500}
			if b == imochasim.ExclusiveStart {
				outside = outside[1:]
			}
			for _, d := range outside {
				put(end.Add(d*time.Millisecond), "Expired")
			}
			w.audit(w.schedule.Start, w.schedule.Stop).clean(t)
			f := w.audit(w.schedule.Start-3600, w.schedule.Stop+600)
			f.clean(t)
			if len(f.NotCovered) != 6 {
				t.Errorf("not covered: %v", f.NotCovered)
			}
		})
	}
}
