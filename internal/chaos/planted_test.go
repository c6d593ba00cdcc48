//go:build unix

package chaos_test

import (
	"encoding/hex"
	"maps"
	"slices"
	"strings"
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

func TestVerdictOfTheFlawless(t *testing.T) {
	t.Parallel()
	f := flawless(t)
	f.remember(t)
	v := f.judge()
	if !v.OK() || len(v.Problems()) > 0 || v.Required < 1000 || v.CameBack == 0 || v.Letters == 0 || v.Apart != 0 {
		t.Errorf("%s\n%s", v, strings.Join(v.Problems(), "\n"))
	}
	if s := v.String(); !strings.HasPrefix(s, "0 missing, 0 twice, 0 unexpected, 0 out of order, 0 wrong in themselves, 0 dead letters wrong; "+
		grouped(len(f.events))+" events of 1 accounts, ") || !strings.HasSuffix(s, "; index agrees") {
		t.Errorf("it says %s", s)
	}
}

// Every kind of problem is found, and nothing but what is wrong.
func TestVerdictFindsWhatIsPlanted(t *testing.T) {
	t.Parallel()
	whole := flawless(t)
	index := func(v verdict) int { return v.memory }
	letters := func(v verdict) int { return v.letters }
	of := func(kinds ...ledger.Kind) func(verdict) int { return func(v verdict) int { return v.count(kinds...) } }
	for name, c := range map[string]struct {
		events func(t *testing.T, f *finding) // changes what was told, before it is remembered
		memory func(t *testing.T, f *finding) // changes what is remembered of it
		finds  func(verdict) int
		also   []ledger.Kind // that follow
		says   string        // the one problem, or one of them
	}{
		"an event is missing": {
			events: func(t *testing.T, f *finding) {
				i := f.pair(t)
				f.events = slices.Delete(f.events, i, i+1)
			}, finds: of(ledger.Missing), says: "missing: invitation",
		},
		"an event twice": {
			events: func(t *testing.T, f *finding) {
				again := f.events[f.pair(t)+1]
				again.Offset = 1 << 40
				f.events = append(f.events, again)
			}, finds: of(ledger.Twice), says: "told before",
		},
		"a come-back that was not one": {
			events: func(t *testing.T, f *finding) {
				again := f.events[f.pair(t)+1]
				again.Offset = 1 << 40
				again.EventID += "@" + again.WindowEnd.UTC().Format(time.RFC3339)
				f.events = append(f.events, again)
			}, finds: of(ledger.Twice), says: "told 2 times, want at most 1",
		},
		"what never happened": {
			events: func(t *testing.T, f *finding) {
				o := f.events[7]
				o.ID, o.Offset, o.EventID = 1, 1<<40, ledger.FirstEventID(account, 1, o.Status)
				f.events = append(f.events, o)
			}, finds: of(ledger.Unexpected), says: "unexpected: invitation 1",
		},
		"two in the wrong order": {
			events: func(t *testing.T, f *finding) { f.swap(f.pair(t)) },
			finds:  of(ledger.Order), also: []ledger.Kind{ledger.LastStatus}, says: "happened before what was told already",
		},
		"the last status is not told": {
			events: func(t *testing.T, f *finding) {
				i := f.pair(t)
				f.events = slices.Delete(f.events, i+1, i+2)
			}, finds: of(ledger.LastStatus), also: []ledger.Kind{ledger.Missing}, says: "last status: invitation",
		},
		"a late one that never happened": {
			events: func(t *testing.T, f *finding) {
				late := f.events[f.pair(t)]
				late.Offset, late.Late, late.Status = 1<<40, true, "Terminated"
				late.EventID = ledger.FirstEventID(account, late.ID, late.Status)
				f.events = append(f.events, late)
			}, finds: of(ledger.Unexpected), says: "did not take that status",
		},
		"a come-back under its first id": {
			events: func(t *testing.T, f *finding) {
				o := &f.events[f.back(t)]
				o.EventID = ledger.FirstEventID(account, o.ID, o.Status)
			}, finds: of(ledger.Twice), also: []ledger.Kind{ledger.Missing, ledger.LastStatus}, says: "the eventId was told before",
		},
		"another state": {
			events: func(t *testing.T, f *finding) { f.events[f.pair(t)].State = attempt.Cancelled },
			finds:  of(ledger.WrongState), says: "wrong state",
		},
		"another window": {
			events: func(t *testing.T, f *finding) {
				o := &f.events[f.pair(t)]
				o.WindowStart, o.WindowEnd = o.WindowStart.Add(-20*time.Second), o.WindowEnd.Add(-20*time.Second)
			}, finds: of(ledger.WrongWindow), says: "wrong window",
		},
		"a dead letter is missing": {
			events: func(t *testing.T, f *finding) { f.letters = f.letters[1:] },
			finds:  letters, says: "dead letter: missing",
		},
		"the index has one too many": {
			memory: func(t *testing.T, f *finding) {
				f.changed(t, func(x *dedupe.Index) { x.TellLate(f.events[f.pair(t)].ID, "Cancelled") })
			}, finds: index, says: "Cancelled",
		},
		"the index has one too few": {
			memory: func(t *testing.T, f *finding) {
				i := f.pair(t)
				whole := f.events
				f.events = slices.Concat(whole[:i], whole[i+1:])
				f.changed(t, func(*dedupe.Index) {})
				f.events = whole
			}, finds: index, says: "the index lacks invitation",
		},
		"the index has lost a block": {
			memory: func(t *testing.T, f *finding) { delete(f.memory.blocks, dedupe.BlockOf(f.events[0].ID)) },
			finds:  index, says: "the index lacks invitation",
		},
		"the index has another last status": {
			memory: func(t *testing.T, f *finding) {
				f.changed(t, func(x *dedupe.Index) { x.Tell(f.events[f.pair(t)].ID, "Expired") })
			}, finds: index, says: "is superseded",
		},
		"a block that cannot be read": {
			memory: func(t *testing.T, f *finding) { f.memory.blocks[dedupe.BlockOf(f.events[0].ID)][3] ^= 1 },
			finds:  index, says: "CRC",
		},
		"the checkpoint counts fewer": {
			memory: func(t *testing.T, f *finding) { f.counts(t, func(c *schedule.Checkpoint) { c.Told-- }) },
			finds:  index, says: "the checkpoint is of account",
		},
		"the checkpoint counts more of a state": {
			memory: func(t *testing.T, f *finding) {
				f.counts(t, func(c *schedule.Checkpoint) { c.States[attempt.Expired].Counts.Told++ })
			}, finds: index, says: "of expired",
		},
		"not all is covered": {
			memory: func(t *testing.T, f *finding) {
				f.counts(t, func(c *schedule.Checkpoint) { c.States[attempt.Expired].Front-- })
			}, finds: index, says: "expired is covered through",
		},
		"a gap": {
			memory: func(t *testing.T, f *finding) {
				f.counts(t, func(c *schedule.Checkpoint) {
					s := c.States[attempt.Completed]
					s.Gaps = []schedule.Span{{From: s.Start + 5, Until: s.Start + 6}}
				})
			}, finds: index, says: "(1 gaps)",
		},
		"a dead letter is forgotten": {
			memory: func(t *testing.T, f *finding) {
				for h := range f.memory.letters {
					delete(f.memory.letters, h)
					return
				}
			}, finds: index, says: "is not remembered",
		},
		"a dead letter that there is not": {
			memory: func(t *testing.T, f *finding) { f.memory.letters["00"] = true },
			finds:  index, says: "there is none",
		},
		"no memory": {
			memory: func(t *testing.T, f *finding) { f.memory = nil },
			finds:  index, says: "remembers nothing",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := whole.copy()
			if c.events != nil {
				c.events(t, f)
			}
			f.remember(t)
			if c.memory != nil {
				c.memory(t, f)
			}
			v := f.judge()
			found := strings.Join(v.Problems(), "\n")
			if v.OK() || c.finds(v) == 0 || !strings.Contains(found, c.says) {
				t.Fatalf("not found: %s\n%s", v, found)
			}
			rest := v
			rest.kinds = maps.Clone(v.kinds)
			for _, k := range c.also {
				delete(rest.kinds, k)
			}
			all := rest.letters + rest.memory
			for _, n := range rest.kinds {
				all += n
			}
			if all != c.finds(v) {
				t.Errorf("more is found than is wrong: %s\n%s", v, found)
			}
		})
	}
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

// What was found late though it was shown in time is excused, with the order that this costs, and with nothing else.
func TestVerdictOfStatesThatWereApart(t *testing.T) {
	t.Parallel()
	whole := flawless(t)
	for name, c := range map[string]struct {
		change func(t *testing.T, f *finding)
		ok     bool
	}{
		"told late, after what came later": {func(t *testing.T, f *finding) {
			i := f.pair(t)
			f.events[i].Late = true
			f.swap(i)
		}, true},
		"told as new, after what came later": {func(t *testing.T, f *finding) {
			i := f.pair(t)
			f.events[i+1].Late = true
			f.swap(i)
			f.events = slices.Insert(f.events, i+2, f.events[i+1])
			f.events[i+2].EventID += "@" + f.events[i+2].WindowEnd.UTC().Format(time.RFC3339)
		}, false},
		"missing beside": {func(t *testing.T, f *finding) {
			i := f.pair(t)
			f.events[i].Late = true
			f.events = slices.Delete(f.events, i+1, i+2)
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := whole.copy()
			c.change(t, f)
			f.remember(t)
			v := f.judge()
			if v.OK() != c.ok || v.Apart != 1 {
				t.Errorf("%s\n%s", v, strings.Join(v.Problems(), "\n"))
			}
		})
	}
	backwards := []ledger.Observed{{ID: 1, WindowStart: day.Add(time.Minute), WindowEnd: day.Add(2 * time.Minute)},
		{ID: 1, Offset: 1, WindowStart: day, WindowEnd: day.Add(time.Minute)}}
	if got := backward(backwards); len(got) != 1 || got[0].Kind != ledger.Order {
		t.Errorf("backwards: %v", got)
	}
	backwards[1].Late = true
	if got := backward(backwards); got != nil {
		t.Errorf("late: %v", got)
	}
}
