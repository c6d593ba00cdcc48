package audit_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"attemptstream/internal/attempt"
	"attemptstream/internal/brokertest"
	"attemptstream/internal/imochasim"
	"attemptstream/internal/operate/audit"
)

// lives is a busy half day with a little of everything.
func lives(seed uint64) imochasim.Lives {
	l := imochasim.DefaultLives(seed)
	l.TimeToComplete, l.Expiry, l.TimeToResend = time.Hour, 3*time.Hour, time.Hour
	l.Malformed = .02
	return l
}

// A topic that a worker has filled is clean, whatever the API takes as the ends of a window and wherever the range begins
// and ends.
func TestClean(t *testing.T) {
	t.Parallel()
	for i, b := range imochasim.Boundaries() {
		t.Run(b.String(), func(t *testing.T) {
			brokertest.OnBoth(t, func(t *testing.T, brokers []string) {
				const hours = 3
				end := ago(time.Hour)
				w := newWorld(t, brokers, imochasim.Config{Boundary: b, Duplicates: .02, Seed: uint64(i)}, end.Add(-hours*time.Hour), end)
				w.populate(lives(uint64(i)))
				w.tell()
				f := w.audit(w.schedule.Start, w.schedule.Stop)
				f.clean(t)
				told := w.told()
				letters := int64(0)
				for _, l := range f.Letters {
					letters += l.Told
				}
				if f.Totals.Told != int64(len(told)) || letters != int64(len(w.records(w.layout.DLQ.Name))) || letters == 0 || len(f.NotCovered) > 0 {
					t.Errorf("%d told and %d letters, want %d and all; not covered: %v", f.Totals.Told, letters, len(told), f.NotCovered)
				}
				again := w.audit(w.schedule.Start, w.schedule.Stop)
				if again.Digests != f.Digests {
					t.Errorf("the second digest is %v, the first %v", again.Digests, f.Digests)
				}
				// Ranges that begin and end where something happens.
				var edges []attempt.Instant
				for _, e := range w.sim.Ledger(string(account)) {
					if at := attempt.InstantOf(e.At); at-1800 >= w.schedule.Start && at+1800 <= w.schedule.Stop && e.At.Nanosecond() == 0 {
						edges = append(edges, at)
					}
				}
				for n := range 3 {
					at := edges[len(edges)*n/3]
					for _, r := range [][2]attempt.Instant{{at - 1800, at}, {at, at + 1800}} {
						f := w.audit(r[0], r[1])
						f.clean(t)
						f.wants(t, audit.NotShown) // not what lies outside, in windows that reach beyond the range
					}
				}
			})
		})
	}
}

// Whatever every tenth request runs into, what must not simply be tried again among it, nothing seems to be missing.
func TestCleanWithFaults(t *testing.T) {
	brokertest.OnBoth(t, func(t *testing.T, brokers []string) {
		end := ago(time.Hour)
		w := newWorld(t, brokers, imochasim.Config{Boundary: imochasim.Exclusive, Seed: 4}, end.Add(-4*time.Hour), end)
		w.populate(lives(4))
		w.tell()
		if err := w.sim.SetFaults(imochasim.EveryFault(.1)); err != nil {
			t.Fatal(err)
		}
		before := w.sim.Stats().Requests["ok"]
		w.timeout = time.Second // some requests hang
		w.audit(w.schedule.Start, w.schedule.Stop, func(c *audit.Config) { c.WindowMax, c.Patience = 8*time.Minute, patience }).clean(t)
		kinds := 0
		for kind := range w.sim.Stats().Requests {
			if strings.HasPrefix(kind, "fault") {
				kinds++
			}
		}
		if ok := w.sim.Stats().Requests["ok"] - before; kinds < 8 || ok < 90 {
			t.Errorf("%d kinds of faults beside %d answers: want more", kinds, ok)
		}
	})
}

// Answers that are cut without a word are no reason for anything to seem missing.
func TestCleanWithCap(t *testing.T) {
	t.Parallel()
	for _, newest := range []bool{false, true} {
		t.Run(map[bool]string{false: "the oldest are kept", true: "the newest are kept"}[newest], func(t *testing.T) {
			brokertest.OnBoth(t, func(t *testing.T, brokers []string) {
				end := ago(time.Hour)
				const limit = 60
				w := newWorld(t, brokers, imochasim.Config{Cap: limit, CapNewest: newest}, end.Add(-2*time.Hour), end)
				l := lives(7)
				l.PerDay, l.BurstSize, l.BurstsPerDay = 2000, 80, 60
				w.populate(l)
				w.tell()
				f := w.audit(w.schedule.Start, w.schedule.Stop)
				// Which part of a burst within a second is shown depends on what is asked for, and that on how soon answers come: the worker
				// may have seen another part of it than the audit.
				missing := f.of(audit.Missing)
				for _, entry := range missing {
					if !w.bursts(entry, limit) {
						t.Errorf("%s is missing, and no answer need have been cut where it happened:\n%s", entry, f.table)
					}
				}
				if len(missing) == 0 {
					f.clean(t)
				}
				if len(f.Doubtful) == 0 {
					t.Error("no second of a burst is called doubtful")
				}
				// What was told is what could be seen, so an audit that is taken in by the cap sees less.
				told := w.told()
				if f.Totals.Told < int64(len(told))*98/100 {
					t.Errorf("%d of %d are shown", f.Totals.Told, len(told))
				}
			})
		})
	}
}

// bursts tells whether within the narrowest windows around an entry, as of prints it, there was more in its state than
// an answer shows.
func (w *world) bursts(entry string, limit int) bool {
	all := w.sim.Ledger(string(account))
	for _, happened := range all {
		if fmt.Sprintf("%d:%s", happened.ID, happened.Status) != entry {
			continue
		}
		n := 0
		for _, e := range all {
			if e.State == happened.State && e.At.Sub(happened.At).Abs() <= 2*time.Second {
				n++
			}
		}
		if n >= limit {
			return true
		}
	}
	return false
}
