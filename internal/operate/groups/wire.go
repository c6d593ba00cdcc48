package groups

import (
	"encoding/binary"
	"errors"
)

// A reader reads fields of Kafka's encoding. After the first error, all are zero.
type reader struct {
	b   []byte
	err error
}

var errShort = errors.New("data ends too early")

func (r *reader) bytes(n int) []byte {
	if r.err != nil || n <= 0 {
		return nil
	}
	if n > len(r.b) {
		r.err = errShort
		return nil
	}
	b := r.b[:n]
	r.b = r.b[n:]
	return b
}

func (r *reader) int16() int16 {
	if b := r.bytes(2); b != nil {
		return int16(binary.BigEndian.Uint16(b))
	}
	return 0
}

func (r *reader) int32() int32 {
	if b := r.bytes(4); b != nil {
		return int32(binary.BigEndian.Uint32(b))
	}
	return 0
}

func (r *reader) string() string { return string(r.bytes(int(r.int16()))) }

// length is that of a compact string or array, which counts null as 0 and nothing as 1.
func (r *reader) length() int {
	if r.err != nil {
		return 0
	}
	n, size := binary.Uvarint(r.b)
	if size <= 0 || n > uint64(len(r.b)) {
		r.err = errShort
		return 0
	}
	r.b = r.b[size:]
	return max(0, int(n)-1)
}

func (r *reader) compact() string { return string(r.bytes(r.length())) }

// tags skips tagged fields.
func (r *reader) tags() {
	n := r.uvarint()
	for range n {
		r.uvarint()
		r.bytes(int(r.uvarint()))
		if r.err != nil {
			return
		}
	}
}

func (r *reader) uvarint() uint64 {
	if r.err != nil {
		return 0
	}
	n, size := binary.Uvarint(r.b)
	if size <= 0 || n > 1<<20 {
		r.err = errShort
		return 0
	}
	r.b = r.b[size:]
	return n
}
