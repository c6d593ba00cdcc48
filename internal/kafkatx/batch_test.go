package kafkatx

import (
	"bytes"
	"fmt"
	"hash/crc32"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"pgregory.net/rapid"
)

var allCodecs = map[string]kafka.Compression{
	"none": 0, "gzip": kafka.Gzip, "snappy": kafka.Snappy, "lz4": kafka.Lz4, "zstd": kafka.Zstd,
}

// goldenRecords are what testdata/Golden.java writes.
func goldenRecords() []Record {
	at := func(ms int64) time.Time { return time.UnixMilli(1_700_000_000_000 + ms) }
	records := []Record{
		{Time: at(0), Key: []byte("key"), Value: []byte("value")},
		{Time: at(86_400_000), Value: []byte{}},
		{Time: at(-70), Key: []byte("tombstone")},
		{Time: at(1), Key: []byte{}, Value: []byte(strings.Repeat("x", 70_000)), Headers: []kafka.Header{
			{Key: "content-type", Value: []byte("application/json")}, {Key: "none"}, {Key: "", Value: []byte{}}}},
	}
	for i := range 100 {
		records = append(records, Record{Time: at(int64(i)), Key: fmt.Append(nil, "k", i), Value: fmt.Append(nil, "v", i*i)})
	}
	return records
}

func golden(t *testing.T, codec string) logBatch {
	t.Helper()
	b, err := os.ReadFile("testdata/java-" + codec + ".batch")
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// entriesOf are entries for some records, or for all.
func entriesOf(records []Record, some ...int) (entries []entry) {
	if some == nil {
		for i := range records {
			some = append(some, i)
		}
	}
	for _, at := range some {
		entries = append(entries, entry{int32(at), int32(records[at].bodySize())})
	}
	return entries
}

// Our bytes are those of Apache Kafka's own producer.
func TestBatchIsJavas(t *testing.T) {
	want := golden(t, "none")
	records := goldenRecords()
	c := newCodecs()
	got, _, err := c.appendBatch(nil, nil, 0, time.Now(), List(records), entriesOf(records))
	if err != nil {
		t.Fatal(err)
	}
	sealBatch(got, batchIdentity{want.producerID(), 0, 0})
	// The broker has filled in the leader's epoch.
	copy(got[atLeaderEpoch:], want[atLeaderEpoch:atMagic])
	if !bytes.Equal(got, want) {
		for i := range got {
			if i >= len(want) || got[i] != want[i] {
				t.Fatalf("byte %d of %d differs; the original has %d", i, len(got), len(want))
			}
		}
		t.Fatalf("%d bytes, want %d", len(got), len(want))
	}
}

// We read what Apache Kafka's own producer has compressed.
func TestReadJavasBatches(t *testing.T) {
	for name := range allCodecs {
		t.Run(name, func(t *testing.T) {
			sameAs(t, decodeBatch(t, newCodecs(), golden(t, name)), goldenRecords())
		})
	}
}

// decodeBatch decodes with the code under test.
func decodeBatch(t testing.TB, c *codecs, b logBatch) []Record {
	t.Helper()
	batch, rest, err := nextBatch(b)
	if err != nil || len(rest) != 0 || len(batch) != len(b) {
		t.Fatalf("nextBatch: %d of %d bytes, %d left, %v", len(batch), len(b), len(rest), err)
	}
	if err := batch.check(); err != nil {
		t.Fatal(err)
	}
	records := []byte(batch[batchHeaderSize:])
	if codec := kafka.Compression(batch.attributes() & attrCodec); codec != 0 {
		if records, err = c.decompress(nil, records, codec); err != nil {
			t.Fatal(err)
		}
	}
	var cursor recordCursor
	if err := cursor.open(batch, records); err != nil {
		t.Fatal(err)
	}
	var all []Record
	for {
		var r Record
		ok, err := cursor.next(&r)
		if err != nil {
			t.Fatalf("record %d: %v", len(all), err)
		}
		if !ok {
			return all
		}
		r.Headers = slices.Clone(r.Headers)
		all = append(all, r)
	}
}

func sameAs(t interface {
	Helper()
	Fatalf(string, ...any)
}, got, want []Record) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d records, want %d", len(got), len(want))
	}
	same := func(a, b []byte) bool { return bytes.Equal(a, b) && (a == nil) == (b == nil) }
	for i, w := range want {
		g := got[i]
		if g.Offset != int64(i) || g.Time.UnixMilli() != w.Time.UnixMilli() || !same(g.Key, w.Key) || !same(g.Value, w.Value) ||
			!slices.EqualFunc(g.Headers, w.Headers, func(a, b kafka.Header) bool { return a.Key == b.Key && same(a.Value, b.Value) }) {
			t.Fatalf("record %d is %v, want %v", i, g, w)
		}
	}
}

// decodeFranz decodes with franz-go's message definitions.
func decodeFranz(t rapid.TB, b []byte) (kmsg.RecordBatch, []Record) {
	var batch kmsg.RecordBatch
	if err := batch.ReadFrom(b); err != nil {
		t.Fatalf("franz-go: %v", err)
	}
	if crc := int32(crc32.Checksum(b[21:], crc32.MakeTable(crc32.Castagnoli))); batch.CRC != crc || int(batch.Length) != len(b)-12 {
		t.Fatalf("checksum %08x, length %d of %d bytes; want %08x", batch.CRC, batch.Length, len(b), crc)
	}
	raw := batch.Records
	if codec := batch.Attributes & 7; codec != 0 {
		var err error
		if raw, err = kgo.DefaultDecompressor().Decompress(raw, kgo.CompressionCodecType(codec)); err != nil {
			t.Fatalf("franz-go: %v", err)
		}
	}
	var records []Record
	for range batch.NumRecords {
		var r kmsg.Record
		length, n := varint(raw)
		if err := r.ReadFrom(raw[:n+length]); err != nil {
			t.Fatalf("franz-go: %v", err)
		}
		raw = raw[n+length:]
		rec := Record{Offset: int64(r.OffsetDelta), Time: time.UnixMilli(batch.FirstTimestamp + r.TimestampDelta64), Key: r.Key, Value: r.Value}
		for _, h := range r.Headers {
			rec.Headers = append(rec.Headers, kafka.Header{Key: h.Key, Value: h.Value})
		}
		records = append(records, rec)
	}
	if len(raw) != 0 {
		t.Fatalf("%d bytes after the records", len(raw))
	}
	return batch, records
}

// varint decodes a zigzag number on its own terms.
func varint(b []byte) (value, n int) {
	var u uint64
	for shift := 0; ; shift += 7 {
		u |= uint64(b[n]&0x7f) << shift
		n++
		if b[n-1]&0x80 == 0 {
			return int(int64(u>>1) ^ -int64(u&1)), n
		}
	}
}

// What we encode, franz-go decodes to the same, and so do we.
func TestBatchRoundTrip(t *testing.T) {
	c := newCodecs()
	some := rapid.OneOf(rapid.Just([]byte(nil)), rapid.SliceOfN(rapid.Byte(), 0, 200), rapid.Just([]byte(strings.Repeat("abc", 30_000))))
	headers := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) kafka.Header {
		return kafka.Header{Key: rapid.StringN(0, 10, 20).Draw(t, "header"), Value: some.Draw(t, "header value")}
	}), 0, 3)
	record := rapid.Custom(func(t *rapid.T) Record {
		return Record{
			Time: time.UnixMilli(rapid.Int64Range(0, 1<<41).Draw(t, "time")),
			Key:  some.Draw(t, "key"), Value: some.Draw(t, "value"), Headers: headers.Draw(t, "headers"),
		}
	})
	rapid.Check(t, func(rt *rapid.T) {
		records := rapid.SliceOfN(record, 1, 20).Draw(rt, "records")
		codec := rapid.SampledFrom([]kafka.Compression{0, kafka.Gzip, kafka.Snappy, kafka.Lz4, kafka.Zstd}).Draw(rt, "codec")
		id := batchIdentity{
			rapid.Int64().Draw(rt, "producer"), rapid.Int16().Draw(rt, "epoch"), rapid.Int32Range(0, math.MaxInt32).Draw(rt, "sequence"),
		}
		b, _, err := c.appendBatch(nil, nil, codec, time.Now(), List(records), entriesOf(records))
		if err != nil {
			rt.Fatal(err)
		}
		sealBatch(b, id)
		header, franz := decodeFranz(rt, b)
		sameAs(rt, franz, records)
		sameAs(rt, decodeBatch(t, c, b), records)
		latest := slices.MaxFunc(records, func(a, b Record) int { return a.Time.Compare(b.Time) })
		if header.ProducerID != id.producerID || header.ProducerEpoch != id.epoch || header.FirstSequence != id.sequence ||
			header.Attributes != int16(codec)|0x10 || header.Magic != 2 || header.MaxTimestamp != latest.Time.UnixMilli() ||
			header.LastOffsetDelta != int32(len(records)-1) || header.PartitionLeaderEpoch != -1 {
			rt.Fatalf("header %+v", header)
		}
	})
}

// A batch is rendered and compressed in many parts, which do not show.
func TestLargeBatch(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	records := make([]Record, 3000)
	for i := range records {
		value := make([]byte, random.IntN(600))
		for j := range value {
			value[j] = byte('a' + random.IntN(4))
		}
		records[i] = Record{Time: time.UnixMilli(int64(1_700_000_000_000 + random.IntN(5000))), Key: []byte(strconv.Itoa(i)), Value: value}
	}
	latest := slices.MaxFunc(records, func(a, b Record) int { return a.Time.Compare(b.Time) }).Time.UnixMilli()
	for name, codec := range allCodecs {
		t.Run(name, func(t *testing.T) {
			c := newCodecs()
			for range 2 { // the second one with what the first has used
				b, _, err := c.appendBatch(nil, nil, codec, time.Now(), List(records), entriesOf(records))
				if err != nil {
					t.Fatal(err)
				}
				sealBatch(b, batchIdentity{})
				header, franz := decodeFranz(t, b)
				sameAs(t, franz, records)
				if header.MaxTimestamp != latest || header.FirstTimestamp != records[0].Time.UnixMilli() {
					t.Errorf("times from %d to %d, want %d to %d", header.FirstTimestamp, header.MaxTimestamp, records[0].Time.UnixMilli(), latest)
				}
			}
		})
	}
}

// Only what index says is in the batch.
func TestBatchOfSome(t *testing.T) {
	c := newCodecs()
	all := goldenRecords()
	b, _, err := c.appendBatch(nil, nil, kafka.Zstd, time.Now(), List(all), entriesOf(all, 2, 0, 50))
	if err != nil {
		t.Fatal(err)
	}
	sealBatch(b, batchIdentity{})
	sameAs(t, decodeBatch(t, c, b), []Record{all[2], all[0], all[50]})
}

func TestNextSequence(t *testing.T) {
	for _, c := range []struct {
		from int32
		n    int
		want int32
	}{{0, 0, 0}, {0, 5, 5}, {math.MaxInt32, 0, math.MaxInt32}, {math.MaxInt32, 1, 0}, {math.MaxInt32 - 1, 4, 2}} {
		if got := nextSequence(c.from, c.n); got != c.want {
			t.Errorf("%d records after %d: %d, want %d", c.n, c.from, got, c.want)
		}
	}
}

// Damaged and invented bytes give errors, not crashes or too much memory.
func FuzzReadBatch(f *testing.F) {
	for name := range allCodecs {
		b, err := os.ReadFile("testdata/java-" + name + ".batch")
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b[:min(len(b), 6000)])
	}
	c := newCodecs()
	f.Fuzz(func(t *testing.T, data []byte) {
		rest := data
		for {
			batch, tail, err := nextBatch(rest)
			if err != nil || batch == nil {
				return
			}
			rest = tail
			_ = batch.check()
			_, _ = batch.abortMarker()
			records := []byte(batch[batchHeaderSize:])
			if codec := kafka.Compression(batch.attributes() & attrCodec); codec != 0 {
				if records, err = c.decompress(nil, records, codec); err != nil {
					continue
				}
			}
			var cursor recordCursor
			if cursor.open(batch, records) != nil {
				continue
			}
			for n := 0; ; n++ {
				var r Record
				if ok, err := cursor.next(&r); !ok || err != nil {
					break
				}
				if n > len(records) {
					t.Fatal("more records than bytes")
				}
			}
		}
	})
}
