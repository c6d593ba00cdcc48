package worker

import (
	"context"
	"errors"
	"time"

	"attemptstream/internal/kafkatx"
)

// Much of a large transaction is written while the rest of it is read and judged: else the network, the brokers and the
// compression would wait for the judgment, and that for them. What has been written need not stay in memory.
//
// From its first piece on, a transaction keeps all consumers from reading further in the partitions that it has written to. So
// only what is much is written ahead; it is committed after patience like all that is staged, and before the API is asked for
// anything that a judgment needs.

// An ahead is the transaction that a session has begun.
type ahead struct {
	tx      *kafkatx.Transaction // nil: none
	began   time.Time
	piece   piece      // that is under way
	written chan error // has the outcome of that; nil: none is under way
}

// open tells whether anything of the batch has been written, or is under way.
func (a *ahead) open() bool { return a.tx != nil }

// begin is the transaction of what is staged.
func (s *session) begin() *kafkatx.Transaction {
	if s.ahead.tx == nil {
		s.ahead.tx, s.ahead.began = s.producer.Begin(), time.Now()
	}
	return s.ahead.tx
}

// ended makes known how the transaction has ended, and how long that took.
func (s *session) ended(err error) time.Duration {
	took := time.Since(s.ahead.began)
	s.worker.Meter.Transaction(s.name, took, err)
	s.ahead.tx = nil
	return took
}

// writeAhead begins to write what is staged, if it is enough for a piece, and waits for the one before if it is more than
// enough. An error may be that of the one before.
func (s *session) writeAhead(ctx context.Context, q *queue) error {
	switch {
	case s.batch.size < s.worker.PieceBytes || s.batch.full(): // what is full is committed at once
		return nil
	case s.ahead.written != nil && len(s.ahead.written) == 0 && s.batch.size < 2*s.worker.PieceBytes:
		return nil
	}
	if err := s.finishWrite(q); err != nil {
		return err
	}
	tx := s.begin()
	s.ahead.piece, s.ahead.written = s.batch.next(), make(chan error, 1)
	records, written := s.ahead.piece.records, s.ahead.written
	go func() {
		written <- s.worker.gate.turn(ctx, func() error { return tx.Write(ctx, records) })
	}()
	return nil
}

// finishWrite waits for the piece that is under way, if one is, while q goes on reading.
func (s *session) finishWrite(q *queue) error {
	if s.ahead.written == nil {
		return nil
	}
	err := q.during(func() error { return <-s.ahead.written })
	if err != nil {
		err = s.ahead.piece.blame(err)
		s.ended(err)
	}
	s.batch.written(s.ahead.piece)
	s.ahead.piece, s.ahead.written = piece{}, nil
	return err
}

// abandon gives up the transaction, if one has begun.
func (s *session) abandon() {
	if s.finishWrite(nil) != nil || !s.ahead.open() {
		return
	}
	s.ahead.tx.Abort()
	s.ended(kafkatx.ErrAborted)
}

var errOpen = errors.New("a transaction is open")

// mayAsk is an error while a transaction is open: who needs an answer of the API to go on comes again when it is committed.
func (s *session) mayAsk() error {
	if s.ahead.open() {
		return errOpen
	}
	return nil
}
