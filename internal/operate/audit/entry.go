package audit

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"attemptstream/internal/attempt"
	"attemptstream/internal/dedupe"
)

// A kind is what an entry speaks of.
type kind uint8

const (
	shownAttempt kind = iota // by the API
	toldEvent                // in the topic
	shownLetter
	toldLetter
)

func (k kind) letter() bool { return k >= shownLetter }

type flags uint8

const (
	flagGap      flags = 1 << iota // shown in a gap of the coverage
	flagFirst                      // shown in the first window of a piece
	flagLast                       // shown in the last one
	flagLate                       // told late
	flagCameBack                   // told as one that came back
	flagReplayed                   // told in a replay
	flagFresh                      // told after the audit began
)

// An entry is one attempt or malformed entry as it was shown, or one event or dead letter as it was told.
type entry struct {
	kind      kind
	flags     flags
	account   int   // by its place in Config.Accounts
	state     int   // by its rank
	status    int   // by its number
	id        int64 // of an attempt or event
	hash      dedupe.Hash
	window    attempt.Window
	end       attempt.Instant // in the eventId, with flagCameBack
	replay    uint64          // hash of its id, with flagReplayed
	partition int             // of what was told
	offset    int64
}

func (e *entry) has(f flags) bool { return e.flags&f != 0 }

// bits decide the bucket: entries that are compared with each other have the same.
func (e *entry) bits() uint64 {
	x := uint64(e.id)
	if e.kind.letter() {
		x = binary.LittleEndian.Uint64(e.hash[:])
	}
	return mix(x ^ uint64(e.account)<<48)
}

// mix is the finalizer of splitmix64, so that ids one after another go to different buckets.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// compareOwner orders entries by what they are of: an invitation, or the bytes of a dead letter.
func compareOwner(a, b *entry) int {
	if c := cmp.Or(compareBool(a.kind.letter(), b.kind.letter()), cmp.Compare(a.account, b.account)); c != 0 {
		return c
	}
	if a.kind.letter() {
		return cmp.Or(cmp.Compare(a.state, b.state), bytes.Compare(a.hash[:], b.hash[:]))
	}
	return cmp.Compare(a.id, b.id)
}

// compareEntries orders entries by owner, then by status, what is shown first, and then by where they are.
func compareEntries(a, b entry) int {
	return cmp.Or(compareOwner(&a, &b), cmp.Compare(a.status, b.status), cmp.Compare(a.kind, b.kind),
		cmp.Compare(a.window.Start, b.window.Start), cmp.Compare(a.window.End, b.window.End),
		cmp.Compare(a.partition, b.partition), cmp.Compare(a.offset, b.offset))
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

// append appends the entry's binary form: some 20 bytes.
func (e *entry) append(dst []byte) []byte {
	dst = append(dst, byte(e.kind), byte(e.flags))
	dst = binary.AppendUvarint(dst, uint64(e.account))
	dst = append(dst, byte(e.state))
	if e.kind.letter() {
		dst = append(dst, e.hash[:]...)
	} else {
		dst = binary.AppendUvarint(dst, uint64(e.status))
		dst = binary.AppendVarint(dst, e.id)
	}
	dst = binary.AppendVarint(dst, int64(e.window.Start))
	dst = binary.AppendVarint(dst, int64(e.window.End-e.window.Start))
	if e.has(flagCameBack) {
		dst = binary.AppendVarint(dst, int64(e.end))
	}
	if e.has(flagReplayed) {
		dst = binary.LittleEndian.AppendUint64(dst, e.replay)
	}
	if e.kind == toldEvent || e.kind == toldLetter {
		dst = binary.AppendUvarint(dst, uint64(e.partition))
		dst = binary.AppendVarint(dst, e.offset)
	}
	return dst
}

// entryReader reads what append wrote.
type entryReader interface {
	io.Reader
	io.ByteReader
}

// readEntry reads one entry. The error is io.EOF where there is none left.
func readEntry(r entryReader) (e entry, err error) {
	first, err := r.ReadByte()
	if err != nil {
		return e, err // io.EOF: the end
	}
	d := decoder{r: r}
	e.kind, e.flags = kind(first), flags(d.byte())
	e.account, e.state = int(d.unsigned()), int(d.byte())
	if e.kind.letter() {
		d.bytes(e.hash[:])
	} else {
		e.status, e.id = int(d.unsigned()), d.signed()
	}
	e.window.Start = attempt.Instant(d.signed())
	e.window.End = e.window.Start + attempt.Instant(d.signed())
	if e.has(flagCameBack) {
		e.end = attempt.Instant(d.signed())
	}
	if e.has(flagReplayed) {
		var replay [8]byte
		d.bytes(replay[:])
		e.replay = binary.LittleEndian.Uint64(replay[:])
	}
	if e.kind == toldEvent || e.kind == toldLetter {
		e.partition, e.offset = int(d.unsigned()), d.signed()
	}
	if errors.Is(d.err, io.EOF) {
		d.err = io.ErrUnexpectedEOF
	}
	if d.err != nil {
		return e, fmt.Errorf("an entry of the audit's own files: %w", d.err)
	}
	return e, nil
}

// A decoder keeps the first error.
type decoder struct {
	r   entryReader
	err error
}

func (d *decoder) byte() byte {
	b, err := d.r.ReadByte()
	d.fail(err)
	return b
}

func (d *decoder) bytes(into []byte) {
	_, err := io.ReadFull(d.r, into)
	d.fail(err)
}

func (d *decoder) signed() int64 {
	n, err := binary.ReadVarint(d.r)
	d.fail(err)
	return n
}

func (d *decoder) unsigned() uint64 {
	n, err := binary.ReadUvarint(d.r)
	d.fail(err)
	return n
}

func (d *decoder) fail(err error) {
	if d.err == nil {
		d.err = err
	}
}
