package kafkatx

import (
	"encoding/binary"
	"fmt"
	"time"

	"github.com/segmentio/kafka-go"
)

// Record is one record of a topic's partition.
type Record struct {
	Topic     string
	Partition int
	Offset    int64     // set when read, ignored when written
	Time      time.Time // in milliseconds; zero when written: the time of Commit
	Key       []byte    // nil: no key
	Value     []byte    // nil: a tombstone
	Headers   []kafka.Header

	// Body is key, value and headers as a record batch has them, see AppendBody: whoever renders many records at once can
	// so have them copied as one. Only when written, and then Key, Value and Headers are not looked at; nil: made of them.
	Body []byte
}

// AppendBody appends what a record batch has of a record behind its deltas (KIP-98, "Record"): key, value, the number of
// headers, and each one's key and value; in front of each stands its length, and -1 for nil.
func AppendBody(dst, key, value []byte, headers []kafka.Header) []byte {
	dst = appendNullable(dst, key)
	dst = appendNullable(dst, value)
	dst = binary.AppendVarint(dst, int64(len(headers)))
	for i := range headers {
		h := &headers[i]
		dst = binary.AppendVarint(dst, int64(len(h.Key)))
		dst = append(dst, h.Key...)
		dst = appendNullable(dst, h.Value)
	}
	return dst
}

// bodySize is the length of the record's body.
func (r *Record) bodySize() int {
	if r.Body != nil {
		return len(r.Body)
	}
	n := nullableSize(r.Key) + nullableSize(r.Value) + varintSize(int64(len(r.Headers)))
	for i := range r.Headers {
		h := &r.Headers[i]
		n += varintSize(int64(len(h.Key))) + len(h.Key) + nullableSize(h.Value)
	}
	return n
}

// key is the record's key, wherever it is.
func (r *Record) key() []byte {
	if r.Body != nil {
		f := fields{b: r.Body}
		return f.nullable()
	}
	return r.Key
}

// anyPartition stands for a topic as a whole.
const anyPartition = -1

type topicPartition struct {
	topic     string
	partition int32
}

func (tp topicPartition) String() string {
	if tp.partition == anyPartition {
		return fmt.Sprintf("topic %q", tp.topic)
	}
	return fmt.Sprintf("topic %q partition %d", tp.topic, tp.partition)
}
