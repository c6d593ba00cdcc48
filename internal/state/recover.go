package state

import (
	"bytes"
	"context"
	"fmt"

	"attemptstream/internal/attempt"
	"attemptstream/internal/dedupe"
	"attemptstream/internal/kafkatx"
)

// Recover reads the memory of an account as of the last commit. Who calls it must own the account's transactional id
// since before the call, so that nobody else can add to it. An account of which nothing was ever committed is empty.
//
// The error is a *RecordError for a record that cannot be used (the first one, if there are several), an *OpenError, or
// the Reader's.
func Recover(ctx context.Context, from Reader, at Partition, name attempt.Account) (*Account, error) {
	r := RecoverAll(ctx, from, at, []attempt.Account{name})[name]
	return r.Account, r.Err
}

// A Recovered is what Recover returns for one of several accounts.
type Recovered struct {
	Account *Account
	Err     error
}

// RecoverAll is Recover for several accounts of a partition, which is read once for all of them. A record that cannot be
// used stops only the account whose it is.
func RecoverAll(ctx context.Context, from Reader, at Partition, names []attempt.Account) map[attempt.Account]Recovered {
	all := make(map[attempt.Account]*recovery, len(names))
	for _, name := range names {
		all[name] = newRecovery(at, name)
	}
	end, err := readWhole(ctx, from, at, func(record kafkatx.Record) error {
		name, _, _ := bytes.Cut(record.Key, []byte("/"))
		if r := all[attempt.Account(name)]; r != nil {
			r.take(record)
		}
		return nil
	})
	out := make(map[attempt.Account]Recovered, len(all))
	for name, r := range all {
		failed := err
		if failed == nil {
			failed = r.finish(end)
		}
		if failed != nil {
			out[name] = Recovered{Err: fmt.Errorf("recover account %s: %w", name, failed)}
			continue
		}
		r.Read = end
		out[name] = Recovered{Account: r.Account}
	}
	return out
}

func newRecovery(at Partition, name attempt.Account) *recovery {
	return &recovery{
		Account: &Account{
			Name:    name,
			Index:   dedupe.New(),
			Letters: dedupe.NewLetters(),
			Replays: newReplays(name),
			at:      at,
		},
		failed:   map[string]*RecordError{},
		progress: map[string]progressRecord{},
	}
}

// A progressRecord is the last one of a replay. They are rewritten as often as the checkpoint.
type progressRecord struct {
	value  []byte
	offset int64
}

type recovery struct {
	*Account
	failed map[string]*RecordError // by key, until a later record replaces it
	// checkpoint is the last one's record. It may have been rewritten a thousand times, and decoding all of them would
	// take longer than all the rest.
	checkpoint struct {
		found  bool
		value  []byte
		offset int64
	}
	progress map[string]progressRecord // by replay
}

// take uses one record. Only the last one of each key counts, and which one that is shows at the end of the log.
func (r *recovery) take(record kafkatx.Record) {
	k, ours, err := parseKey(r.Name, record.Key)
	if !ours {
		return
	}
	if err == nil {
		err = r.use(k, record)
	}
	if err != nil {
		r.fail(string(record.Key), record.Offset, err)
	} else if len(r.failed) > 0 {
		delete(r.failed, string(record.Key))
	}
}

func (r *recovery) fail(key string, offset int64, err error) {
	r.failed[key] = &RecordError{At: r.at, Offset: offset, Key: key, Err: err}
}

func (r *recovery) use(k key, record kafkatx.Record) error {
	switch k.kind {
	case kindRequest:
		r.Replays.Ask(Asked{ID: k.replay, Value: record.Value})
		return nil
	case kindProgress:
		if record.Value == nil {
			delete(r.progress, k.replay)
			return nil
		}
		p := r.progress[k.replay]
		r.progress[k.replay] = progressRecord{append(p.value[:0], record.Value...), record.Offset}
		return nil
	case kindReplayBlock:
		return r.Replays.get(k.replay).load(k.block, record.Value)
	}
	if record.Value == nil {
		return errTombstone
	}
	switch k.kind {
	case kindCheckpoint:
		c := &r.checkpoint
		c.found, c.value, c.offset = true, append(c.value[:0], record.Value...), record.Offset
	case kindBlock:
		return r.Index.Load(k.block, record.Value)
	case kindLetter:
		if err := checkLetter(record.Value); err != nil {
			return err
		}
		r.Letters.Load(k.hash)
	}
	return nil
}

// finish decodes the last checkpoint, and reports what was not replaced by a record that can be used.
func (r *recovery) finish(end int64) error {
	r.decodeProgress()
	r.decodeLast(end)
	var first *RecordError
	for _, e := range r.failed {
		if first == nil || e.Offset < first.Offset {
			first = e
		}
	}
	if first != nil {
		return first
	}
	if told, dead := r.Index.Told(), r.Letters.Len(); told < r.Checkpoint.Told || dead < r.Checkpoint.Dead {
		return &RecordError{At: r.at, Offset: r.checkpoint.offset, Key: string(checkpointKey(r.Name)),
			Err: fmt.Errorf("it counts %d events and %d dead letters, but the records beside it remember %d and %d: some are lost",
				r.Checkpoint.Told, r.Checkpoint.Dead, told, dead)}
	}
	return nil
}

func (r *recovery) decodeLast(end int64) {
	key := string(checkpointKey(r.Name))
	switch {
	case r.failed[key] != nil: // it was deleted
		return
	case r.checkpoint.found:
		r.last = append([]byte{}, r.checkpoint.value...)
	case r.Index.Told() > 0 || r.Letters.Len() > 0 || len(r.progress) > 0 || len(r.failed) > 0:
		r.fail(key, end, errMissing)
		return
	}
	var err error
	if r.Checkpoint, err = decodeCheckpoint(r.Name, r.last); err != nil {
		r.fail(key, r.checkpoint.offset, err)
	}
}

// decodeProgress decodes the last progress of every replay, and drops what is known of those that are over.
func (r *recovery) decodeProgress() {
	for id, last := range r.progress {
		key := replayKey(r.Name, id) + progressName
		p, err := decodeProgress(last.value)
		if err == nil {
			err = r.Replays.get(id).recovered(p, last.value)
		}
		if err != nil {
			r.fail(key, last.offset, err)
		}
	}
}
