package worker

import (
	"context"
	"errors"
	"time"

	"attemptstream/internal/kafkatx"
)

// Much of a large transaction is written while the rest of it is read and judged: one piece is on its way, the next is rendered
// and compressed, and a third is being filled. Else the network, the brokers and the processors would wait for each other. What
// has been written need not stay in memory.
//
// From its first piece on, a transaction keeps all consumers from reading further in the partitions that it has written to. So
// only what is much is written ahead; it is committed after patience like all that is staged, and before the API is asked for
// anything that a judgment needs.

// mostFlights is how many pieces are under way: one is written, one is encoded.
const mostFlights = 2

// An ahead is the transaction that a session has begun.
type ahead struct {
	tx      *kafkatx.Transaction // nil: none
	began   time.Time
	flights []*flight // in the order in which they are written
}

// A flight is a piece under way.
type flight struct {
	piece  piece
	landed chan struct{} // closed when Kafka has it, or err
	err    error
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

// ended makes known how the transaction has ended, and how long that took. One that was not committed is given up, unless it
// has ended by itself: what failed may never have come to it.
func (s *session) ended(err error) time.Duration {
	if err != nil {
		s.ahead.tx.Abort()
	}
	took := time.Since(s.ahead.began)
	s.worker.Meter.Transaction(s.name, took, err)
	s.ahead.tx = nil
	return took
}

// writeAhead begins to write what is staged, if it is enough for a piece, and waits for one of those before if it is more than
// enough. An error may be that of one before.
func (s *session) writeAhead(ctx context.Context, q *queue) error {
	if s.batch.size < s.worker.PieceBytes {
		return nil
	}
	most := mostFlights
	if s.batch.size >= 2*s.worker.PieceBytes {
		most--
	}
	if err := s.land(q, most); err != nil {
		return err
	}
	if len(s.ahead.flights) < mostFlights {
		s.launch(ctx)
	}
	return nil
}

// launch sends what is staged on its way, behind what already is.
func (s *session) launch(ctx context.Context) {
	tx, f := s.begin(), &flight{piece: s.batch.next(), landed: make(chan struct{})}
	var before *flight
	if n := len(s.ahead.flights); n > 0 {
		before = s.ahead.flights[n-1]
	}
	s.ahead.flights = append(s.ahead.flights, f)
	go func() {
		defer close(f.landed)
		encoded := tx.Encode(&f.piece)
		if before != nil {
			<-before.landed
		}
		f.err = s.worker.gate.Turn(ctx, func() error { return tx.Write(ctx, encoded) })
	}()
}

// land waits until so many pieces are under way at most, while q goes on reading. The first one that fails is the end of the
// transaction: the others end with it.
func (s *session) land(q *queue, most int) (err error) {
	for n := len(s.ahead.flights); n > 0 && (n > most || err != nil || closed(s.ahead.flights[0].landed)); n-- {
		f := s.ahead.flights[0]
		_ = q.during(func() error { <-f.landed; return nil })
		if f.err != nil && err == nil {
			err = f.piece.blame(f.err)
			s.ended(err)
		}
		s.batch.written(f.piece)
		s.ahead.flights = s.ahead.flights[1:]
	}
	return err
}

// abandon gives up the transaction, if one has begun.
func (s *session) abandon() {
	if s.land(nil, 0) != nil || !s.ahead.open() {
		return
	}
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
