package kafkatx_test

import (
	"context"
	"testing"

	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/protocol/rawproduce"
)

// Brokers take transactions that one replica alone has acknowledged, and lose them with that replica. So who produces has to
// ask for all.
func TestAllReplicasAcknowledge(t *testing.T) {
	t.Parallel()
	b := fakeBroker(t)
	topic := b.topic(t, 2)
	c, f := b.client(t)
	p := b.producer(t, c)
	const all = -1
	asked := false
	f.on("Produce", 1, func(ctx context.Context, req protocol.Message, send sender) (protocol.Message, error) {
		asked = true
		if acks := req.(*rawproduce.Request).Acks; acks != all {
			t.Errorf("%d acknowledgments are asked for, want %d: all", acks, all)
		}
		return send(ctx)
	})
	if err := p.Commit(testContext(t), pair(topic, "x")[:1]); err != nil {
		t.Fatal(err)
	}
	if !asked {
		t.Error("nothing was produced")
	}
}
