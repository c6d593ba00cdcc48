//go:build unix

package chaos_test

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"attemptstream/internal/attempt"
	"attemptstream/internal/dedupe"
	"attemptstream/internal/imochasim/ledger"
	"attemptstream/internal/schedule"
)

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
