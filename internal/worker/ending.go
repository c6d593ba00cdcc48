package worker

import (
	"errors"
	"fmt"

	"attemptstream/internal/kafkatx"
	"attemptstream/internal/state"
)

// ending is what ends an account for good, told so that an operator knows what to do: another session would fail in the
// same way, or must not begin. It is nil if another session is to begin.
func (a *account) ending(err error) error {
	var record *state.RecordError
	var stuck *StuckError
	var lost *StateLostError
	var moved *StateMovedError
	var unknown *kafkatx.UnknownTopicError
	switch {
	case errors.Is(err, kafkatx.ErrFenced) && a.worker.Ownership == nil:
		return &FencedError{Err: err}
	case errors.As(err, &unknown) && unknown.Topic == a.at.Topic:
		// Whoever creates it anew, and empty, would make the next session tell everything again.
		return &StateLostError{At: a.at, Err: err}
	case errors.As(err, &record), errors.As(err, &stuck), errors.As(err, &lost), errors.As(err, &moved):
		return err
	}
	return nil
}

// A FencedError is an account that somebody else writes for, or may write for.
type FencedError struct {
	Err   error
	Owned bool // by the group it is this worker's, or was until now
}

func (e *FencedError) Error() string {
	if e.Owned {
		return fmt.Sprintf("Kafka refuses what this worker writes for the account: it was given to another worker, or Kafka has ended a "+
			"transaction that was older than the transaction timeout, or somebody writes for it who is not in the group of the workers (an older "+
			"version?): this worker goes on when the group says that the account is its own: %v", e.Err)
	}
	return fmt.Sprintf("another attemptstream has taken over this account, or Kafka has ended a transaction that was older than the "+
		"transaction timeout: this worker tells nothing more of the account; if no other worker reads it, start it again: %v", e.Err)
}

func (e *FencedError) Unwrap() error { return e.Err }

// A StateLostError is a state topic that does not know any more what this process has read in it or written to it.
type StateLostError struct {
	At  state.Partition
	Err error
}

func (e *StateLostError) Error() string {
	return fmt.Sprintf("what was told is remembered in topic %q, which has lost it (partition %d): without it all would be told again, so "+
		"nothing more is: restore the topic from a copy, or begin anew under another KAFKA_TOPIC; do not create it empty: %v",
		e.At.Topic, e.At.Partition, e.Err)
}

func (e *StateLostError) Unwrap() error { return e.Err }

// remember refuses a memory that knows less than an earlier session of this process knew: the index only grows.
func (a *account) remember(memory *state.Account) error {
	if told := memory.Index.Told(); told < a.told {
		return &StateLostError{At: a.at, Err: fmt.Errorf("it holds %d of the %d events told before", told, a.told)}
	}
	a.told = memory.Index.Told()
	return nil
}
