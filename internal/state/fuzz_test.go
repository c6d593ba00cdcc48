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
