package kafkatx

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"math/bits"
	"slices"
	"time"

	"github.com/segmentio/kafka-go"
)

// Where the fields of a record batch v2 are (KIP-98, "Message Format"). All integers are big endian.
const (
	atBaseOffset      = 0  // int64
	atLength          = 8  // int32: bytes after this field
	atLeaderEpoch     = 12 // int32
	atMagic           = 16 // int8
	atCRC             = 17 // uint32: CRC-32C of everything after this field
	atAttributes      = 21 // int16
	atLastOffsetDelta = 23 // int32
	atBaseTimestamp   = 27 // int64, milliseconds
	atMaxTimestamp    = 35 // int64, milliseconds
	atProducerID      = 43 // int64
	atProducerEpoch   = 51 // int16
	atBaseSequence    = 53 // int32
	atRecordCount     = 57 // int32
	batchHeaderSize   = 61

	lengthPrefix = 12 // what the length field does not count: base offset and itself

	magicV2 = 2

	attrCodec         = 0x07
	attrLogAppendTime = 0x08
	attrTransactional = 0x10
	attrControl       = 0x20
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// batchIdentity is what makes a batch one of a producer's.
type batchIdentity struct {
	producerID int64
	epoch      int16
	sequence   int32 // of the first record
}

// nextSequence is the sequence number n records after s: numbers wrap from 2^31-1 to 0.
func nextSequence(s int32, n int) int32 { return int32((int64(s) + int64(n)) & math.MaxInt32) }

// An entry is a record of a batch: its place among all records, and the size of its body, which is found out once.
type entry struct{ at, size int32 }

// chunkBytes is how much of a batch is rendered before it is compressed: so little that it is still in a processor's own cache then.
const chunkBytes = 16 << 10

// appendBatch appends a transactional record batch with the records that entries name, in this order: all but its identity
// and its checksum. Records without a time get now. scratch is used for compression and returned for the next call.
func (c *codecs) appendBatch(
	dst, scratch []byte, codec kafka.Compression, now time.Time, records Records, entries []entry,
) (batch, rest []byte, err error) {
	start := len(dst)
	dst = append(dst, make([]byte, batchHeaderSize)...)

	var r Record
	records.Get(int(entries[0].at), &r)
	base := millis(r.Time, now) // what the other times are relative to
	latest := base
	if codec == 0 {
		dst, latest = appendRecords(dst, &r, records, entries, 0, base, now)
	} else {
		dst, err = c.compress(dst, codec, func(w io.Writer) error {
			for from := 0; from < len(entries); {
				to := chunk(entries, from)
				var last int64
				scratch, last = appendRecords(scratch[:0], &r, records, entries[from:to], int64(from), base, now)
				if _, err := w.Write(scratch); err != nil {
					return err
				}
				latest, from = max(latest, last), to
			}
			return nil
		})
		if err != nil {
			return dst[:start], scratch, fmt.Errorf("compress a batch: %w", err)
		}
	}

	b := dst[start:]
	if len(b) > math.MaxInt32 {
		return dst[:start], scratch, fmt.Errorf("a batch of %d bytes is too large", len(b))
	}
	binary.BigEndian.PutUint32(b[atLength:], uint32(len(b)-lengthPrefix))
	binary.BigEndian.PutUint32(b[atLeaderEpoch:], math.MaxUint32) // -1: the broker fills it in
	b[atMagic] = magicV2
	binary.BigEndian.PutUint16(b[atAttributes:], uint16(codec)|attrTransactional)
	binary.BigEndian.PutUint32(b[atLastOffsetDelta:], uint32(len(entries)-1))
	binary.BigEndian.PutUint64(b[atBaseTimestamp:], uint64(base))
	binary.BigEndian.PutUint64(b[atMaxTimestamp:], uint64(latest))
	binary.BigEndian.PutUint32(b[atRecordCount:], uint32(len(entries)))
	return dst, scratch, nil
}

// sealBatch makes b, which appendBatch has made, one of a producer's.
func sealBatch(b []byte, id batchIdentity) {
	binary.BigEndian.PutUint64(b[atProducerID:], uint64(id.producerID))
	binary.BigEndian.PutUint16(b[atProducerEpoch:], uint16(id.epoch))
	binary.BigEndian.PutUint32(b[atBaseSequence:], uint32(id.sequence))
	binary.BigEndian.PutUint32(b[atCRC:], crc32.Checksum(b[atAttributes:], castagnoli))
}

func millis(t, now time.Time) int64 {
	if t.IsZero() {
		t = now
	}
	return t.UnixMilli()
}

// chunk is the end of a chunk of entries.
func chunk(entries []entry, from int) (to int) {
	for size := 0; from < len(entries) && size < chunkBytes; from++ {
		size += int(entries[from].size)
	}
	return from
}

// appendRecords appends those of a batch's records that begin with its number from, and whose times are relative to base, one after
// the other in r. It returns the latest time.
func appendRecords(
	dst []byte, r *Record, records Records, entries []entry, from, base int64, now time.Time,
) (_ []byte, latest int64) {
	latest = base
	for i, e := range entries {
		records.Get(int(e.at), r)
		t := millis(r.Time, now)
		latest = max(latest, t)
		dst = r.append(dst, int(e.size), from+int64(i), t-base)
	}
	return dst, latest
}

// append appends: length, attributes, timestamp delta, offset delta, key, value, headers.
func (r *Record) append(dst []byte, bodySize int, offsetDelta, timeDelta int64) []byte {
	start := len(dst)
	if r.Body != nil {
		dst = append(dst, 0, 0) // the length is put in when it is known
	} else {
		dst = binary.AppendVarint(dst, int64(1+varintSize(timeDelta)+varintSize(offsetDelta)+bodySize))
	}
	dst = append(dst, 0)
	dst = binary.AppendVarint(dst, timeDelta)
	dst = binary.AppendVarint(dst, offsetDelta)
	if r.Body != nil {
		return putLength(r.Body.Append(dst), start)
	}
	dst = appendNullable(dst, r.Key)
	dst = appendNullable(dst, r.Value)
	dst = binary.AppendVarint(dst, int64(len(r.Headers)))
	for i := range r.Headers {
		h := &r.Headers[i]
		dst = binary.AppendVarint(dst, int64(len(h.Key)))
		dst = append(dst, h.Key...)
		dst = appendNullable(dst, h.Value)
	}
	return dst
}

// putLength puts the length of what follows the two bytes at start there, in as many bytes as it takes: two for most records.
func putLength(dst []byte, start int) []byte {
	var length [binary.MaxVarintLen64]byte
	n := binary.PutVarint(length[:], int64(len(dst)-start-2))
	if n != 2 {
		return slices.Replace(dst, start, start+2, length[:n]...)
	}
	copy(dst[start:], length[:n])
	return dst
}

func appendNullable(dst, b []byte) []byte {
	if b == nil {
		return binary.AppendVarint(dst, -1)
	}
	dst = binary.AppendVarint(dst, int64(len(b)))
	return append(dst, b...)
}

func nullableSize(b []byte) int {
	if b == nil {
		return varintSize(-1)
	}
	return varintSize(int64(len(b))) + len(b)
}

// varintSize is one byte for each 7 bits, at least one. Up to 64 bits, 9/64 stands for 1/7 exactly.
func varintSize(v int64) int {
	u := uint64(v<<1) ^ uint64(v>>63)
	return (9*bits.Len64(u|1) + 64) / 64
}
