package kafkatx

// SetSequence makes a partition's next sequence number n.
func (p *Producer) SetSequence(topic string, partition, n int32) {
	p.next[topicPartition{topic, partition}] = n
}
