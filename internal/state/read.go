package state

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"attemptstream/internal/kafkatx"
)

// A Reader reads the committed records of a partition, as kafkatx.Client does: up to the last stable offset. From an
// offset beyond the end of the log, the error is a *kafkatx.OffsetOutOfRangeError, which says where that end is.
type Reader interface {
	ReadCommitted(ctx context.Context, topic string, partition int, from int64, fn func(kafkatx.Record) error) (next int64, err error)
}

// How often to look whether a transaction that is in the way has ended, and for how long: it takes milliseconds where
// its owner lives, and the transaction's timeout, a minute if nothing else is set, where it died.
const (
	firstLook  = 2 * time.Millisecond
	lastLook   = 250 * time.Millisecond
	openLimit  = 2 * time.Minute
	beyondLogs = math.MaxInt64
)

// readWhole reads a partition up to the end that its log has at the time of the call, and returns where it stopped.
//
// The last stable offset is not enough. Accounts share the partition, and an open transaction of another account holds
// it back: behind it lie records of this account that are committed, and without them their events would be told again.
// The account's own transactions have all ended, since the owner has taken its transactional id; so what is read in the
// end is all that there is of it.
func readWhole(ctx context.Context, from Reader, at Partition, fn func(kafkatx.Record) error) (next int64, err error) {
	end, err := endOf(ctx, from, at)
	if err != nil {
		return 0, err
	}
	pause, since := firstLook, time.Now()
	for next < end {
		before := next
		if next, err = from.ReadCommitted(ctx, at.Topic, at.Partition, next, fn); err != nil {
			return next, err
		}
		switch {
		case next >= end:
			return next, nil
		case next > before:
			pause, since = firstLook, time.Now()
		case time.Since(since) > openLimit:
			return next, &OpenError{At: at, Offset: next, Open: openLimit}
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return next, ctx.Err()
		}
		pause = min(2*pause, lastLook)
	}
	return next, nil
}

// endOf is the end of the log, open transactions included.
func endOf(ctx context.Context, from Reader, at Partition) (int64, error) {
	_, err := from.ReadCommitted(ctx, at.Topic, at.Partition, beyondLogs, func(kafkatx.Record) error { return nil })
	var beyond *kafkatx.OffsetOutOfRangeError
	if errors.As(err, &beyond) {
		return beyond.End, nil
	}
	if err == nil {
		err = fmt.Errorf("no end was found of topic %q partition %d", at.Topic, at.Partition)
	}
	return 0, err
}

// An OpenError is a transaction that does not end, so that what lies behind it cannot be read.
type OpenError struct {
	At     Partition
	Offset int64 // the last stable one
	Open   time.Duration
}

func (e *OpenError) Error() string {
	return fmt.Sprintf("%s partition %d cannot be read beyond offset %d: a transaction has been open there for %s. The broker ends it "+
		"at its timeout; if it does not, it hangs: find it with kafka-transactions.sh find-hanging, and abort it",
		e.At.Topic, e.At.Partition, e.Offset, e.Open)
}
