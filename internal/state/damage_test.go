package state_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"attemptstream/internal/attempt"
	"attemptstream/internal/dedupe"
	"attemptstream/internal/kafkatx"
	"attemptstream/internal/schedule"
	"attemptstream/internal/state"
)

const checkpointJSON = `{"version":1,"account":"a","states":{},"trust":{}}`

func record(key, value string) kafkatx.Record {
	return kafkatx.Record{Key: []byte(key), Value: []byte(value)}
}

// blockRecord is that of block 1 of an account to which one id was told.
func blockRecord(t testing.TB, account attempt.Account, id int64) kafkatx.Record {
	t.Helper()
	a, err := state.Recover(t.Context(), fakeLog{record(string(account)+"/checkpoint", strings.Replace(checkpointJSON, `"a"`, `"`+string(account)+`"`, 1))},
		state.Partition{}, account)
	if err != nil {
		t.Fatal(err)
	}
	a.Index.Tell(id, "Completed")
	records, err := a.AppendRecords(nil)
	if err != nil || len(records) != 2 { // the checkpoint counts what was told
		t.Fatal(records, err)
	}
	return records[1]
}

func with(r kafkatx.Record, change func(*kafkatx.Record)) kafkatx.Record {
	r.Value = append([]byte{}, r.Value...)
	change(&r)
	return r
}

func TestDamagedRecords(t *testing.T) {
	t.Parallel()
	block, checkpoint := blockRecord(t, "a", 4097), record("a/checkpoint", checkpointJSON)
	letter := record(letterKey("a", dedupe.Hash{0x5c}), "\x01")
	const newer, lost, restore = "run the version that wrote it", "or begin anew under another KAFKA_TOPIC", "do not delete it"
	isNewer := func(err error) bool { var e *schedule.NewerVersionError; return errors.As(err, &e) }
	is := func(target error) func(error) bool { return func(err error) bool { return errors.Is(err, target) } }
	for name, test := range map[string]struct {
		record kafkatx.Record
		advice string
		is     func(error) bool
	}{
		"a corrupt block":                     {with(block, func(r *kafkatx.Record) { r.Value[5] ^= 1 }), restore, is(dedupe.ErrCorrupt)},
		"an empty block":                      {record("a/block/1", ""), restore, is(dedupe.ErrCorrupt)},
		"a block under another's key":         {kafkatx.Record{Key: []byte("a/block/2"), Value: block.Value}, restore, is(dedupe.ErrCorrupt)},
		"a block where no id is":              {record("a/block/9007199254740992", string(block.Value)), restore, is(dedupe.ErrCorrupt)},
		"a newer block":                       {with(block, func(r *kafkatx.Record) { r.Value[0] = 2 }), newer, is(dedupe.ErrNewerVersion)},
		"a newer checkpoint":                  {record("a/checkpoint", `{"version":2}`), newer, isNewer},
		"a checkpoint of version 0":           {record("a/checkpoint", `{"account":"a"}`), restore, nil},
		"an empty checkpoint":                 {record("a/checkpoint", ""), restore, nil},
		"a checkpoint that is no JSON":        {record("a/checkpoint", "{]"), restore, nil},
		"a checkpoint that is torn":           {record("a/checkpoint", checkpointJSON[:20]), restore, nil},
		"another account's checkpoint":        {record("a/checkpoint", strings.Replace(checkpointJSON, `"a"`, `"ab"`, 1)), restore, nil},
		"a deleted checkpoint":                {kafkatx.Record{Key: checkpoint.Key}, lost, nil},
		"a deleted block":                     {kafkatx.Record{Key: block.Key}, lost, nil},
		"a deleted letter":                    {kafkatx.Record{Key: letter.Key}, lost, nil},
		"a newer letter":                      {record(string(letter.Key), "\x02x"), newer, nil},
		"a letter of no version":              {record(string(letter.Key), "\x00"), restore, nil},
		"an empty letter":                     {record(string(letter.Key), ""), restore, nil},
		"a letter and more":                   {record(string(letter.Key), "\x01\x01"), restore, nil},
		"a letter with a short hash":          {record(string(letter.Key[:20]), "\x01"), restore, nil},
		"a letter with a long hash":           {record(string(letter.Key)+"00", "\x01"), restore, nil},
		"a letter with no hash":               {record(strings.Replace(string(letter.Key), "5c", "5x", 1), "\x01"), restore, nil},
		"a letter in another spelling":        {record(strings.Replace(string(letter.Key), "5c", "5C", 1), "\x01"), restore, nil},
		"an unknown key":                      {record("a/request/1", "x"), newer, nil},
		"no key behind the account":           {record("a/", "x"), newer, nil},
		"a block without a number":            {record("a/block/", string(block.Value)), restore, nil},
		"a block with a number beyond 64 bit": {record("a/block/99999999999999999999", string(block.Value)), restore, nil},
		"a block in another spelling":         {record("a/block/01", string(block.Value)), restore, nil},
		"a block with a sign":                 {record("a/block/+1", string(block.Value)), restore, nil},
	} {
		at := state.Partition{Topic: "attempts.state", Partition: 6}
		before := fakeLog{record("ab/nonsense", ""), record("noise", ""), {}, checkpoint, letter, blockRecord(t, "a", 9999)}
		_, err := state.Recover(t.Context(), append(before, test.record, record("b/nonsense", "")), at, "a")
		var damage *state.RecordError
		if !errors.As(err, &damage) {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if want := (state.RecordError{At: at, Offset: int64(len(before)), Key: string(test.record.Key), Err: damage.Err}); *damage != want {
			t.Errorf("%s: %+v, want %+v", name, *damage, want)
		}
		if test.is != nil && !test.is(err) {
			t.Errorf("%s: %v is not of the kind that it should be", name, err)
		}
		for _, part := range []string{"account a", fmt.Sprintf("%q", test.record.Key), "offset 6", "attempts.state partition 6", test.advice} {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("%s: %q does not say %q", name, err, part)
			}
		}
		// What a good record of the same key replaced does no harm; if there can be none, it stays.
		mended := append(append(before, test.record), checkpoint, letter, block)
		if a, err := state.Recover(t.Context(), mended, at, "a"); err == nil {
			if a.Index.Told() != 2 || a.Letters.Len() != 1 || string(encoded(t, a)) != checkpointJSON {
				t.Errorf("%s: replaced, it left something: %d told", name, a.Index.Told())
			}
		} else if key := string(test.record.Key); key == string(checkpoint.Key) || key == string(letter.Key) || key == string(block.Key) {
			t.Errorf("%s: replaced, it still does harm: %v", name, err)
		}
	}
}

// The first of several is told, and the last of one key counts.
func TestWhichRecordIsNamed(t *testing.T) {
	t.Parallel()
	block, checkpoint := blockRecord(t, "a", 4097), record("a/checkpoint", checkpointJSON)
	bad := with(block, func(r *kafkatx.Record) { r.Value[0] = 9 })
	for name, test := range map[string]struct {
		log    fakeLog
		offset int64
	}{
		"two":                              {fakeLog{checkpoint, bad, record("a/x", "")}, 1},
		"one replaced by a worse":          {fakeLog{checkpoint, bad, record("a/x", ""), {Key: block.Key}}, 2},
		"a good one replaced":              {fakeLog{checkpoint, block, bad}, 2},
		"a good checkpoint replaced":       {fakeLog{block, checkpoint, record("a/checkpoint", "?")}, 2},
		"a checkpoint, damaged and gone":   {fakeLog{block, record("a/checkpoint", "?"), {Key: checkpoint.Key}}, 2},
		"a bad block without a checkpoint": {fakeLog{{}, bad}, 1},
	} {
		_, err := state.Recover(t.Context(), test.log, state.Partition{}, "a")
		var damage *state.RecordError
		if !errors.As(err, &damage) || damage.Offset != test.offset {
			t.Errorf("%s: %v, want offset %d", name, err, test.offset)
		}
	}
}

// A log that has lost blocks or letters which its checkpoint counts is refused: what they held would be told again.
func TestLostRecords(t *testing.T) {
	t.Parallel()
	checkpoint := record("a/checkpoint", strings.Replace(checkpointJSON, `"trust"`, `"told":2,"dead":1,"trust"`, 1))
	blocks := fakeLog{blockRecord(t, "a", 4097), blockRecord(t, "a", 9999)}
	letter := record(letterKey("a", dedupe.Hash{0x5c}), "\x01")
	if _, err := state.Recover(t.Context(), append(blocks, letter, checkpoint), state.Partition{}, "a"); err != nil {
		t.Fatalf("nothing is lost: %v", err)
	}
	for name, log := range map[string]fakeLog{"a block": {blocks[0], letter, checkpoint}, "the letter": append(blocks, checkpoint), "all": {checkpoint}} {
		_, err := state.Recover(t.Context(), log, state.Partition{Topic: "attempts.state"}, "a")
		var damage *state.RecordError
		if !errors.As(err, &damage) || damage.Key != "a/checkpoint" {
			t.Errorf("without %s: %v", name, err)
			continue
		}
		for _, part := range []string{"counts 2 events and 1 dead letters", "restore the topic from a copy"} {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("without %s: %q does not say %q", name, err, part)
			}
		}
	}
}

func TestMissingCheckpoint(t *testing.T) {
	t.Parallel()
	at := state.Partition{Topic: "attempts.state", Partition: 6}
	for name, r := range map[string]kafkatx.Record{"index": blockRecord(t, "a", 4097), "letters": record(letterKey("a", dedupe.Hash{}), "\x01")} {
		_, err := state.Recover(t.Context(), fakeLog{r, record("ab/checkpoint", "")}, at, "a")
		var damage *state.RecordError
		if !errors.As(err, &damage) || damage.Key != "a/checkpoint" || damage.Offset != 2 || damage.At != at {
			t.Fatalf("%s without a checkpoint: %v", name, err)
		}
		for _, part := range []string{`"a/checkpoint" is not in attempts.state partition 6`, "up to offset 2", "restore the topic from a copy"} {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("%q does not say %q", err, part)
			}
		}
	}
}
