package state_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"attemptstream/internal/attempt"
	"attemptstream/internal/kafkatx"
	"attemptstream/internal/state"
)

// counted is a log that counts how often it is read from its start.
type counted struct {
	fakeLog
	readings int
}

func (c *counted) ReadCommitted(ctx context.Context, topic string, partition int, from int64, fn func(kafkatx.Record) error) (int64, error) {
	if from == 0 {
		c.readings++
	}
	return c.fakeLog.ReadCommitted(ctx, topic, partition, from, fn)
}

// Accounts that are recovered together get what each would get alone, of one reading; what is wrong with one is no other's.
func TestRecoverAll(t *testing.T) {
	t.Parallel()
	checkpoint := func(name string) kafkatx.Record {
		return record(name+"/checkpoint", strings.Replace(checkpointJSON, `"a"`, `"`+name+`"`, 1))
	}
	log := &counted{fakeLog: fakeLog{
		checkpoint("a"), blockRecord(t, "a", 4097), checkpoint("damaged"), checkpoint("ab"), blockRecord(t, "ab", 4098),
		record("damaged/block/1", "no block"), checkpoint("nobody's"), blockRecord(t, "ab", 4099),
	}}
	at := state.Partition{Topic: "s", Partition: 3}
	found := state.RecoverAll(t.Context(), log, at, []attempt.Account{"a", "damaged", "ab", "new"})
	if len(found) != 4 || log.readings != 1 {
		t.Fatalf("%d accounts in %d readings", len(found), log.readings)
	}
	for name, id := range map[attempt.Account]int64{"a": 4097, "ab": 4099} {
		r := found[name]
		if r.Err != nil || r.Account.Name != name || r.Account.New() || r.Account.Read != int64(len(log.fakeLog)) ||
			r.Account.Index.Told() != 1 || !r.Account.Index.Look(id, "Completed").Told {
			t.Errorf("account %s: %+v", name, r)
		}
	}
	if r := found["new"]; r.Err != nil || !r.Account.New() || r.Account.Index.Told() != 0 {
		t.Errorf("an account that was never written: %+v", r)
	}
	var wrong *state.RecordError
	if r := found["damaged"]; r.Account != nil || !errors.As(r.Err, &wrong) || wrong.Key != "damaged/block/1" || wrong.At != at {
		t.Errorf("a damaged account: %+v", r)
	}
}
