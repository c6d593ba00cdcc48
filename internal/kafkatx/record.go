package kafkatx

import (
	"fmt"
	"time"

	"github.com/segmentio/kafka-go"
)

// Record is one record of a topic's partition.
type Record struct {
	Topic     string
	Partition int
	Offset    int64     // set when read, ignored when written
	Time      time.Time // in milliseconds; zero when written: the time of the call

	// Body renders key, value and headers where the record is put into a batch. Only when written, and then Key, Value and
	// Headers are not looked at; nil: they are what is written.
	Body Body

	Key     []byte // nil: no key
	Value   []byte // nil: a tombstone
	Headers []kafka.Header
}

// A Body renders what a record batch has of a record behind its deltas (KIP-98, "Record"): key, value, the number of headers,
// and each one's key and value; in front of each stands its length as a varint, and -1 for nil. So many records take no
// memory before they are in a batch, nor are they copied there. It may be used by several goroutines at once.
type Body interface {
	// Size is about how many bytes Append appends, by which batches are cut.
	Size() int
	// Append appends the same bytes each time.
	Append(dst []byte) []byte
}

// Records are what is to be written, in order. They say the same each time, and are asked by several goroutines at once.
type Records interface {
	Len() int
	// Get makes r the record i, counted from 0.
	Get(i int, r *Record)
}

// List is records that are in memory as such.
type List []Record

func (l List) Len() int             { return len(l) }
func (l List) Get(i int, r *Record) { *r = l[i] }

// bodySize is the length of the record's body, or about that if it has a Body.
func (r *Record) bodySize() int {
	if r.Body != nil {
		return r.Body.Size()
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
		f := fields{b: r.Body.Append(nil)}
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
