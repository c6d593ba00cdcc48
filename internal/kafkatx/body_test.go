package kafkatx

import (
	"bytes"
	"encoding/binary"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// A body is one that is ready.
type body []byte

func (b body) Size() int                { return len(b) }
func (b body) Append(dst []byte) []byte { return append(dst, b...) }

// bodyOf is what a batch has of a record behind its deltas, by another library.
func bodyOf(r *Record) []byte {
	k := kmsg.Record{Key: r.Key, Value: r.Value}
	for _, h := range r.Headers {
		k.Headers = append(k.Headers, kmsg.Header{Key: h.Key, Value: h.Value})
	}
	whole := k.AppendTo(nil)
	_, length := binary.Varint(whole) // of length, then of attributes and deltas, which are zero
	return whole[length+3:]
}

// withBodies are the same records, rendered where they are put into a batch.
func withBodies(records []Record) []Record {
	bodies := make([]Record, len(records))
	for i, r := range records {
		bodies[i] = Record{Topic: r.Topic, Partition: r.Partition, Time: r.Time, Body: body(bodyOf(&r))}
	}
	return bodies
}

// A batch is the same bytes, whichever way its records are handed over.
func TestBatchOfBodies(t *testing.T) {
	records := append(goldenRecords(), Record{}, Record{Value: make([]byte, 100)}, Record{Value: make([]byte, 1<<16)})
	mixed, now := withBodies(records), time.Now()
	copy(mixed[:len(mixed)/2], records)
	for name, codec := range allCodecs {
		t.Run(name, func(t *testing.T) {
			var want []byte
			for i, records := range [][]Record{records, withBodies(records), mixed} {
				got, _, err := newCodecs().appendBatch(nil, nil, codec, now, List(records), entriesOf(records))
				if err != nil {
					t.Fatal(err)
				}
				if i == 0 {
					want = got
				}
				if !bytes.Equal(got, want) {
					t.Errorf("batch %d has other bytes", i)
				}
			}
		})
	}
}

// What is cut into batches does not depend on it either, and errors find the key.
func TestSizeOfBody(t *testing.T) {
	records := append(goldenRecords(), Record{}, Record{Value: make([]byte, 100)}, Record{Value: make([]byte, 1<<16)}, Record{Headers: []kafka.Header{{Key: string(make([]byte, 100))}}})
	for i, body := range withBodies(records) {
		r := records[i]
		if r.bodySize() != body.bodySize() {
			t.Errorf("record %d: %d bytes, as a body %d", i, r.bodySize(), body.bodySize())
		}
		if key := body.key(); !bytes.Equal(key, r.Key) || (key == nil) != (r.Key == nil) {
			t.Errorf("record %d: key %.40q, want %.40q", i, key, r.Key)
		}
	}
}
