package state

import (
	"fmt"
	"slices"

	"attemptstream/internal/attempt"
	"attemptstream/internal/dedupe"
	"attemptstream/internal/kafkatx"
	"attemptstream/internal/schedule"
)

// A Partition is where an account's records lie.
type Partition struct {
	Topic     string
	Partition int
}

// An Account is what is remembered of one account. It is not safe for concurrent use.
type Account struct {
	Name       attempt.Account
	Checkpoint *schedule.Checkpoint
	Index      *dedupe.Index
	Letters    *dedupe.Letters
	Replays    *Replays
	// Read is the offset behind the last record that Recover has read.
	Read int64

	at   Partition
	last []byte // the checkpoint as it was committed last, nil if it never was
	next []byte // as AppendRecords gave it out, nil if it did not since the last Commit or Rollback
}

// New tells whether nothing was ever committed of the account.
func (a *Account) New() bool { return a.last == nil }

// Changed says whether there is anything to write: whether AppendRecords would append.
func (a *Account) Changed() (bool, error) {
	if a.Index.DirtyBlocks() > 0 || len(a.Letters.Staged()) > 0 {
		return true, nil
	}
	if changed, err := a.Replays.changed(); changed || err != nil {
		return changed, err
	}
	checkpoint, err := a.encodeCheckpoint()
	return !slices.Equal(checkpoint, a.last), err
}

func (a *Account) encodeCheckpoint() ([]byte, error) {
	a.Checkpoint.Told, a.Checkpoint.Dead = a.Index.Told(), a.Letters.Len()
	return a.Checkpoint.Encode()
}

// AppendRecords appends the records of all that changed since the last Commit. They are for the transaction that holds
// the events of the same changes. When it has committed, call Commit; when it was aborted, Rollback. When its outcome is
// unknown, the Account is of no use any more: its owner recovers.
func (a *Account) AppendRecords(dst []kafkatx.Record) ([]kafkatx.Record, error) {
	checkpoint, err := a.encodeCheckpoint()
	if err != nil {
		return dst, fmt.Errorf("encode the checkpoint of account %s: %w", a.Name, err)
	}
	a.next = checkpoint
	if !slices.Equal(checkpoint, a.last) {
		dst = append(dst, a.record(checkpointKey(a.Name), checkpoint))
	}
	for _, h := range a.Letters.Staged() {
		dst = append(dst, a.record(appendLetterKey(nil, a.Name, h), []byte{letterVersion}))
	}
	dst = slices.Grow(dst, a.Index.DirtyBlocks())
	err = a.Index.Dirty(func(number int64, record []byte) error {
		// The record is valid only now. Its key lies behind it, in the same memory.
		memory := append(make([]byte, 0, len(record)+len(a.Name)+32), record...)
		memory = appendBlockKey(memory, a.Name, number)
		n := len(record)
		dst = append(dst, a.record(memory[n:], memory[:n:n]))
		return nil
	})
	if err != nil {
		return dst, err
	}
	return a.Replays.appendRecords(dst, a.record)
}

func (a *Account) record(key, value []byte) kafkatx.Record {
	return kafkatx.Record{Topic: a.at.Topic, Partition: a.at.Partition, Key: key, Value: value}
}

// Commit notes that the records of the last AppendRecords are committed. Nothing may have changed between the two. Without
// an AppendRecords since the last Commit or Rollback, nothing can have been committed, and it does nothing.
func (a *Account) Commit() {
	if a.next == nil {
		return
	}
	a.Index.Commit()
	a.Letters.Commit()
	a.Replays.commit()
	a.last, a.next = a.next, nil
}

// Rollback makes the account what it was after the last Commit, or after Recover. The Checkpoint is a new one then.
func (a *Account) Rollback() error {
	checkpoint, err := decodeCheckpoint(a.Name, a.last)
	if err != nil {
		return err // it was read or written before, so this cannot be
	}
	a.Checkpoint, a.next = checkpoint, nil
	a.Index.Rollback()
	a.Letters.Rollback()
	return a.Replays.rollback()
}

// decodeCheckpoint reads the checkpoint of an account; nil is that of an account of which nothing has been read.
func decodeCheckpoint(name attempt.Account, record []byte) (*schedule.Checkpoint, error) {
	if record == nil {
		return schedule.NewCheckpoint(name), nil
	}
	checkpoint, err := schedule.DecodeCheckpoint(record)
	if err == nil && checkpoint.Account != name {
		err = fmt.Errorf("it is that of account %q", checkpoint.Account)
	}
	return checkpoint, err
}
