package kafkatx

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"time"

	"github.com/segmentio/kafka-go"
)

// logBatch is a record batch v2 as it lies in the log, header and all.
type logBatch []byte

// nextBatch splits the first batch off what a fetch returned. It is nil when only a part of one is left: an answer may
// be cut off anywhere but in its first batch.
func nextBatch(b []byte) (batch logBatch, rest []byte, err error) {
	if len(b) < atMagic+1 {
		return nil, nil, nil
	}
	size := int64(int32(binary.BigEndian.Uint32(b[atLength:]))) + lengthPrefix
	if magic := b[atMagic]; magic != magicV2 {
		return nil, nil, fmt.Errorf("message format v%d is not supported, only v2 (Kafka 0.11 and later)", magic)
	}
	if size < batchHeaderSize {
		return nil, nil, fmt.Errorf("impossible batch length %d", size)
	}
	if size > int64(len(b)) {
		return nil, nil, nil
	}
	return b[:size:size], b[size:], nil
}

func (b logBatch) baseOffset() int64 { return int64(binary.BigEndian.Uint64(b[atBaseOffset:])) }

// end is the offset after the batch. It counts records that compaction has removed.
func (b logBatch) end() int64 {
	return b.baseOffset() + int64(int32(binary.BigEndian.Uint32(b[atLastOffsetDelta:]))) + 1
}

func (b logBatch) attributes() uint16 { return binary.BigEndian.Uint16(b[atAttributes:]) }
func (b logBatch) producerID() int64  { return int64(binary.BigEndian.Uint64(b[atProducerID:])) }
func (b logBatch) control() bool      { return b.attributes()&attrControl != 0 }
func (b logBatch) transactional() bool {
	return b.attributes()&attrTransactional != 0
}

// check verifies the checksum.
func (b logBatch) check() error {
	want := binary.BigEndian.Uint32(b[atCRC:])
	if got := crc32.Checksum(b[atAttributes:], castagnoli); got != want {
		return fmt.Errorf("checksum %08x, but the batch says %08x", got, want)
	}
	if b.end() <= b.baseOffset() {
		return fmt.Errorf("impossible last offset %d", b.end()-1)
	}
	return nil
}

// abortMarker says whether a control batch ends its producer's transaction by an abort. The marker's key is a version
// and a type, 0 for abort (KIP-98).
func (b logBatch) abortMarker() (bool, error) {
	var r recordCursor
	if err := r.open(b, b[batchHeaderSize:]); err != nil {
		return false, err
	}
	var rec Record
	ok, err := r.next(&rec)
	if err != nil || !ok {
		return false, err // compaction leaves control batches without records
	}
	if len(rec.Key) < 4 {
		return false, fmt.Errorf("control record with a key of %d bytes", len(rec.Key))
	}
	return binary.BigEndian.Uint16(rec.Key[2:]) == 0, nil
}

// recordCursor steps through a batch's records.
type recordCursor struct {
	b         []byte
	left      int
	offset    int64
	least     int64 // offset delta that the next one may have
	most      int64 // and the greatest of all
	base      int64 // milliseconds
	fixedTime bool
	headers   []kafka.Header
	names     map[string]string // header keys, which repeat
}

// open begins with the records of a batch, which are uncompressed already.
func (c *recordCursor) open(batch logBatch, records []byte) error {
	c.b = records
	c.left = int(int32(binary.BigEndian.Uint32(batch[atRecordCount:])))
	c.offset, c.least, c.most = batch.baseOffset(), 0, batch.end()-1-batch.baseOffset()
	at := atBaseTimestamp
	if c.fixedTime = batch.attributes()&attrLogAppendTime != 0; c.fixedTime {
		at = atMaxTimestamp
	}
	c.base = int64(binary.BigEndian.Uint64(batch[at:]))
	if c.left < 0 {
		return fmt.Errorf("impossible number of records %d", c.left)
	}
	return nil
}

var (
	errBadRecord = errors.New("record is not as long as its fields say")
	errMisplaced = errors.New("record has an offset that is not in its batch, or not after that of the one before")
)

// next decodes a record into r, all but topic and partition. Its slices are the batch's memory, and its headers the
// cursor's. It is false after the last one.
func (c *recordCursor) next(r *Record) (bool, error) {
	if c.left == 0 {
		return false, nil
	}
	c.left--
	size, n := binary.Varint(c.b)
	if n <= 0 || size < 1 || size > int64(len(c.b)-n) {
		return false, errBadRecord
	}
	f := fields{b: c.b[n : n+int(size)]}
	c.b = c.b[n+int(size):]
	f.b = f.b[1:] // attributes: none are defined

	timeDelta, offsetDelta := f.varint(), f.varint()
	if offsetDelta < c.least || offsetDelta > c.most {
		return false, errMisplaced
	}
	c.least = offsetDelta + 1
	if c.fixedTime {
		timeDelta = 0
	}
	r.Offset = c.offset + offsetDelta
	r.Time = time.UnixMilli(c.base + timeDelta)
	r.Key, r.Value, r.Headers = f.nullable(), f.nullable(), nil
	if count := f.varint(); count != 0 {
		if err := c.decodeHeaders(&f, count); err != nil {
			return false, err
		}
		r.Headers = c.headers
	}
	if f.bad || len(f.b) != 0 {
		return false, errBadRecord
	}
	return true, nil
}

func (c *recordCursor) decodeHeaders(f *fields, count int64) error {
	if count < 0 || count > int64(len(f.b)) {
		return errBadRecord
	}
	c.headers = c.headers[:0]
	for range count {
		key := f.nullable()
		name, ok := c.names[string(key)]
		if !ok {
			name = string(key)
			if len(c.names) < 64 {
				if c.names == nil {
					c.names = make(map[string]string)
				}
				c.names[name] = name
			}
		}
		c.headers = append(c.headers, kafka.Header{Key: name, Value: f.nullable()})
	}
	return nil
}

// fields are a record's remaining bytes.
type fields struct {
	b   []byte
	bad bool
}

func (f *fields) varint() int64 {
	v, n := binary.Varint(f.b)
	if n <= 0 {
		f.bad, f.b = true, nil
		return 0
	}
	f.b = f.b[n:]
	return v
}

// nullable is nil for null, and not nil for no bytes.
func (f *fields) nullable() []byte {
	n := f.varint()
	if n < 0 || f.bad {
		return nil
	}
	if n > int64(len(f.b)) {
		f.bad, f.b = true, nil
		return nil
	}
	v := f.b[:n:n]
	f.b = f.b[n:]
	return v
}
