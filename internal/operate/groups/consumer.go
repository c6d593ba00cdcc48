package groups

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
)

const (
	// consumerGroupDescribe is the API that describes groups of the consumer protocol (KIP-848), which kafka-go has not.
	consumerGroupDescribe = protocol.ApiKey(69)

	// correlation is the same in all requests: a connection of kafka-go carries one at a time.
	correlation = 0x6c616721

	// mostAnswer bounds the memory for an answer.
	mostAnswer = 64 << 20
)

// describeConsumer asks for a group of the consumer protocol (KIP-848). Brokers before 3.7 do not know it.
func describeConsumer(ctx context.Context, client *kafka.Client, group, topic string) (_ description, known bool, _ error) {
	msg, err := client.Transport.RoundTrip(ctx, client.Addr, &consumerRequest{group: group, topic: topic})
	if err != nil {
		return description{}, false, err
	}
	res, ok := msg.(*consumerAnswer)
	if !ok {
		return description{}, false, fmt.Errorf("unexpected answer %T", msg)
	}
	switch res.code {
	case groupIDNotFound, kafka.UnsupportedVersion:
		return description{}, false, nil
	case 0:
		return res.description, true, nil
	}
	return description{}, false, res.code
}

// consumerRequest describes one group. It writes and reads itself on kafka-go's connection.
type consumerRequest struct {
	group, topic string
	supported    bool // by the broker
}

// consumerAnswer is the answer to it.
type consumerAnswer struct {
	code kafka.Error
	description
}

var (
	_ protocol.GroupMessage = (*consumerRequest)(nil)
	_ protocol.RawExchanger = (*consumerRequest)(nil)
)

// ApiKey makes both messages of the ConsumerGroupDescribe API.
func (*consumerRequest) ApiKey() protocol.ApiKey { return consumerGroupDescribe }

// ApiKey makes both messages of the ConsumerGroupDescribe API.
func (*consumerAnswer) ApiKey() protocol.ApiKey { return consumerGroupDescribe }

// Group routes the request to the group's coordinator.
func (r *consumerRequest) Group() string { return r.group }

// Required is always true: no other code can encode this message.
func (r *consumerRequest) Required(versions map[protocol.ApiKey]int16) bool {
	_, r.supported = versions[consumerGroupDescribe]
	return true
}

// RawExchange sends the request and reads the answer.
func (r *consumerRequest) RawExchange(rw io.ReadWriter) (protocol.Message, error) {
	if !r.supported {
		return &consumerAnswer{code: kafka.UnsupportedVersion}, nil
	}
	if _, err := rw.Write(r.encode()); err != nil {
		return nil, err
	}
	var prefix [4]byte
	if _, err := io.ReadFull(rw, prefix[:]); err != nil {
		return nil, err
	}
	size := binary.BigEndian.Uint32(prefix[:])
	if size > mostAnswer {
		return nil, fmt.Errorf("an answer of %d bytes is more than the limit of %d", size, mostAnswer)
	}
	b := make([]byte, size)
	if _, err := io.ReadFull(rw, b); err != nil {
		return nil, err
	}
	return decodeConsumer(b, r.topic)
}

// encode is version 0 of the request, which all brokers have that have any.
func (r *consumerRequest) encode() []byte {
	b := make([]byte, 4, 64+len(r.group))
	b = binary.BigEndian.AppendUint16(b, uint16(consumerGroupDescribe))
	b = binary.BigEndian.AppendUint16(b, 0)
	b = binary.BigEndian.AppendUint32(b, correlation)
	b = binary.BigEndian.AppendUint16(b, 0) // client id
	b = append(b, 0)                        // tagged fields of the header
	b = append(b, 2)                        // one group
	b = binary.AppendUvarint(b, uint64(len(r.group)+1))
	b = append(b, r.group...)
	b = append(b, 0, 0) // no authorized operations, no tagged fields
	binary.BigEndian.PutUint32(b, uint32(len(b)-4))
	return b
}

func decodeConsumer(b []byte, topic string) (*consumerAnswer, error) {
	r := reader{b: b}
	if id := r.int32(); r.err == nil && id != correlation {
		return nil, fmt.Errorf("correlation id mismatch: %d", id)
	}
	r.tags()
	r.int32() // throttle time
	if n := r.length(); r.err == nil && n != 1 {
		return nil, fmt.Errorf("%d groups in an answer to a question for one", n)
	}
	a := &consumerAnswer{code: kafka.Error(r.int16())}
	r.compact() // error message
	r.compact() // group
	a.state = r.compact()
	r.int32()   // group epoch
	r.int32()   // assignment epoch
	r.compact() // assignor
	for range r.length() {
		m := Member{ID: r.compact(), Partitions: []int{}}
		r.compact() // instance id
		r.compact() // rack
		r.int32()   // member epoch
		m.ClientID, m.Host = r.compact(), r.compact()
		for range r.length() {
			if r.compact() == topic {
				a.subscribed = true
			}
		}
		r.compact() // subscribed by an expression: what it has says which topics that is
		m.Partitions = append(m.Partitions, r.assignment(topic)...)
		r.assignment(topic) // what it is to have
		r.tags()
		if r.err != nil {
			break
		}
		a.subscribed = a.subscribed || len(m.Partitions) > 0
		a.members = append(a.members, m)
	}
	r.int32() // authorized operations
	r.tags()
	r.tags()
	if r.err != nil {
		return nil, fmt.Errorf("decode the description of a group: %w", r.err)
	}
	sortMembers(a.members)
	return a, nil
}

// assignment reads which partitions of a topic a member has.
func (r *reader) assignment(topic string) []int {
	var partitions []int
	for range r.length() {
		r.bytes(16) // topic id
		name := r.compact()
		for range r.length() {
			if p := int(r.int32()); name == topic && r.err == nil {
				partitions = append(partitions, p)
			}
		}
		r.tags()
		if r.err != nil {
			return nil
		}
	}
	r.tags()
	return partitions
}
