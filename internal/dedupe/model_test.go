package dedupe_test

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"attemptstream/internal/attempt"
	"attemptstream/internal/dedupe"
)

// model is DESIGN's "Dedupe" in the plainest form: two sets of ids per status, and no blocks.
type model struct {
	told, superseded map[attempt.Status]map[int64]bool
}

func newModel() *model {
	return &model{told: map[attempt.Status]map[int64]bool{}, superseded: map[attempt.Status]map[int64]bool{}}
}

func (m *model) clone() *model {
	c := newModel()
	for s, ids := range m.told {
		c.told[s] = maps.Clone(ids)
	}
	for s, ids := range m.superseded {
		c.superseded[s] = maps.Clone(ids)
	}
	return c
}

func put(sets map[attempt.Status]map[int64]bool, s attempt.Status, id int64) {
	if sets[s] == nil {
		sets[s] = map[int64]bool{}
	}
	sets[s][id] = true
}

func (m *model) tell(id int64, s attempt.Status) {
	put(m.told, s, id)
	delete(m.superseded[s], id)
	for other := range m.told {
		if other != s && m.told[other][id] {
			put(m.superseded, other, id)
		}
	}
}

func (m *model) tellLate(id int64, s attempt.Status) {
	if m.told[s][id] {
		return
	}
	for other := range m.told {
		if m.told[other][id] {
			put(m.superseded, s, id)
		}
	}
	put(m.told, s, id)
}

func (m *model) look(id int64, s attempt.Status) dedupe.Standing {
	standing := dedupe.Standing{Told: m.told[s][id], Superseded: m.superseded[s][id]}
	for other := range m.told {
		if other != s && m.told[other][id] && !m.superseded[other][id] {
			standing.Others = true
		}
	}
	return standing
}

func (m *model) size() (n int64) {
	for _, ids := range m.told {
		n += int64(len(ids))
	}
	return n
}

var statuses = []attempt.Status{"Completed", "Expired", "Cancelled", "Testleft", "", "Ü\x00\xff"}

// drawID prefers ids that meet: in few blocks, at their edges, at the ends of the numbers.
func drawID() *rapid.Generator[int64] {
	return rapid.OneOf(
		rapid.Int64Range(2655161, 2655161+600),
		rapid.Int64Range(-5000, 5000),
		rapid.SampledFrom([]int64{math.MinInt64, math.MinInt64 + 1, math.MinInt64 + 4096, -4097, -4096, -1, 0, 4095, 4096, math.MaxInt64 - 4096, math.MaxInt64}),
		rapid.Int64(),
	)
}

func TestIndexIsTheModel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		x, log := dedupe.New(), map[int64][]byte{} // log is the compacted topic
		now, committed := newModel(), newModel()
		touched := map[int64]bool{}
		tell := func(t *rapid.T, id int64, s attempt.Status, late bool) {
			touched[id] = true
			if late {
				now.tellLate(id, s)
				x.TellLate(id, s)
			} else {
				now.tell(id, s)
				x.Tell(id, s)
			}
		}
		status, id := rapid.SampledFrom(statuses), drawID()
		t.Repeat(map[string]func(*rapid.T){
			"tell": func(t *rapid.T) {
				tell(t, id.Draw(t, "id"), status.Draw(t, "status"), rapid.Bool().Draw(t, "late"))
			},
			"tell many": func(t *rapid.T) {
				from, s, late := id.Draw(t, "from"), status.Draw(t, "status"), rapid.Bool().Draw(t, "late")
				count, step := rapid.Int64Range(1, 700).Draw(t, "count"), rapid.Int64Range(1, 9).Draw(t, "step")
				for i := range count {
					tell(t, from+i*step, s, late)
				}
			},
			"look": func(t *rapid.T) {
				id, s := id.Draw(t, "id"), status.Draw(t, "status")
				if got, want := x.Look(id, s), now.look(id, s); got != want {
					t.Fatalf("Look(%d, %q) is %+v, want %+v", id, s, got, want)
				}
			},
			"commit": func(*rapid.T) {
				persist(t, x, log)
				x.Commit()
				committed = now.clone()
			},
			"rollback": func(*rapid.T) {
				x.Rollback()
				now = committed.clone()
			},
			"recover": func(*rapid.T) {
				x.Rollback()
				now = committed.clone()
				x = recovered(t, log)
			},
			"": func(t *rapid.T) {
				if x.Told() != now.size() {
					t.Fatalf("Told is %d, want %d", x.Told(), now.size())
				}
			},
		})
		for id := range touched {
			for _, s := range append(statuses, "Never told") {
				if got, want := x.Look(id, s), now.look(id, s); got != want {
					t.Fatalf("Look(%d, %q) is %+v, want %+v", id, s, got, want)
				}
			}
		}
	})
}

type failer interface {
	Helper()
	Fatalf(string, ...any)
}

// persist writes what is dirty to log, and checks what Dirty promises.
func persist(t failer, x *dedupe.Index, log map[int64][]byte) {
	t.Helper()
	var blocks []int64
	err := x.Dirty(func(block int64, record []byte) error {
		blocks = append(blocks, block)
		log[block] = slices.Clone(record)
		return nil
	})
	switch {
	case err != nil:
		t.Fatalf("Dirty: %v", err)
	case !slices.IsSorted(blocks):
		t.Fatalf("Dirty is not in order: %v", blocks)
	case len(blocks) != x.DirtyBlocks():
		t.Fatalf("DirtyBlocks is %d, Dirty yielded %d", x.DirtyBlocks(), len(blocks))
	}
}

func recovered(t failer, log map[int64][]byte) *dedupe.Index {
	t.Helper()
	x := dedupe.New()
	for block, record := range log {
		if err := x.Load(block, record); err != nil {
			t.Fatalf("Load: %v", err)
		}
	}
	return x
}

// The same content is the same record, in whatever order and form it came to be.
func TestRecordsDependOnContentAlone(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		type told struct {
			id int64
			s  attempt.Status
		}
		all := rapid.SliceOfNDistinct(rapid.Custom(func(t *rapid.T) told {
			return told{rapid.Int64Range(0, 8191).Draw(t, "id"), rapid.SampledFrom(statuses).Draw(t, "status")}
		}), 0, 900, func(a told) int64 { return a.id }).Draw(t, "told")
		forward, backward := dedupe.New(), dedupe.New()
		for i := range all {
			forward.Tell(all[i].id, all[i].s)
			backward.Tell(all[len(all)-1-i].id, all[len(all)-1-i].s)
		}
		a, b, c := map[int64][]byte{}, map[int64][]byte{}, map[int64][]byte{}
		persist(t, forward, a)
		persist(t, backward, b)
		again := recovered(t, a)
		for block := range a { // touched without a change of what was there before
			again.Tell(block<<dedupe.BlockBits+4095, "x")
			forward.Tell(block<<dedupe.BlockBits+4095, "x")
		}
		persist(t, forward, b)
		persist(t, again, c)
		if fmt.Sprint(b) != fmt.Sprint(c) {
			t.Fatalf("records differ: %v and %v", b, c)
		}
	})
}

func TestDirtyStopsAtAnError(t *testing.T) {
	t.Parallel()
	x := dedupe.New()
	x.Tell(1, "Completed")
	x.Tell(5000, "Completed")
	stop, calls := errors.New("stop"), 0
	if err := x.Dirty(func(int64, []byte) error { calls++; return stop }); err != stop || calls != 1 {
		t.Fatalf("Dirty returned %v after %d calls, want the error of the first", err, calls)
	}
}

func TestWhatIsKnownIsNotDirty(t *testing.T) {
	t.Parallel()
	x := dedupe.New()
	x.Tell(7, "Expired")
	x.Tell(7, "Completed")
	x.Commit()
	x.Tell(7, "Completed")
	x.TellLate(7, "Expired")
	if x.DirtyBlocks() != 0 {
		t.Fatalf("%d blocks are dirty, want none", x.DirtyBlocks())
	}
}
