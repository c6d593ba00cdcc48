package kafkatx

import (
	"time"

	"github.com/segmentio/kafka-go/protocol"
)

// Again is a request that can be sent while the first one is under way.
func Again(req protocol.Message) protocol.Message {
	if d, ok := req.(*directed); ok {
		return &directed{Message: d.Message, broker: d.broker, clientID: d.clientID}
	}
	return req
}

// SetSequence makes a partition's next sequence number n.
func (p *Producer) SetSequence(topic string, partition, n int32) {
	p.next[topicPartition{topic, partition}] = n
}

// WithBodies are the same records, handed over as bytes.
func WithBodies(records []Record) []Record { return withBodies(records) }

// Expire makes the transaction as old as it may become.
func (t *Transaction) Expire() { t.until = time.Now() }
