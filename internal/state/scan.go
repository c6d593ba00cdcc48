package state

import (
	"context"
	"strings"
	"time"

	"attemptstream/internal/attempt"
	"attemptstream/internal/kafkatx"
)

// A Scanned says how far a Scan has come. The records of an open transaction, and all that lie behind it, committed or
// not, are not shown before it ends.
type Scanned struct {
	Next int64 // everything committed before it was shown
	End  int64 // of the log when the scan began
}

// Hidden tells whether something may have been hidden by an open transaction.
func (s Scanned) Hidden() bool { return s.Next < s.End }

// Scan calls fn with the committed records of a partition, in order, up to the end that its log has at the time of the
// call. Unlike Recover it is for those who own no account and only look: when transactions are still open after patience,
// it ends, and says so. The memory of a record is valid only during the call of fn.
func Scan(ctx context.Context, from Reader, at Partition, patience time.Duration, fn func(kafkatx.Record) error) (Scanned, error) {
	end, err := endOf(ctx, from, at)
	if err != nil {
		return Scanned{}, err
	}
	s := Scanned{End: end}
	deadline := time.Now().Add(patience)
	for pause := firstLook; s.Hidden(); pause = min(2*pause, lastLook) {
		if s.Next, err = from.ReadCommitted(ctx, at.Topic, at.Partition, s.Next, fn); err != nil {
			return s, err
		}
		left := time.Until(deadline)
		if !s.Hidden() || left <= 0 {
			return s, nil
		}
		select {
		case <-time.After(min(pause, left)):
		case <-ctx.Done():
			return s, ctx.Err()
		}
	}
	return s, nil
}

// CheckpointOf is the account whose checkpoint has this key. ok is false for the key of anything else.
func CheckpointOf(key []byte) (account attempt.Account, ok bool) {
	name, rest, found := strings.Cut(string(key), "/")
	if !found || rest != checkpointName {
		return "", false
	}
	account, err := attempt.ParseAccount(name)
	return account, err == nil
}
