package kafkatx_test

import (
	"context"
	"errors"
	"testing"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/protocol/endtxn"

	"attemptstream/internal/kafkatx"
)

// A late InitProducerID of our own makes the coordinator forget that the transaction was committed: "invalid state" is then
// no proof of an abort.
func TestLateRaiseAfterCommit(t *testing.T) {
	onBrokers(t, func(t *testing.T, b *broker) {
		topic := b.topic(t, 2)
		c, f := b.client(t)
		p := b.producer(t, c)
		f.loseAnswer("Produce", 1)
		if err := p.Commit(testContext(t), pair(topic, "first")); err != nil {
			t.Fatal(err)
		}
		late := f.record("InitProducerId", 1, true)
		f.on("EndTxn(commit)", 1, func(_ context.Context, _ protocol.Message, send sender) (protocol.Message, error) {
			// The commit is done, markers and all; its answer is lost.
			for {
				res, err := send(testContext(t))
				if err != nil {
					t.Error(err)
					break
				}
				code := kafka.Error(res.(*endtxn.Response).ErrorCode)
				t.Log("EndTxn:", code)
				if code == 0 {
					res, err := send(testContext(t))
					if err == nil && res.(*endtxn.Response).ErrorCode == 0 {
						break
					}
				}
			}
			deliverLate(t, late)
			return nil, errInjected
		})
		err := p.Commit(testContext(t), pair(topic, "second"))
		t.Log("Commit:", err)
		switch {
		case err == nil:
		case errors.Is(err, kafkatx.ErrUnknownOutcome):
			if err := p.Init(testContext(t)); err != nil {
				t.Fatal(err)
			}
		default:
			t.Errorf("Commit = %v, want ErrUnknownOutcome or nil: it is committed", err)
		}
		if err := p.Init(testContext(t)); err != nil {
			t.Fatal(err)
		}
		if err := p.Commit(testContext(t), pair(topic, "third")); err != nil {
			t.Fatal(err)
		}
		inBoth(t, b, topic, "first", "second", "third")
	})
}
