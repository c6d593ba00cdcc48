package kafkatx

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/segmentio/kafka-go/protocol"
)

const (
	fetchVersion = 11 // brokers since 2.3

	// maxAnswer bounds the memory for one answer: brokers send a larger batch than asked for, but only one.
	maxAnswer = 256 << 20

	readCommitted = 1
)

// routingError is a request that was not sent, because its partitions have no leader that is known.
type routingError struct{ err error }

func (e *routingError) Error() string { return "not sent: " + e.err.Error() }
func (e *routingError) Unwrap() error { return e.err }

// fetchRequest reads one partition, read_committed. It writes and reads itself on kafka-go's connection, because
// kafka-go's own decoder forgets where a batch ends (its lastOffsetDelta): in a compacted topic a batch whose last
// records are gone would come back for ever.
type fetchRequest struct {
	clientID string
	topicPartition
	offset   int64
	maxBytes int32 // the first batch comes whole even if it is larger
	maxWait  int32 // milliseconds to wait for the first byte

	// buf takes the answer. It belongs to the connection until the answer is there, and for good if there is none.
	buf []byte

	version int16 // as negotiated
}

// fetchAnswer is what a fetch found. Its slices point into the request's buffer.
type fetchAnswer struct {
	buf              []byte // the request's, perhaps larger
	throttle         int32  // milliseconds
	found            bool   // false: the partition is missing in the answer, as when throttled
	code             int16
	lastStableOffset int64
	logStartOffset   int64
	aborted          []abortedTransaction
	batches          []byte
}

type abortedTransaction struct{ producerID, firstOffset int64 }

var (
	_ protocol.BrokerMessage = (*fetchRequest)(nil)
	_ protocol.RawExchanger  = (*fetchRequest)(nil)
)

// ApiKey makes both messages of the Fetch API.
func (*fetchRequest) ApiKey() protocol.ApiKey { return protocol.Fetch }

// ApiKey makes both messages of the Fetch API.
func (*fetchAnswer) ApiKey() protocol.ApiKey { return protocol.Fetch }

// Broker routes the request to the partition's leader.
func (r *fetchRequest) Broker(cluster protocol.Cluster) (protocol.Broker, error) {
	leader := int32(-1)
	if p, ok := cluster.Topics[r.topic].Partitions[r.partition]; ok {
		leader = p.Leader
	}
	b, ok := cluster.Brokers[leader]
	if !ok {
		return protocol.Broker{ID: -1}, &routingError{fmt.Errorf("%v has no known leader", r.topicPartition)}
	}
	return b, nil
}

// Required is always true: no other code can encode this message.
func (r *fetchRequest) Required(versions map[protocol.ApiKey]int16) bool {
	r.version = versions[protocol.Fetch]
	return true
}

// RawExchange sends the request and reads the answer.
func (r *fetchRequest) RawExchange(rw io.ReadWriter) (protocol.Message, error) {
	if r.version < fetchVersion {
		return nil, fmt.Errorf("the broker's Fetch version is %d; %d is needed (Kafka 2.3)", r.version, fetchVersion)
	}
	if _, err := rw.Write(r.encode()); err != nil {
		return nil, err
	}
	var prefix [4]byte
	if _, err := io.ReadFull(rw, prefix[:]); err != nil {
		return nil, err
	}
	size := binary.BigEndian.Uint32(prefix[:])
	if size > maxAnswer {
		return nil, fmt.Errorf("an answer of %d bytes is more than the limit of %d", size, maxAnswer)
	}
	buf := r.buf
	if cap(buf) < int(size) {
		buf = make([]byte, size)
	}
	buf = buf[:size]
	if _, err := io.ReadFull(rw, buf); err != nil {
		return nil, err
	}
	return decodeFetch(buf, r.topicPartition)
}

// correlation is the same in all requests: a connection of kafka-go carries one at a time.
const correlation = 0x6b747866

func (r *fetchRequest) encode() []byte {
	b := make([]byte, 4, 128+len(r.topic)+len(r.clientID))
	put16 := func(v int) { b = binary.BigEndian.AppendUint16(b, uint16(v)) }
	put32 := func(v int) { b = binary.BigEndian.AppendUint32(b, uint32(v)) }
	put64 := func(v int64) { b = binary.BigEndian.AppendUint64(b, uint64(v)) }
	putString := func(s string) { put16(len(s)); b = append(b, s...) }

	put16(int(protocol.Fetch))
	put16(fetchVersion)
	put32(correlation)
	putString(r.clientID)

	put32(-1) // replica id: a consumer
	put32(int(r.maxWait))
	put32(1) // minimum bytes
	// The bound is the partition's. The one for the whole answer only has to be no smaller.
	put32(max(int(r.maxBytes), defaultMaxBytes))
	b = append(b, readCommitted)
	put32(0)  // session id
	put32(-1) // session epoch: no session
	put32(1)  // topics
	putString(r.topic)
	put32(1) // partitions
	put32(int(r.partition))
	put32(-1) // leader epoch: not known
	put64(r.offset)
	put64(-1) // log start offset: a consumer
	put32(int(r.maxBytes))
	put32(0)      // forgotten topics
	putString("") // rack

	binary.BigEndian.PutUint32(b, uint32(len(b)-4))
	return b
}

// defaultMaxBytes is what consumers ask for if not told otherwise (fetch.max.bytes).
const defaultMaxBytes = 50 << 20

func decodeFetch(buf []byte, want topicPartition) (*fetchAnswer, error) {
	d := cursor{buf: buf}
	a := &fetchAnswer{buf: buf}
	if id := d.int32(); d.err == nil && id != correlation {
		return nil, fmt.Errorf("correlation id mismatch: %d", id)
	}
	a.throttle = d.int32()
	code := d.int16()
	d.int32() // session id
	for range d.count(6) {
		topic := string(d.bytes(int(d.int16())))
		for range d.count(42) {
			p := fetchAnswer{buf: buf, throttle: a.throttle, found: true}
			partition := d.int32()
			p.code = d.int16()
			d.int64() // high watermark
			p.lastStableOffset = d.int64()
			p.logStartOffset = d.int64()
			for range d.count(16) {
				p.aborted = append(p.aborted, abortedTransaction{d.int64(), d.int64()})
			}
			d.int32() // preferred read replica: only for consumers with a rack
			p.batches = d.bytes(int(d.int32()))
			if topic == want.topic && partition == want.partition {
				*a = p
			}
		}
	}
	if d.err != nil {
		return nil, fmt.Errorf("decode a fetch answer: %w", d.err)
	}
	if code != 0 {
		a.code = code
	}
	return a, nil
}

var errShort = errors.New("data ends too early")

// cursor reads big endian fields. After the first error all reads are zero.
type cursor struct {
	buf []byte
	err error
}

// bytes takes the next n bytes; negative n is null.
func (c *cursor) bytes(n int) []byte {
	if n < 0 || c.err != nil {
		return nil
	}
	if n > len(c.buf) {
		c.err = errShort
		return nil
	}
	b := c.buf[:n:n]
	c.buf = c.buf[n:]
	return b
}

func (c *cursor) int16() int16 {
	if b := c.bytes(2); b != nil {
		return int16(binary.BigEndian.Uint16(b))
	}
	return 0
}

func (c *cursor) int32() int32 {
	if b := c.bytes(4); b != nil {
		return int32(binary.BigEndian.Uint32(b))
	}
	return 0
}

func (c *cursor) int64() int64 {
	if b := c.bytes(8); b != nil {
		return int64(binary.BigEndian.Uint64(b))
	}
	return 0
}

// count is the length of an array, or none if it is null. An array whose elements, of at least least bytes, are more than
// is left cannot be.
func (c *cursor) count(least int) int {
	n := int(c.int32())
	if n > len(c.buf)/least {
		c.err = errShort
	}
	if n < 0 || c.err != nil {
		return 0
	}
	return n
}
