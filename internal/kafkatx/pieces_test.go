package kafkatx_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"attemptstream/internal/kafkatx"

	"github.com/segmentio/kafka-go/protocol"
)

// write writes a piece that must be taken.
func write(t testing.TB, tx *kafkatx.Transaction, records []kafkatx.Record) {
	t.Helper()
	if err := tx.Write(testContext(t), tx.Encode(kafkatx.List(records))); err != nil {
		t.Fatalf("Write: %v", err)
	}
}

// commit commits a transaction with its last piece.
func commit(t testing.TB, tx *kafkatx.Transaction, records []kafkatx.Record) {
	t.Helper()
	if err := tx.Commit(testContext(t), kafkatx.List(records)); err != nil {
		t.Fatalf("Commit: %v", err)
	}
}

// aborted demands that err says that nothing is committed.
func aborted(t testing.TB, what string, err error) {
	t.Helper()
	if !errors.Is(err, kafkatx.ErrAborted) || errors.Is(err, kafkatx.ErrUnknownOutcome) {
		t.Fatalf("%s = %v, want ErrAborted", what, err)
	}
}

// A transaction in pieces is one: nothing of it is visible before it is committed, and then all of it in the order in which
// it was written. The coordinator is told of each partition once.
func TestPieces(t *testing.T) {
	onBrokers(t, func(t *testing.T, b *broker) {
		topic := b.topic(t, 2)
		c, f := b.client(t)
		p := b.producer(t, c)
		for round := range 2 {
			tx := p.Begin()
			before := map[string]int{}
			for _, kind := range []string{"AddPartitionsToTxn", "EndTxn(commit)", "InitProducerId"} {
				before[kind] = f.count(kind)
			}
			write(t, tx, nil)
			write(t, tx, pair(topic, fmt.Sprint(round, " first"))[:1])
			write(t, tx, pair(topic, fmt.Sprint(round, " first"))[1:])
			write(t, tx, pair(topic, fmt.Sprint(round, " second")))
			for partition := range 2 {
				if got, _ := readOurs(t, c, topic, partition, 0); len(got) != 3*round {
					t.Errorf("before the commit, partition %d shows %q", partition, values(got))
				}
			}
			commit(t, tx, pair(topic, fmt.Sprint(round, " third")))
			for kind, want := range map[string]int{"AddPartitionsToTxn": 2, "EndTxn(commit)": 1, "InitProducerId": 0} {
				if n := f.count(kind) - before[kind]; n < want || n > want && b.fake != nil { // a real one may answer 51
					t.Errorf("%d requests %s, want %d", n, kind, want)
				}
			}
			if err := tx.Write(testContext(t), tx.Encode(kafkatx.List(pair(topic, "more")))); err == nil {
				t.Error("a transaction that has ended takes more")
			}
			if err := tx.Commit(testContext(t), kafkatx.List(nil)); err == nil {
				t.Error("a transaction is committed twice")
			}
			tx.Abort()
		}
		inBoth(t, b, topic, "0 first", "0 second", "0 third", "1 first", "1 second", "1 third")
	})
}

// The last piece may be empty, and so may all be: then Kafka is not asked.
func TestEmptyPieces(t *testing.T) {
	t.Parallel()
	b := fakeBroker(t)
	topic := b.topic(t, 2)
	c, f := b.client(t)
	p := b.producer(t, c)
	tx := p.Begin()
	write(t, tx, pair(topic, "first"))
	commit(t, tx, nil)
	before := f.spoken()
	tx = p.Begin()
	write(t, tx, nil)
	commit(t, tx, nil)
	p.Begin().Abort()
	if n := f.spoken() - before; n != 0 {
		t.Errorf("%d requests for nothing", n)
	}
	inBoth(t, b, topic, "first")
}

// What was written of a transaction that is given up is never seen, and says so to who goes on with it.
func TestPiecesGivenUp(t *testing.T) {
	onBrokers(t, func(t *testing.T, b *broker) {
		topic := b.topic(t, 2)
		c, f := b.client(t)
		p := b.producer(t, c)
		tx := p.Begin()
		write(t, tx, pair(topic, "given up"))
		tx.Abort()
		before := f.spoken()
		tx.Abort()
		aborted(t, "Write", tx.Write(testContext(t), tx.Encode(kafkatx.List(pair(topic, "more")))))
		aborted(t, "Commit", tx.Commit(testContext(t), kafkatx.List(nil)))
		if n := f.spoken() - before; n != 0 {
			t.Errorf("%d requests after the abort", n)
		}
		commit(t, p.Begin(), pair(topic, "next"))
		inBoth(t, b, topic, "next")
		if n := f.count("EndTxn(abort)"); n != 1 {
			t.Errorf("%d aborts", n)
		}
	})
}

// One piece that fails is the end of the transaction: the others are not committed without it.
func TestPieceFails(t *testing.T) {
	onBrokers(t, func(t *testing.T, b *broker) {
		topic := b.topic(t, 2, "max.message.bytes=10000")
		c, _ := b.client(t)
		p := b.producer(t, c)
		tx := p.Begin()
		write(t, tx, pair(topic, "before"))
		piece := pair(topic, "beside")
		piece[1].Value = make([]byte, 20000)
		err := tx.Write(testContext(t), tx.Encode(kafkatx.List(piece)))
		var large *kafkatx.RecordTooLargeError
		if aborted(t, "Write", err); !errors.As(err, &large) || large.Index != 1 || !errors.Is(err, kafkatx.ErrRejected) {
			t.Errorf("Write = %v, want the second record of the piece", err)
		}
		aborted(t, "the next Write", tx.Write(testContext(t), tx.Encode(kafkatx.List(pair(topic, "after")))))
		if again := tx.Commit(testContext(t), kafkatx.List(pair(topic, "after"))); !errors.As(again, &large) {
			t.Errorf("Commit = %v, want what the piece failed with", again)
		}
		commit(t, p.Begin(), pair(topic, "next"))
		inBoth(t, b, topic, "next")
	})
}

// Whatever is lost of whichever piece, the transaction is committed once.
func TestLostInPieces(t *testing.T) {
	onBrokers(t, func(t *testing.T, b *broker) {
		for kind, times := range map[string]int{"AddPartitionsToTxn": 2, "Produce": 3, "EndTxn(commit)": 1} {
			for nth := 1; nth <= times; nth++ {
				for lost, lose := range map[string]func(*faults, string, int){"request": (*faults).loseRequest, "answer": (*faults).loseAnswer} {
					t.Run(fmt.Sprint(kind, " ", nth, " ", lost), func(t *testing.T) {
						t.Parallel()
						topic := b.topic(t, 2)
						c, f := b.client(t)
						p := b.producer(t, c)
						lose(f, kind, nth)
						for i := range 2 {
							tx := p.Begin()
							write(t, tx, pair(topic, fmt.Sprint(i))[:1])
							write(t, tx, pair(topic, fmt.Sprint(i))[1:])
							commit(t, tx, pair(topic, fmt.Sprint(i, " last")))
						}
						inBoth(t, b, topic, "0", "0 last", "1", "1 last")
					})
				}
			}
		}
	})
}

// A late abort must not take the first piece out of a transaction that goes on with another partition: the coordinator would
// open a new one for that, and commit it alone.
func TestLateAbortBetweenPieces(t *testing.T) {
	onBrokers(t, func(t *testing.T, b *broker) {
		topic := b.topic(t, 2)
		c, f := b.client(t)
		p := b.producer(t, c)
		late := f.record("EndTxn(abort)", 1, false)
		tx := p.Begin()
		write(t, tx, pair(topic, "given up"))
		tx.Abort()
		tx = p.Begin()
		write(t, tx, pair(topic, "second")[:1])
		deliverLate(t, late)
		commit(t, tx, pair(topic, "second")[1:])
		inBoth(t, b, topic, "second")
	})
}

// Who is fenced between two pieces learns it with the next one.
func TestFencedBetweenPieces(t *testing.T) {
	onBrokers(t, func(t *testing.T, b *broker) {
		for what, end := range map[string]func(*kafkatx.Transaction, context.Context, []kafkatx.Record) error{
			"Write": func(tx *kafkatx.Transaction, ctx context.Context, r []kafkatx.Record) error {
				return tx.Write(ctx, tx.Encode(kafkatx.List(r)))
			},
			"Commit": func(tx *kafkatx.Transaction, ctx context.Context, r []kafkatx.Record) error {
				return tx.Commit(ctx, kafkatx.List(r))
			},
			"an empty Commit": func(tx *kafkatx.Transaction, ctx context.Context, _ []kafkatx.Record) error {
				return tx.Commit(ctx, kafkatx.List(nil))
			},
		} {
			t.Run(what, func(t *testing.T) {
				t.Parallel()
				topic := b.topic(t, 2)
				id := name(t, "txn")
				c, f := b.client(t)
				old := c.NewProducer(kafkatx.ProducerConfig{TransactionalID: id})
				initialize(t, old)
				tx := old.Begin()
				write(t, tx, pair(topic, "fenced"))
				other, _ := b.client(t)
				heir := other.NewProducer(kafkatx.ProducerConfig{TransactionalID: id})
				initialize(t, heir)
				commit(t, heir.Begin(), pair(topic, "heir"))
				if err := end(tx, testContext(t), pair(topic, "zombie")); !errors.Is(err, kafkatx.ErrFenced) {
					t.Errorf("%s = %v, want ErrFenced", what, err)
				}
				silent := f.spoken()
				tx.Abort()
				if err := tx.Commit(testContext(t), kafkatx.List(nil)); !errors.Is(err, kafkatx.ErrFenced) {
					t.Errorf("Commit after %s = %v, want ErrFenced", what, err)
				}
				if f.spoken() != silent {
					t.Error("a fenced producer spoke to Kafka")
				}
				commit(t, heir.Begin(), pair(topic, "heir 2"))
				inBoth(t, b, topic, "heir", "heir 2")
			})
		}
	})
}

// A transaction ends with the next one, and with Init: what comes between its pieces is not committed without the earlier ones.
func TestOvertakenBetweenPieces(t *testing.T) {
	onBrokers(t, func(t *testing.T, b *broker) {
		topic := b.topic(t, 2)
		c, _ := b.client(t)
		p := b.producer(t, c)
		first := p.Begin()
		write(t, first, pair(topic, "first"))
		commit(t, p.Begin(), pair(topic, "second"))
		aborted(t, "Commit of the one before", first.Commit(testContext(t), kafkatx.List(pair(topic, "third"))))
		third := p.Begin()
		write(t, third, pair(topic, "third"))
		initialize(t, p)
		aborted(t, "Write after Init", third.Write(testContext(t), third.Encode(kafkatx.List(pair(topic, "fourth")))))
		third.Abort()
		commit(t, p.Begin(), pair(topic, "fifth"))
		inBoth(t, b, topic, "second", "fifth")
	})
}

// Who was overtaken ends nothing of who has overtaken it: neither with an empty last piece, nor with one that was written before.
func TestOvertakenEndsNothing(t *testing.T) {
	onBrokers(t, func(t *testing.T, b *broker) {
		topic := b.topic(t, 2)
		c, f := b.client(t)
		p := b.producer(t, c)
		first := p.Begin()
		written := first.Encode(kafkatx.List(pair(topic, "first")))
		if err := first.Write(testContext(t), written); err != nil {
			t.Fatal(err)
		}
		second := p.Begin()
		write(t, second, pair(topic, "second"))
		before := f.spoken()
		aborted(t, "an empty Commit", first.Commit(testContext(t), kafkatx.List(nil)))
		first.Abort()
		aborted(t, "a piece again", p.Begin().Write(testContext(t), written))
		if n := f.spoken() - before; n != 0 {
			t.Errorf("%d requests of those that were overtaken", n)
		}
		commit(t, second, pair(topic, "third"))
		inBoth(t, b, topic, "second", "third")
	})
}

// When the context of a piece ends, the transaction does; and so it does when it has taken too long.
func TestPiecesEnd(t *testing.T) {
	onBrokers(t, func(t *testing.T, b *broker) {
		topic := b.topic(t, 2)
		c, f := b.client(t)
		p := b.producer(t, c)
		for what, end := range map[string]func(*kafkatx.Transaction) error{
			"canceled before": func(tx *kafkatx.Transaction) error {
				ctx, cancel := context.WithCancel(testContext(t))
				cancel()
				return tx.Write(ctx, tx.Encode(kafkatx.List(pair(topic, "canceled"))))
			},
			"canceled meanwhile": func(tx *kafkatx.Transaction) error {
				ctx, cancel := context.WithCancel(testContext(t))
				f.on("Produce", 1, func(_ context.Context, _ protocol.Message, send sender) (protocol.Message, error) {
					defer cancel()
					return send(testContext(t))
				})
				return tx.Commit(ctx, kafkatx.List(pair(topic, "canceled")))
			},
			"canceled at the commit": func(tx *kafkatx.Transaction) error {
				ctx, cancel := context.WithCancel(testContext(t))
				cancel()
				return tx.Commit(ctx, kafkatx.List(nil))
			},
			"too late to write": func(tx *kafkatx.Transaction) error {
				tx.Expire()
				return tx.Write(testContext(t), tx.Encode(kafkatx.List(pair(topic, "late"))))
			},
			"too late to commit": func(tx *kafkatx.Transaction) error { tx.Expire(); return tx.Commit(testContext(t), kafkatx.List(nil)) },
		} {
			before := f.count("EndTxn(abort)")
			tx := p.Begin()
			write(t, tx, pair(topic, what))
			aborted(t, what, end(tx))
			if n := f.count("EndTxn(abort)") - before; n != 1 {
				t.Errorf("%s: %d aborts, want the transaction to be ended at once", what, n)
			}
		}
		commit(t, p.Begin(), pair(topic, "next"))
		inBoth(t, b, topic, "next")
	})
}

// Pieces can be encoded ahead, in any order and while others are written: they are numbered when they are written, and those
// that were made before an abort do in the next epoch. None is written twice.
func TestEncodedAhead(t *testing.T) {
	onBrokers(t, func(t *testing.T, b *broker) {
		topic := b.topic(t, 2)
		c, f := b.client(t)
		p := b.producer(t, c)
		given, tx := p.Begin(), p.Begin()
		second, first := tx.Encode(kafkatx.List(pair(topic, "second"))), tx.Encode(kafkatx.List(pair(topic, "first")))
		write(t, given, pair(topic, "given up"))
		given.Abort()
		var third *kafkatx.Piece
		f.on("Produce", 2, func(ctx context.Context, _ protocol.Message, send sender) (protocol.Message, error) {
			third = tx.Encode(kafkatx.List(pair(topic, "third")))
			return send(ctx)
		})
		for i := range 3 {
			if err := tx.Write(testContext(t), []*kafkatx.Piece{first, second, third}[i]); err != nil {
				t.Fatal(err)
			}
		}
		commit(t, tx, nil)
		inBoth(t, b, topic, "first", "second", "third")
		again := p.Begin()
		aborted(t, "the same piece again", again.Write(testContext(t), first))
		commit(t, p.Begin(), pair(topic, "fourth"))
		inBoth(t, b, topic, "first", "second", "third", "fourth")
	})
}
