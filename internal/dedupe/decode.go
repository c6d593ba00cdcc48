package dedupe

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"

	"attemptstream/internal/attempt"
)

var (
	// ErrNewerVersion says that a newer version of the program wrote the record: run that version, or a later one.
	ErrNewerVersion = errors.New("dedupe: the record was written by a newer version of attemptstream; run that version or a later one")
	// ErrCorrupt says that the record is not what was written.
	ErrCorrupt = errors.New("dedupe: the record is corrupt")

	errStaged = errors.New("dedupe: a record cannot be loaded while changes are staged; commit or roll back first")
)

// Load takes a record that Dirty yielded for block; it replaces all that the index has of that block. The errors are
// ErrNewerVersion and ErrCorrupt, wrapped with what is wrong, and one for staged changes; after an error the index is as
// it was.
func (x *Index) Load(block int64, record []byte) error {
	if len(x.staged) > 0 {
		return errStaged
	}
	after, err := x.decode(block, record)
	if err != nil {
		return fmt.Errorf("block %d: %w", block, err)
	}
	old := x.at(block).place
	x.now.told += int64(after.told() - old.told())
	x.now.bytes += int64(after.bytes() - old.bytes())
	x.committed = x.now
	x.put(block, after)
	return nil
}

func corrupt(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrCorrupt, fmt.Sprintf(format, args...))
}

// decode reads a record into a block of its own.
func (x *Index) decode(number int64, record []byte) (place, error) {
	if number < BlockOf(math.MinInt64) || number > BlockOf(math.MaxInt64) {
		return place{}, corrupt("no id is in a block of this number")
	}
	if len(record) == 0 {
		return place{}, corrupt("it is empty")
	}
	switch version := record[0]; {
	case version == 0:
		return place{}, corrupt("version 0 was never written")
	case version > recordVersion:
		return place{}, fmt.Errorf("%w (the record has version %d, this program reads up to %d)", ErrNewerVersion, version, recordVersion)
	}
	body := len(record) - crc32Bytes
	if body < 1 {
		return place{}, corrupt("%d bytes are too few", len(record))
	}
	if got, want := x.scratch().checksum(number, record[:body]), binary.LittleEndian.Uint32(record[body:]); got != want {
		return place{}, corrupt("its CRC-32C is %08x, it should be %08x", got, want)
	}
	d := decoder{index: x, rest: record[1:body]}
	return d.block()
}

const crc32Bytes = 4

// A decoder reads the statuses of one record.
type decoder struct {
	index *Index
	rest  []byte

	sparse []entry
	dense  []dense
}

func (d *decoder) block() (place, error) {
	statuses, err := d.number("statuses")
	if err != nil {
		return place{}, err
	}
	if statuses == 0 {
		return place{}, corrupt("it has no status")
	}
	s := d.index.scratch()
	d.sparse = s.entries[:0]
	var last []byte
	for i := range statuses {
		status, err := d.status()
		if err != nil {
			return place{}, err
		}
		if i > 0 && bytes.Compare(status, last) <= 0 {
			return place{}, corrupt("its statuses are not in order")
		}
		last = status
		if err := d.sets(status); err != nil {
			return place{}, err
		}
	}
	s.entries = d.sparse
	if len(d.rest) > 0 {
		return place{}, corrupt("%d bytes are left over", len(d.rest))
	}
	if statuses > 1 {
		slices.Sort(d.sparse)
	}
	if err := d.standings(); err != nil {
		return place{}, err
	}
	if len(d.sparse) == 1 && len(d.dense) == 0 {
		return place{lone: d.sparse[0], exist: true}, nil
	}
	return place{block: &block{entries: slices.Clone(d.sparse), dense: slices.Clone(d.dense)}, exist: true}, nil
}

// sets reads what was told with one status.
func (d *decoder) sets(status []byte) error {
	s := d.index.scratch()
	told, superseded := &s.told, &s.superseded
	if err := d.set(told); err != nil {
		return err
	}
	if err := d.set(superseded); err != nil {
		return err
	}
	if told.n == 0 {
		return corrupt("nothing was told with a status")
	}
	if c := d.index.codeOfRecord(status); told.n <= sparseLimit && c < entryCodes {
		return d.addSparse(c, told.asOffsets(), superseded.asOffsets())
	} else {
		return d.addDense(c, told, superseded)
	}
}

var errSupersededUntold = corrupt("an id was superseded that was not told")

func (d *decoder) addSparse(c code, told, superseded []uint32) error {
	for _, offset := range told {
		is := len(superseded) > 0 && superseded[0] == offset
		if is {
			superseded = superseded[1:]
		}
		d.sparse = append(d.sparse, makeEntry(offset, c, is))
	}
	if len(superseded) > 0 {
		return errSupersededUntold
	}
	return nil
}

func (d *decoder) addDense(c code, told, superseded *set) error {
	added := dense{code: c, told: new(*told.asBitmap())}
	if superseded.n > 0 {
		added.superseded = new(*superseded.asBitmap())
		for i, word := range added.superseded {
			if word&^added.told[i] != 0 {
				return errSupersededUntold
			}
		}
	}
	d.dense = append(d.dense, added)
	return nil
}

var (
	errTwoCurrent = corrupt("an id has two statuses that are not superseded")
	errNoCurrent  = corrupt("an id has no status that is not superseded")
)

// standings checks that every id that was told has exactly one status that is not superseded.
func (d *decoder) standings() error {
	if len(d.dense) > 0 {
		return d.denseStandings()
	}
	for rest := d.sparse; len(rest) > 0; {
		n, current := 0, 0
		for ; n < len(rest) && rest[n].offset() == rest[0].offset(); n++ {
			if !rest[n].superseded() {
				current++
			}
		}
		switch {
		case current > 1:
			return errTwoCurrent
		case current == 0:
			return errNoCurrent
		}
		rest = rest[n:]
	}
	return nil
}

func (d *decoder) denseStandings() error {
	var known, current bitmap
	for _, e := range d.sparse {
		known.add(e.offset())
		if e.superseded() {
			continue
		}
		if current.has(e.offset()) {
			return errTwoCurrent
		}
		current.add(e.offset())
	}
	for _, set := range d.dense {
		for i, told := range set.told {
			known[i] |= told
			if set.superseded != nil {
				told &^= set.superseded[i]
			}
			if current[i]&told != 0 {
				return errTwoCurrent
			}
			current[i] |= told
		}
	}
	if known != current {
		return errNoCurrent
	}
	return nil
}

// codeOfRecord is codeOf without a copy of a status that is known.
func (x *Index) codeOfRecord(status []byte) code {
	if c, known := x.codes[attempt.Status(status)]; known {
		return c
	}
	return x.codeOf(attempt.Status(status))
}

// number reads a number in the one encoding that is the shortest; what it counts is for the error.
func (d *decoder) number(what string) (int, error) {
	if len(d.rest) > 0 && d.rest[0] < 0x80 {
		n := d.rest[0]
		d.rest = d.rest[1:]
		return int(n), nil
	}
	n, size := binary.Uvarint(d.rest)
	if size <= 0 || d.rest[size-1] == 0 || n > math.MaxInt32 {
		return 0, corrupt("it ends early or has no number where it counts %s", what)
	}
	d.rest = d.rest[size:]
	return int(n), nil
}

func (d *decoder) take(n int, what string) ([]byte, error) {
	if n > len(d.rest) {
		return nil, corrupt("it ends in %s", what)
	}
	taken := d.rest[:n]
	d.rest = d.rest[n:]
	return taken, nil
}

func (d *decoder) status() ([]byte, error) {
	n, err := d.number("the bytes of a status")
	if err != nil {
		return nil, err
	}
	return d.take(n, "a status")
}
