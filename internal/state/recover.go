package state

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"attemptstream/internal/attempt"
	"attemptstream/internal/dedupe"
	"attemptstream/internal/kafkatx"
	"attemptstream/internal/schedule"
)

// A Reader reads the committed records of a partition, as kafkatx.Client does.
type Reader interface {
	ReadCommitted(ctx context.Context, topic string, partition int, from int64, fn func(kafkatx.Record) error) (next int64, err error)
}

// A RecordError is a record of the state topic that cannot be used.
type RecordError struct {
	At     Partition
	Offset int64
	Key    string
	Err    error
}

func (e *RecordError) Error() string {
	advice := "do not delete it, or what it holds would be told again: restore the topic from a copy, or begin anew under another KAFKA_TOPIC"
	var newer *schedule.NewerVersionError
	if errors.Is(e.Err, dedupe.ErrNewerVersion) || errors.Is(e.Err, errUnknownKey) || errors.As(e.Err, &newer) {
		advice = "run the version that wrote it, or a later one; nothing was told or written"
	}
	return fmt.Sprintf("record %q at offset %d of %s partition %d cannot be used: %v (%s)",
		e.Key, e.Offset, e.At.Topic, e.At.Partition, e.Err, advice)
}

func (e *RecordError) Unwrap() error { return e.Err }

// Recover reads the memory of an account as of the last commit. Who calls it must own the account's transactional id
// since before the call, so that nobody else can add to it. An account of which nothing was ever committed is empty.
//
// The error is a *RecordError for a record that cannot be used (the first one, if there are several), else the Reader's.
func Recover(ctx context.Context, from Reader, at Partition, name attempt.Account) (*Account, error) {
	r := recovery{
		Account: Account{
			Name:    name,
			Index:   dedupe.New(),
			Letters: dedupe.NewLetters(),
			at:      at,
		},
		failed: map[string]*RecordError{},
	}
	if _, err := from.ReadCommitted(ctx, at.Topic, at.Partition, 0, r.take); err != nil {
		return nil, fmt.Errorf("recover account %s: %w", name, err)
	}
	if err := r.finish(); err != nil {
		return nil, fmt.Errorf("recover account %s: %w", name, err)
	}
	return &r.Account, nil
}

type recovery struct {
	Account
	failed           map[string]*RecordError // by key, until a later record replaces it
	checkpointOffset int64
}

// take uses one record. Only the last one of each key counts, and which one that is shows at the end of the log.
func (r *recovery) take(record kafkatx.Record) error {
	k, ours, err := parseKey(r.Name, record.Key)
	if !ours {
		return nil
	}
	if err == nil {
		err = r.use(k, record)
	}
	if err != nil {
		r.failed[string(record.Key)] = &RecordError{At: r.at, Offset: record.Offset, Key: string(record.Key), Err: err}
		return nil
	}
	if len(r.failed) > 0 {
		delete(r.failed, string(record.Key))
	}
	return nil
}

var errTombstone = errors.New("it was deleted, which attemptstream never does")

func (r *recovery) use(k key, record kafkatx.Record) error {
	if record.Value == nil {
		return errTombstone
	}
	switch k.kind {
	case kindCheckpoint:
		r.last, r.checkpointOffset = bytes.Clone(record.Value), record.Offset
	case kindBlock:
		return r.Index.Load(k.block, record.Value)
	case kindLetter:
		r.Letters.Load(k.hash)
	}
	return nil
}

// finish decodes the last checkpoint, and reports what was not replaced by a record that can be used.
func (r *recovery) finish() error {
	if r.last == nil && r.Index.Told() > 0 {
		return &RecordError{At: r.at, Key: string(checkpointKey(r.Name)),
			Err: errors.New("it is missing, though the account has an index")}
	}
	checkpoint, err := decodeCheckpoint(r.Name, r.last)
	if err != nil {
		key := string(checkpointKey(r.Name))
		r.failed[key] = &RecordError{At: r.at, Offset: r.checkpointOffset, Key: key, Err: err}
	}
	r.Checkpoint = checkpoint
	var first *RecordError
	for _, e := range r.failed {
		if first == nil || e.Offset < first.Offset {
			first = e
		}
	}
	if first != nil {
		return first
	}
	return nil
}
