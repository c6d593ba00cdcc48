package state

import (
	"errors"
	"fmt"

	"attemptstream/internal/dedupe"
	"attemptstream/internal/schedule"
)

// A RecordError is a record of the state topic that cannot be used, or the lack of one that has to be there.
type RecordError struct {
	At     Partition
	Offset int64 // of the record; of one that is missing: where the log ends
	Key    string
	Err    error
}

func (e *RecordError) Error() string {
	where := fmt.Sprintf("record %q at offset %d of %s partition %d cannot be used", e.Key, e.Offset, e.At.Topic, e.At.Partition)
	if errors.Is(e.Err, errMissing) {
		where = fmt.Sprintf("record %q is not in %s partition %d, which was read up to offset %d", e.Key, e.At.Topic, e.At.Partition, e.Offset)
	}
	return fmt.Sprintf("%s: %v (%s)", where, e.Err, e.advice())
}

// advice is what an operator can do. Nothing was read from the API or written when the error comes.
func (e *RecordError) advice() string {
	var newer *schedule.NewerVersionError
	switch {
	case errors.Is(e.Err, dedupe.ErrNewerVersion), errors.Is(e.Err, errNewerLetter), errors.Is(e.Err, errNewerReplay), errors.Is(e.Err, errUnknownKey), errors.As(e.Err, &newer):
		return "run the version that wrote it, or a later one"
	case errors.Is(e.Err, errMissing), errors.Is(e.Err, errTombstone):
		return "restore the topic from a copy, or begin anew under another KAFKA_TOPIC"
	}
	return "do not delete it, or what it holds would be told again: restore the topic from a copy, or begin anew under another KAFKA_TOPIC"
}

func (e *RecordError) Unwrap() error { return e.Err }

var (
	errTombstone   = errors.New("it was deleted, which attemptstream never does")
	errMissing     = errors.New("the account has other records, and none is ever written before this one")
	errNewerLetter = errors.New("a newer version of attemptstream wrote it")
	errNewerReplay = errors.New("a newer version of attemptstream wrote it")
)

// letterVersion is all that the value of a dead letter's record holds.
const letterVersion = 1

func checkLetter(value []byte) error {
	switch {
	case len(value) > 0 && value[0] > letterVersion:
		return errNewerLetter
	case len(value) != 1 || value[0] != letterVersion:
		return fmt.Errorf("a dead letter of %d bytes, want the byte %d alone", len(value), letterVersion)
	}
	return nil
}
