package dedupe_test

import (
	"fmt"
	"strconv"
	"testing"

	"attemptstream/internal/attempt"
	"attemptstream/internal/dedupe"
)

const compactStatuses = 1 << 19 // have the compact form

// acquainted is an index that has seen as many statuses as have the compact form, but for a few, and to which nothing was
// told: statuses stay known when they are rolled back.
func acquainted(few int64) *dedupe.Index {
	x := dedupe.New()
	for i := range compactStatuses - few {
		x.Tell(i<<dedupe.BlockBits, attempt.Status("seen"+strconv.FormatInt(i, 36)))
		if i%10_000 == 0 {
			x.Rollback()
		}
	}
	x.Rollback()
	return x
}

// An API that gives every invitation a status of its own is told like any other: there is no number of statuses beyond
// which the index refuses one, or takes it for another.
func TestStatusesWithoutEnd(t *testing.T) {
	t.Parallel()
	const (
		few   = 100
		all   = 3000
		first = 2_655_161
	)
	status := func(i int64) attempt.Status { return attempt.Status("S" + strconv.FormatInt(i, 36)) }
	x, log := acquainted(few), map[int64][]byte{}

	// Around the limit: in a block with others, in blocks of their own, after other statuses of the same id, late ones,
	// and in a transaction that is rolled back before.
	before := x.Bytes()
	tell := func() {
		for i := int64(0); i < all; i++ {
			switch id := first + i; i % 4 {
			case 0:
				x.Tell(id, status(i))
			case 1: // alone in its block
				x.Tell(id<<20, status(i))
			case 2:
				x.Tell(id, "Completed")
				x.Tell(id, status(i))
			case 3:
				x.Tell(id<<20, "Completed")
				x.TellLate(id<<20, status(i))
			}
		}
	}
	tell()
	x.Rollback()
	if x.Told() != 0 || x.Bytes() != before || x.Look(first+all-4, status(all-4)).Told {
		t.Fatalf("rolled back: %d told in %d bytes, want none in %d", x.Told(), x.Bytes(), before)
	}
	tell()
	if took := x.Bytes() - before; took < (all-few)*(512+512/4) { // a bitmap each, and one more for those that came late
		t.Errorf("%d statuses take %d bytes", all-few, took)
	}
	persist(t, x, log)
	x.Commit()
	y, fresh := acquainted(all/2), recovered(t, log)
	for block, record := range log { // in the order of a map: other statuses are beyond the limit there
		if err := y.Load(block, record); err != nil {
			t.Fatal(err)
		}
	}
	if want := int64(all + all/2); x.Told() != want || y.Told() != want || fresh.Told() != want {
		t.Fatalf("%d told, recovered %d and %d, want %d", x.Told(), y.Told(), fresh.Told(), want)
	}
	only, superseded, current := dedupe.Standing{Told: true}, dedupe.Standing{Told: true, Superseded: true, Others: true}, dedupe.Standing{Others: true}
	for i := int64(0); i < all; i++ {
		id, own, completed := first+i, only, current
		switch i % 4 {
		case 1:
			id <<= 20
		case 2:
			completed = superseded
		case 3:
			id, own, completed = id<<20, superseded, only
		}
		for name, index := range map[string]*dedupe.Index{"told": x, "recovered": y, "recovered afresh": fresh} {
			got := fmt.Sprint(index.Look(id, status(i)), index.Look(id, "Completed"), index.Look(id, status(i-1)), index.Look(id, "never told"))
			others := dedupe.Standing{Others: true}
			if want := fmt.Sprint(own, completed, others, others); got != want {
				t.Fatalf("%s: id %d with status %d of its own: %s, want %s", name, id, i, got, want)
			}
		}
	}
	var records [3]map[int64][]byte
	for i, index := range []*dedupe.Index{x, y, fresh} {
		for block := range log {
			index.Tell(block<<dedupe.BlockBits, "again")
		}
		records[i] = map[int64][]byte{}
		persist(t, index, records[i])
	}
	if a := fmt.Sprint(records[0]); a != fmt.Sprint(records[1]) || a != fmt.Sprint(records[2]) {
		t.Error("the records differ after recovery")
	}
}
