package kafkatx_test

import (
	"context"
	"errors"
	"testing"

	"attemptstream/internal/kafkatx"

	"github.com/segmentio/kafka-go/protocol"
)

// A transaction that is given up before anything of it is written, all of whose requests were answered, leaves nothing that
// could be late. But it has used up sequence numbers that the broker never saw, and under the same epoch the broker would
// wait for them for ever.
func TestCommitAfterAnAnsweredAbort(t *testing.T) {
	onBrokers(t, func(t *testing.T, b *broker) {
		topic := b.topic(t, 2)
		c, f := b.client(t)
		p := b.producer(t, c)
		if err := p.Commit(testContext(t), pair(topic, "first")); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(testContext(t))
		f.on("AddPartitionsToTxn", 1, func(_ context.Context, _ protocol.Message, send sender) (protocol.Message, error) {
			defer cancel()
			return send(testContext(t))
		})
		if err := p.Commit(ctx, pair(topic, "given up")); !errors.Is(err, kafkatx.ErrAborted) {
			t.Fatalf("Commit = %v, want ErrAborted", err)
		}
		raised := f.raises()
		for _, v := range []string{"second", "third"} {
			if err := p.Commit(testContext(t), pair(topic, v)); err != nil {
				t.Fatal(err)
			}
		}
		inBoth(t, b, topic, "first", "second", "third")
		if n := raised.Load(); n != 1 {
			t.Errorf("the epoch was raised %d times, want once: after the abort", n)
		}
	})
}
