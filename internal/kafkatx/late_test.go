package kafkatx_test

import (
	"context"
	"errors"
	"testing"

	"attemptstream/internal/kafkatx"

	"github.com/segmentio/kafka-go/protocol"
)

// Requests that were answered too late for their sender arrive once more, or for the first time, during the next
// transaction. Only the new epoch keeps them from committing, aborting or replacing what is not theirs: with the raise
// of the epoch taken out of Producer.clean, the tests of late commits, aborts and batches fail.

// deliverLate sends a recorded request, whatever the answer. There is none to send if nothing was recorded.
func deliverLate(t testing.TB, late <-chan sender) {
	select {
	case send := <-late:
		_, _ = send(testContext(t))
	default:
		t.Error("the request that was to arrive late was never sent")
	}
}

// A late commit must not commit a transaction that is aborted afterwards.
func TestLateCommit(t *testing.T) {
	onBrokers(t, func(t *testing.T, b *broker) {
		topic := b.topic(t, 2)
		c, f := b.client(t)
		p := b.producer(t, c)
		late := f.record("EndTxn(commit)", 1, false)
		if err := p.Commit(testContext(t), pair(topic, "first")); err != nil {
			t.Fatal(err)
		}
		// Both partitions are written; then the late commit comes, and the transaction is given up.
		ctx, cancel := context.WithCancel(testContext(t))
		defer cancel()
		f.on("Produce", 1, func(_ context.Context, _ protocol.Message, send sender) (protocol.Message, error) {
			res, err := send(testContext(t))
			deliverLate(t, late)
			cancel()
			return res, err
		})
		if err := p.Commit(ctx, pair(topic, "given up")); !errors.Is(err, kafkatx.ErrAborted) {
			t.Fatalf("Commit = %v, want ErrAborted", err)
		}
		if err := p.Commit(testContext(t), pair(topic, "third")); err != nil {
			t.Fatal(err)
		}
		inBoth(t, b, topic, "first", "third")
	})
}

// A late abort must not take the records out of a transaction that is committed afterwards.
func TestLateAbort(t *testing.T) {
	onBrokers(t, func(t *testing.T, b *broker) {
		topic := b.topic(t, 2)
		c, f := b.client(t)
		p := b.producer(t, c)
		late := f.record("EndTxn(abort)", 1, false)
		ctx, cancel := context.WithCancel(testContext(t))
		f.on("Produce", 1, func(_ context.Context, _ protocol.Message, send sender) (protocol.Message, error) {
			defer cancel()
			return send(testContext(t))
		})
		if err := p.Commit(ctx, pair(topic, "given up")); !errors.Is(err, kafkatx.ErrAborted) {
			t.Fatalf("Commit = %v, want ErrAborted", err)
		}
		f.on("Produce", 1, func(_ context.Context, _ protocol.Message, send sender) (protocol.Message, error) {
			res, err := send(testContext(t))
			deliverLate(t, late)
			return res, err
		})
		if err := p.Commit(testContext(t), pair(topic, "second")); err != nil {
			t.Fatal(err)
		}
		inBoth(t, b, topic, "second")
	})
}

// A late batch of an aborted transaction must not take the sequence numbers of the next one: the broker would keep the
// old data and acknowledge the new data as a repetition.
func TestLateProduce(t *testing.T) {
	onBrokers(t, func(t *testing.T, b *broker) {
		topic := b.topic(t, 2)
		c, f := b.client(t)
		p := b.producer(t, c)
		if err := p.Commit(testContext(t), pair(topic, "first")); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(testContext(t))
		late := make(chan sender, 1)
		f.on("Produce", 1, func(_ context.Context, _ protocol.Message, send sender) (protocol.Message, error) {
			late <- send
			cancel()
			return nil, errInjected
		})
		if err := p.Commit(ctx, pair(topic, "old")); !errors.Is(err, kafkatx.ErrAborted) {
			t.Fatalf("Commit = %v, want ErrAborted", err)
		}
		f.on("Produce", 1, func(_ context.Context, _ protocol.Message, send sender) (protocol.Message, error) {
			deliverLate(t, late) // the partitions are in the next transaction
			return send(testContext(t))
		})
		if err := p.Commit(testContext(t), pair(topic, "new")); err != nil {
			t.Fatal(err)
		}
		inBoth(t, b, topic, "first", "new")
	})
}

// A late AddPartitionsToTxn must not change or open a transaction.
func TestLateAddPartitions(t *testing.T) {
	onBrokers(t, func(t *testing.T, b *broker) {
		topic := b.topic(t, 2)
		c, f := b.client(t)
		p := b.producer(t, c)
		late := f.record("AddPartitionsToTxn", 1, true)
		if err := p.Commit(testContext(t), pair(topic, "first")); err != nil {
			t.Fatal(err)
		}
		f.on("EndTxn(commit)", 1, func(_ context.Context, _ protocol.Message, send sender) (protocol.Message, error) {
			res, err := send(testContext(t))
			deliverLate(t, late)
			return res, err
		})
		for _, v := range []string{"second", "third"} {
			if err := p.Commit(testContext(t), pair(topic, v)); err != nil {
				t.Fatal(err)
			}
		}
		inBoth(t, b, topic, "first", "second", "third")
	})
}

// A batch that arrives twice within its transaction is there once.
func TestRepeatedProduce(t *testing.T) {
	onBrokers(t, func(t *testing.T, b *broker) {
		topic := b.topic(t, 2)
		c, f := b.client(t)
		p := b.producer(t, c)
		late := f.record("Produce", 1, true)
		f.on("EndTxn(commit)", 1, func(_ context.Context, _ protocol.Message, send sender) (protocol.Message, error) {
			deliverLate(t, late)
			return send(testContext(t))
		})
		for _, v := range []string{"first", "second"} {
			if err := p.Commit(testContext(t), pair(topic, v)); err != nil {
				t.Fatal(err)
			}
		}
		inBoth(t, b, topic, "first", "second")
	})
}

// A late InitProducerID of our own fences our own transaction: nothing of it is committed, and Init recovers.
func TestLateRaiseOfTheEpoch(t *testing.T) {
	t.Parallel()
	b := realBroker(t) // kfake answers a late one with success
	topic := b.topic(t, 2)
	c, f := b.client(t)
	p := b.producer(t, c)
	f.loseAnswer("Produce", 1)
	if err := p.Commit(testContext(t), pair(topic, "first")); err != nil {
		t.Fatal(err)
	}
	late := f.record("InitProducerId", 1, true)
	f.on("Produce", 1, func(_ context.Context, _ protocol.Message, send sender) (protocol.Message, error) {
		deliverLate(t, late)
		return send(testContext(t))
	})
	err := p.Commit(testContext(t), pair(topic, "second"))
	if err != nil && !errors.Is(err, kafkatx.ErrFenced) {
		t.Fatalf("Commit = %v, want nil or ErrFenced", err)
	}
	want := []string{"first", "third"}
	if err == nil {
		want = []string{"first", "second", "third"}
	}
	if err := p.Init(testContext(t)); err != nil {
		t.Fatal(err)
	}
	if err := p.Commit(testContext(t), pair(topic, "third")); err != nil {
		t.Fatal(err)
	}
	inBoth(t, b, topic, want...)
}
