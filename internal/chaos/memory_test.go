//go:build unix

package chaos_test

import (
	"cmp"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"attemptstream/internal/attempt"
	"attemptstream/internal/dedupe"
	"attemptstream/internal/imochasim/ledger"
	"attemptstream/internal/schedule"
	"attemptstream/internal/witness"
)

// A memory is what the state topic remembers of an account: the last record of every key.
type memory struct {
	checkpoint []byte
	blocks     map[int64][]byte
	letters    map[string]bool // by hash, in hexadecimal
}

// readMemories reads the state topic with a client that is not the program's, and takes the keys apart by package state's
// description of them.
func readMemories(t testing.TB, brokers []string, topic string, v *verdict) map[attempt.Account]*memory {
	t.Helper()
	records, err := witness.Records(t.Context(), brokers, topic)
	if err != nil {
		t.Fatalf("read the state topic: %v", err)
	}
	memories, places := map[attempt.Account]*memory{}, map[attempt.Account]int32{}
	for _, r := range records {
		owner, rest, found := strings.Cut(string(r.Key), "/")
		if !found {
			v.memory++
			v.add("state topic", "a record with the key %q", r.Key)
			continue
		}
		name := attempt.Account(owner)
		m := memories[name]
		if m == nil {
			m = &memory{blocks: map[int64][]byte{}, letters: map[string]bool{}}
			memories[name], places[name] = m, r.Partition
		}
		if places[name] != r.Partition {
			v.memory++
			v.add(name, "the state topic has records in partitions %d and %d", places[name], r.Partition)
			continue
		}
		if err := m.take(rest, r.Value); err != nil {
			v.memory++
			v.add(name, "the record %q at partition %d offset %d: %v", r.Key, r.Partition, r.Offset, err)
		}
	}
	return memories
}

func (m *memory) take(key string, value []byte) error {
	kind, rest, _ := strings.Cut(key, "/")
	if kind == "replay" {
		return nil // not judged here
	}
	if value == nil {
		return fmt.Errorf("it was deleted")
	}
	switch kind {
	case "checkpoint":
		m.checkpoint = value
	case "block":
		n, err := strconv.ParseInt(rest, 10, 64)
		if err != nil {
			return err
		}
		m.blocks[n] = value
	case "letter":
		m.letters[rest] = true
	default:
		return fmt.Errorf("no such key is known")
	}
	return nil
}

// A fold is what the events say of invitations: which statuses were told, and which of them are superseded. It follows the
// design's rules, without the program's index.
type fold map[int64]map[attempt.Status]bool

func folded(events []ledger.Observed) (f fold, told int) {
	events = slices.Clone(events)
	slices.SortStableFunc(events, func(a, b ledger.Observed) int {
		return cmp.Or(cmp.Compare(a.Partition, b.Partition), cmp.Compare(a.Offset, b.Offset))
	})
	f = fold{}
	for i := range events {
		if f.tell(&events[i]) {
			told++
		}
	}
	return f, told
}

// tell is true if the status had never been told of the invitation.
func (f fold) tell(o *ledger.Observed) bool {
	row := f[o.ID]
	if row == nil {
		row = map[attempt.Status]bool{}
		f[o.ID] = row
	}
	_, before := row[o.Status]
	switch {
	case before && (o.Late || o.ReplayID != ""): // it changes nothing
	case o.Late || o.ReplayID != "":
		row[o.Status] = len(row) > 0
	default:
		for status := range row {
			row[status] = true
		}
		row[o.Status] = false
	}
	return !before
}

// remembers compares what is remembered of an account with its events and dead letters. Everything up to end has to be
// covered.
func (v *verdict) remembers(name attempt.Account, events []ledger.Observed, letters []ledger.ObservedLetter, m *memory, end attempt.Instant) {
	wrong := func(format string, args ...any) {
		v.memory++
		v.add(name, format, args...)
	}
	if m == nil {
		wrong("the state topic remembers nothing of it")
		return
	}
	index := dedupe.New()
	for n, record := range m.blocks {
		if err := index.Load(n, record); err != nil {
			wrong("%v", err)
		}
	}
	f, told := folded(events)
	statuses := map[attempt.Status]bool{"Completed": true, "Expired": true, "Cancelled": true, "Testleft": true, "Terminated": true}
	lacking := 0
	for id, row := range f {
		for status, superseded := range row {
			statuses[status] = true
			switch standing := index.Look(id, status); {
			case !standing.Told:
				lacking++
				wrong("the index lacks invitation %d, %s", id, status)
			case standing.Superseded != superseded:
				wrong("the index says %v of whether invitation %d, %s, is superseded; its events say %v", standing.Superseded, id, status, superseded)
			}
		}
	}
	if extra := int(index.Told()) - told + lacking; extra != 0 {
		v.memory += extra
		v.add(name, "the index has %d that no event tells, among them: %s", extra, strings.Join(m.beyond(index, f, statuses), "; "))
	}
	hashes := map[string]bool{}
	for _, l := range letters {
		h := dedupe.HashOf(name, l.State, l.Raw)
		hashes[hex.EncodeToString(h[:])] = true
	}
	for h := range hashes {
		if !m.letters[h] {
			wrong("the dead letter with hash %s is not remembered", h)
		}
	}
	for h := range m.letters {
		if !hashes[h] {
			wrong("a dead letter with hash %s is remembered, and there is none", h)
		}
	}
	c, err := schedule.DecodeCheckpoint(m.checkpoint)
	if err != nil {
		wrong("%v", err)
		return
	}
	if c.Account != name || c.Told != int64(told) || c.Dead != len(letters) {
		wrong("the checkpoint is of account %s and counts %d told and %d dead letters; the topics have %d and %d", c.Account, c.Told, c.Dead, told, len(letters))
	}
	counts := counted(events, letters)
	for _, state := range attempt.States() {
		coverage := c.States[state]
		if coverage == nil {
			wrong("%s is not in the checkpoint", state)
			continue
		}
		if coverage.Counts != counts[state] {
			wrong("the checkpoint counts %+v of %s; the topics have %+v", coverage.Counts, state, counts[state])
		}
		if through := coverage.Through(); through < end {
			wrong("%s is covered through %s, want %s at least (%d gaps)", state, through, end, len(coverage.Gaps))
		}
	}
}

// beyond names some of what the index has and the events have not.
func (m *memory) beyond(index *dedupe.Index, f fold, statuses map[attempt.Status]bool) (some []string) {
	for n := range m.blocks {
		for offset := range int64(dedupe.BlockSize) {
			id := n*dedupe.BlockSize + offset
			if !index.Look(id, "").Others {
				continue // nothing was told of it
			}
			for status := range statuses {
				if _, told := f[id][status]; !told && index.Look(id, status).Told {
					if some = append(some, fmt.Sprintf("invitation %d, %s", id, status)); len(some) == 5 {
						return some
					}
				}
			}
		}
	}
	return some
}

// counted is what the topics have of each state.
func counted(events []ledger.Observed, letters []ledger.ObservedLetter) map[attempt.State]schedule.Counts {
	counts := map[attempt.State]schedule.Counts{}
	for i := range events {
		o := &events[i]
		c := counts[o.State]
		if o.ReplayID == "" || o.Late {
			c.Told++
		}
		if o.Late {
			c.Late++
		}
		if cameBack(o) && o.ReplayID == "" {
			c.CameBack++
		}
		counts[o.State] = c
	}
	for _, l := range letters {
		c := counts[l.State]
		c.Dead++
		counts[l.State] = c
	}
	return counts
}
