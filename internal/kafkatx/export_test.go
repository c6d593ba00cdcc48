package kafkatx

// SetSequence makes a partition's next sequence number n.
func (p *Producer) SetSequence(topic string, partition, n int32) {
	p.next[topicPartition{topic, partition}] = n
}

// WithBodies are the same records, handed over as bytes.
func WithBodies(records []Record) []Record { return withBodies(records) }
