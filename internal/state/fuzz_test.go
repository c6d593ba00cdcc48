package state_test

import (
	"bytes"
	"errors"
	"strconv"
	"strings"
	"testing"

	"attemptstream/internal/attempt"
	"attemptstream/internal/dedupe"
	"attemptstream/internal/kafkatx"
	"attemptstream/internal/state"
)

// FuzzRecover puts any record into the log of an account. Recovery refuses it with a *RecordError, or the memory is what
// it was before but for what the record says: a block is what dedupe makes of it, a letter is one more, and everything
// else changes nothing of what was told.
func FuzzRecover(f *testing.F) {
	base := fakeLog{record("a/checkpoint", checkpointJSON), blockRecord(f, "a", 4097), blockRecord(f, "a", 9000), record(letterKey("a", dedupe.Hash{1}), "\x01")}
	for _, r := range base {
		f.Add(r.Key, r.Value, false)
	}
	f.Add([]byte("ab/block/1"), []byte{1}, false)
	f.Add([]byte("a/block/-9"), []byte(nil), true)
	f.Add([]byte("a/block/007"), []byte{1}, false)
	f.Add([]byte(letterKey("a", dedupe.Hash{0xab})), []byte{1}, false)
	f.Add([]byte("a/letter/AB000000000000000000000000000000"), []byte{1}, false)
	f.Add([]byte("a/checkpoint"), []byte(`{"version":1,"account":"a","states":{"completed":null}}`), false)
	f.Fuzz(func(t *testing.T, key, value []byte, tombstone bool) {
		r := kafkatx.Record{Key: key, Value: append([]byte{}, value...)}
		if tombstone {
			r.Value = nil
		}
		log := append(base[:len(base):len(base)], r)
		a, err := state.Recover(t.Context(), log, state.Partition{Topic: "s"}, "a")
		if err != nil {
			var damage *state.RecordError
			if !errors.As(err, &damage) || damage.Key != string(key) || damage.Offset != int64(len(base)) || !bytes.HasPrefix(key, []byte("a/")) {
				t.Fatalf("error %v for key %q", err, key)
			}
			return
		}
		want, letters := model(t, base), 1
		checkpoint := checkpointJSON
		switch rest, ours := strings.CutPrefix(string(key), "a/"); {
		case !ours:
		case r.Value == nil:
			t.Fatalf("a deleted record was taken: %q", key)
		case strings.HasPrefix(rest, "block/"):
			n, err := strconv.ParseInt(rest[len("block/"):], 10, 64)
			if err == nil {
				err = want.Load(n, r.Value)
			}
			if err != nil || strconv.FormatInt(n, 10) != rest[len("block/"):] {
				t.Fatalf("a block was taken that dedupe refuses, or under another spelling of its key: %q, %v", key, err)
			}
		case strings.HasPrefix(rest, "letter/"):
			if len(rest) != len("letter/")+32 || strings.ToLower(rest) != rest || string(r.Value) != "\x01" {
				t.Fatalf("letter %q %x", key, r.Value)
			}
			if string(key) != string(base[3].Key) {
				letters++
			}
		case rest == "checkpoint":
			checkpoint = ""
		case strings.HasPrefix(rest, "replay/"): // see FuzzReplayRecords
		default:
			t.Fatalf("the unknown key %q was taken", key)
		}
		if a.Index.Told() != want.Told() || a.Letters.Len() != letters || checkpoint != "" && string(encoded(t, a)) != checkpoint {
			t.Fatalf("key %q value %x: %d told and %d letters, want %d and %d; checkpoint %s", key, r.Value, a.Index.Told(), a.Letters.Len(),
				want.Told(), letters, encoded(t, a))
		}
		for _, id := range []int64{4096, 4097, 9000, 0, -1} {
			for _, s := range []attempt.Status{"Completed", "Expired"} {
				if got, want := a.Index.Look(id, s), want.Look(id, s); got != want {
					t.Fatalf("key %q value %x: %d %s is %+v, want %+v", key, r.Value, id, s, got, want)
				}
			}
		}
		// What was accepted can be gone on with.
		a.Index.Tell(4098, "Expired")
		if _, err := a.AppendRecords(nil); err != nil {
			t.Fatal(err)
		}
		if err := a.Rollback(); err != nil {
			t.Fatal(err)
		}
	})
}

// model is the index of the blocks in log, by dedupe alone.
func model(t testing.TB, log fakeLog) *dedupe.Index {
	t.Helper()
	x := dedupe.New()
	for _, r := range log {
		if digits, ok := strings.CutPrefix(string(r.Key), "a/block/"); ok {
			n, err := strconv.ParseInt(digits, 10, 64)
			if err == nil {
				err = x.Load(n, r.Value)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	return x
}

// FuzzRequests reads any record as what was asked for, and as what became of it. A request that is taken can be carried
// out: a range that is not empty, in years that can be written, some known states, under the id and account of its key. A
// reason why it cannot be is short, and of progress no number is below zero.
func FuzzRequests(f *testing.F) {
	r := requestOf(f, "a", "r", noon)
	f.Add(r.Key, r.Value)
	f.Add([]byte("a/replay/r/request"), bytes.Replace(r.Value, []byte(`"version":1`), []byte(`"version":2`), 1))
	f.Add([]byte("b/replay/r/request"), r.Value)
	f.Add([]byte("a/replay/r/request"), []byte(`{"version":1,"id":"r","account":"a","from":"0000-01-01T00:00:00+23:59","to":"9999-12-31T23:59:59-23:59","states":["expired","expired"]}`))
	f.Add([]byte("a/replay/r/progress"), []byte(`{"version":1,"status":"running","position":"2026-11-25T12:00:00Z","told":7,"gaps":-1}`))
	f.Add([]byte("a/replay/r/progress"), []byte(`{"version":1,"status":"done","position":"2026-11-25T12:00:00Z","told":7}`))
	f.Add([]byte("a/replay//request"), r.Value)
	f.Add([]byte("a b/replay/r/request"), []byte(`{"version":1,"id":"r","account":"a b"}`))
	f.Fuzz(func(t *testing.T, key, value []byte) {
		record := kafkatx.Record{Key: key, Value: value}
		if asked, ok := state.AskedIn(record); ok {
			if want := string(asked.Account) + "/replay/" + asked.ID + "/request"; string(key) != want {
				t.Fatalf("key %q is that of %q", key, want)
			}
			q, err := asked.Request()
			switch {
			case err != nil && len(err.Error()) > 200:
				t.Fatalf("a reason of %d bytes: %v", len(err.Error()), err)
			case err == nil:
				if q.ID != asked.ID || q.Account != asked.Account || q.From >= q.To || len(q.States) == 0 || len(q.States) > 3 || q.From.Time().Year() < 0 || q.To.Time().Year() > 9999 {
					t.Fatalf("taken: %+v", q)
				}
				if again, err := q.Record(state.Partition{}); err != nil || !bytes.Equal(again.Key, key) {
					t.Fatalf("it cannot be written again: %v, key %q, was %q", err, again.Key, key)
				}
			}
		}
		if reported, ok, err := state.ReportedIn(record); ok && err == nil && !reported.Deleted {
			p := reported.Progress
			if min(p.Told, p.Late, p.Known, p.Dead) < 0 || p.Position.Time().Year() > 9999 || p.Status == "" {
				t.Fatalf("taken: %+v", p)
			}
		}
	})
}
