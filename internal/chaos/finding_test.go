//go:build unix

package chaos_test

import (
	"encoding/hex"
	"maps"
	"slices"
	"testing"
	"time"

	"attemptstream/internal/attempt"
	"attemptstream/internal/dedupe"
	"attemptstream/internal/imochasim"
	"attemptstream/internal/imochasim/ledger"
	"attemptstream/internal/schedule"
)

// A finding is all that a judge sees of one account.
type finding struct {
	entries []ledger.Entry
	scope   ledger.Scope
	events  []ledger.Observed
	letters []ledger.ObservedLetter
	memory  *memory
}

// flawless is what a worker without a fault would have left behind, but for its memory.
func flawless(t *testing.T) *finding {
	t.Helper()
	l := lives(5, 400)
	l.Speed, l.Malformed = 1, .05
	end := day.Add(5 * 24 * time.Hour)
	sim, err := imochasim.New(imochasim.Config{Boundary: imochasim.ExclusiveStart, Now: func() time.Time { return end }})
	if err != nil {
		t.Fatal(err)
	}
	if err := sim.Populate(string(account), l, day, end); err != nil {
		t.Fatal(err)
	}
	f := &finding{entries: sim.Ledger(string(account)), scope: ledger.Scope{From: day, To: end, Seen: end, Resolution: ledger.RoundUp}}
	expected := ledger.Expect(f.entries, f.scope)
	for _, id := range slices.Sorted(maps.Keys(expected.Invitations)) {
		for _, e := range expected.Invitations[id] {
			o := ledger.Observed{Offset: int64(len(f.events)), ID: id, Status: e.Status, State: e.State, EventID: ledger.FirstEventID(account, id, e.Status)}
			o.Partition = int32(id) // so that no two invitations lie in one, which are not in order of time here
			o.WindowEnd = e.Times[0].Add(time.Second - 1).Truncate(time.Second)
			o.WindowStart = o.WindowEnd.Add(-time.Second)
			if e.ComeBack {
				o.EventID += "@" + o.WindowEnd.UTC().Format(time.RFC3339)
			}
			f.events = append(f.events, o)
		}
	}
	for _, e := range expected.Letters {
		f.letters = append(f.letters, ledger.ObservedLetter{State: e.State, Raw: e.Raw, WindowStart: e.Times[0].Add(-time.Second), WindowEnd: e.Times[0]})
	}
	return f
}

// copy is a finding of the same, without a memory.
func (f *finding) copy() *finding {
	return &finding{entries: f.entries, scope: f.scope, events: slices.Clone(f.events), letters: slices.Clone(f.letters)}
}

// remember makes the memory that fits the events and letters, by the program's own index.
func (f *finding) remember(t *testing.T) {
	t.Helper()
	f.memory = &memory{letters: map[string]bool{}}
	index := dedupe.New()
	for i := range f.events {
		o := &f.events[i]
		switch {
		case o.Late && cameBack(o):
		case o.Late:
			index.TellLate(o.ID, o.Status)
		default:
			index.Tell(o.ID, o.Status)
		}
	}
	f.blocks(t, index)
	c := schedule.NewCheckpoint(account)
	c.Told = index.Told()
	for _, state := range attempt.States() {
		c.States[state] = &schedule.Coverage{Start: attempt.InstantOf(f.scope.From), Front: attempt.InstantOf(f.scope.To)}
	}
	for _, o := range f.events {
		counts := &c.States[o.State].Counts
		counts.Told++
		if o.Late {
			counts.Late++
		}
		if cameBack(&o) {
			counts.CameBack++
		}
	}
	for _, l := range f.letters {
		h := dedupe.HashOf(account, l.State, l.Raw)
		f.memory.letters[hex.EncodeToString(h[:])] = true
		c.States[l.State].Counts.Dead++
	}
	c.Dead = len(f.memory.letters)
	f.checkpoint(t, c)
}

func (f *finding) checkpoint(t *testing.T, c *schedule.Checkpoint) {
	t.Helper()
	var err error
	if f.memory.checkpoint, err = c.Encode(); err != nil {
		t.Fatal(err)
	}
}

// counts changes the checkpoint that is remembered.
func (f *finding) counts(t *testing.T, change func(c *schedule.Checkpoint)) {
	t.Helper()
	c, err := schedule.DecodeCheckpoint(f.memory.checkpoint)
	if err != nil {
		t.Fatal(err)
	}
	change(c)
	f.checkpoint(t, c)
}

func (f *finding) blocks(t *testing.T, index *dedupe.Index) {
	t.Helper()
	f.memory.blocks = map[int64][]byte{}
	if err := index.Dirty(func(n int64, record []byte) error {
		f.memory.blocks[n] = slices.Clone(record)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

func (f *finding) judge() verdict {
	v := verdict{kinds: map[ledger.Kind]int{}}
	v.account(account, f.entries, f.scope, f.events, f.letters)
	v.remembers(account, f.events, f.letters, f.memory, attempt.InstantOf(f.scope.To))
	return v
}

// pair is the place of two events that follow each other, of an invitation that has just these two, at different times, and
// nothing else beside them.
func (f *finding) pair(t *testing.T) int {
	t.Helper()
	for i := 1; i+2 < len(f.events); i++ {
		a, b := &f.events[i], &f.events[i+1]
		if a.ID == b.ID && f.events[i-1].ID != a.ID && f.events[i+2].ID != a.ID && b.WindowStart.Sub(a.WindowEnd) > time.Minute && a.Status == "Expired" {
			return i
		}
	}
	t.Fatal("no invitation has two events")
	return 0
}

// back is the place of an event of an invitation that came back to its status.
func (f *finding) back(t *testing.T) int {
	t.Helper()
	i := slices.IndexFunc(f.events, func(o ledger.Observed) bool { return cameBack(&o) })
	if i < 0 {
		t.Fatal("no invitation came back")
	}
	return i
}

func (f *finding) swap(i int) {
	a, b := &f.events[i], &f.events[i+1]
	*a, *b = *b, *a
	a.Offset, b.Offset = b.Offset, a.Offset
}

// changed makes the blocks those of the events, and of what is changed beside.
func (f *finding) changed(t *testing.T, change func(*dedupe.Index)) {
	t.Helper()
	index := dedupe.New()
	for i := range f.events {
		index.Tell(f.events[i].ID, f.events[i].Status)
	}
	change(index)
	f.blocks(t, index)
}
