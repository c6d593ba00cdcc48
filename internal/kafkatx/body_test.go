package kafkatx

import (
	"bytes"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
)

// withBodies are the same records, handed over as bytes.
func withBodies(records []Record) []Record {
	bodies := make([]Record, len(records))
	for i, r := range records {
		bodies[i] = Record{Topic: r.Topic, Partition: r.Partition, Time: r.Time, Body: AppendBody(nil, r.Key, r.Value, r.Headers)}
	}
	return bodies
}

// A batch is the same bytes, whichever way its records are handed over.
func TestBatchOfBodies(t *testing.T) {
	records := goldenRecords()
	mixed := withBodies(records)
	copy(mixed[:len(mixed)/2], records)
	for name, codec := range allCodecs {
		t.Run(name, func(t *testing.T) {
			var want []byte
			for i, records := range [][]Record{records, withBodies(records), mixed} {
				got, _, err := newCodecs().appendBatch(nil, nil, batchIdentity{1, 2, 3}, codec, time.Now(), records, entriesOf(records))
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
	records := append(goldenRecords(), Record{}, Record{Headers: []kafka.Header{{Key: string(make([]byte, 100))}}})
	for i, body := range withBodies(records) {
		r := records[i]
		if r.bodySize() != len(body.Body) || body.bodySize() != len(body.Body) {
			t.Errorf("record %d: %d bytes, as a body %d, want %d", i, r.bodySize(), body.bodySize(), len(body.Body))
		}
		if key := body.key(); !bytes.Equal(key, r.Key) || (key == nil) != (r.Key == nil) {
			t.Errorf("record %d: key %.40q, want %.40q", i, key, r.Key)
		}
	}
}
