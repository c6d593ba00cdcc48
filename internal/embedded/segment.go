package embedded

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// kfake keeps a partition in a folder: <base offset>.dat holds record batches v2 one after another as they are on the
// wire, <base offset>.idx an entry of fixed size for each of them, and snapshot.json what was true at the last Close.

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Where things are in a record batch v2.
const (
	batchLength       = 8
	batchLeaderEpoch  = 12
	batchMagic        = 16
	batchCRC          = 17
	batchAttributes   = 21
	batchLastDelta    = 23
	batchMaxTimestamp = 35
	batchProducerID   = 43
	batchEpoch        = 51
	batchHeader       = 61

	attributeTransactional = 0x10
	attributeControl       = 0x20
)

// A batch is one record batch as it is in a segment.
type batch []byte

func (b batch) first() int64       { return int64(binary.BigEndian.Uint64(b)) }
func (b batch) last() int64        { return b.first() + int64(binary.BigEndian.Uint32(b[batchLastDelta:])) }
func (b batch) leaderEpoch() int32 { return int32(binary.BigEndian.Uint32(b[batchLeaderEpoch:])) }
func (b batch) producer() int64    { return int64(binary.BigEndian.Uint64(b[batchProducerID:])) }
func (b batch) epoch() int16       { return int16(binary.BigEndian.Uint16(b[batchEpoch:])) }
func (b batch) maxTimestamp() int64 {
	return int64(binary.BigEndian.Uint64(b[batchMaxTimestamp:]))
}
func (b batch) is(attribute uint16) bool {
	return binary.BigEndian.Uint16(b[batchAttributes:])&attribute != 0
}

// errTorn is a batch that ends behind its file: the write that a death interrupted.
var errTorn = errors.New("the last batch is incomplete")

// nextBatch cuts the first batch off.
func nextBatch(raw []byte) (b batch, rest []byte, err error) {
	if len(raw) < batchLeaderEpoch {
		return nil, nil, errTorn
	}
	size := int64(batchLeaderEpoch) + int64(binary.BigEndian.Uint32(raw[batchLength:]))
	switch {
	case size < batchHeader:
		return nil, nil, fmt.Errorf("a batch of %d bytes", size)
	case size > int64(len(raw)):
		return nil, nil, errTorn
	}
	b, rest = batch(raw[:size]), raw[size:]
	switch {
	case b[batchMagic] != 2:
		return nil, nil, fmt.Errorf("a batch of version %d", b[batchMagic])
	case binary.BigEndian.Uint32(b[batchCRC:]) != crc32.Checksum(b[batchAttributes:], castagnoli):
		return nil, nil, errors.New("a batch whose checksum is wrong")
	case b.first() < 0, b.last() < b.first(), b.last() == math.MaxInt64:
		return nil, nil, fmt.Errorf("a batch with the impossible offsets %d to %d", b.first(), b.last())
	}
	return b, rest, nil
}

// A segment is a pair of files.
type segment struct {
	base int64
	data string // path; the index is beside it
}

func (s segment) index() string { return strings.TrimSuffix(s.data, ".dat") + ".idx" }

// segments are those of a partition's folder, in order. A folder that does not exist has none.
func segments(dir string) ([]segment, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var all []segment
	for _, e := range entries {
		name, ok := strings.CutSuffix(e.Name(), ".dat")
		base, err := strconv.ParseInt(name, 10, 64)
		if ok && err == nil {
			all = append(all, segment{base, filepath.Join(dir, e.Name())})
		}
	}
	slices.SortFunc(all, func(a, b segment) int { return int(min(max(a.base-b.base, -1), 1)) })
	return all, nil
}

// indexEntry is kfake's index entry of a batch: version, checksum, leader epoch, the newest timestamp so far (which is
// computed anew when it is loaded), and whether the batch belongs to a transaction.
func indexEntry(b batch) []byte {
	e := make([]byte, 15)
	e[0] = 1
	binary.LittleEndian.PutUint32(e[2:], uint32(b.leaderEpoch()))
	binary.LittleEndian.PutUint64(e[6:], uint64(b.maxTimestamp()))
	if b.is(attributeTransactional) && !b.is(attributeControl) {
		e[14] = 1
	}
	e[1] = byte(crc32.Checksum(e[2:], castagnoli))
	return e
}

// marker is the control batch that ends a transaction.
func marker(t openTransaction, commit bool, offset int64, leaderEpoch int32, now int64) batch {
	key := kmsg.ControlRecordKey{Type: kmsg.ControlRecordKeyTypeAbort}
	if commit {
		key.Type = kmsg.ControlRecordKeyTypeCommit
	}
	record := kmsg.Record{Key: key.AppendTo(nil), Value: new(kmsg.EndTxnMarker).AppendTo(nil)}
	record.Length = int32(len(record.AppendTo(nil)) - 1) // without itself, a varint of one byte
	rb := kmsg.RecordBatch{
		FirstOffset:          offset,
		PartitionLeaderEpoch: leaderEpoch,
		Magic:                2,
		Attributes:           attributeTransactional | attributeControl,
		FirstTimestamp:       now,
		MaxTimestamp:         now,
		ProducerID:           t.producer,
		ProducerEpoch:        t.epoch,
		FirstSequence:        -1,
		NumRecords:           1,
		Records:              record.AppendTo(nil),
	}
	b := rb.AppendTo(nil)
	binary.BigEndian.PutUint32(b[batchLength:], uint32(len(b)-batchLeaderEpoch))
	binary.BigEndian.PutUint32(b[batchCRC:], crc32.Checksum(b[batchAttributes:], castagnoli))
	return b
}

// validEntry says whether an index entry is one that kfake accepts.
func validEntry(e []byte) bool { return e[0] == 1 && e[1] == byte(crc32.Checksum(e[2:], castagnoli)) }
