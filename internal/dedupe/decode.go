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
	if got, want := x.scratch.checksum(number, record[:body]), binary.LittleEndian.Uint32(record[body:]); got != want {
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

	// Of all statuses so far: the ids that were told, and those that have a status that is not superseded.
	known, current bitmap
}

func (d *decoder) block() (place, error) {
	statuses, err := d.number("statuses")
	if err != nil {
		return place{}, err
	}
	if statuses == 0 {
		return place{}, corrupt("it has no status")
	}
	s := &d.index.scratch
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
	switch {
	case len(d.rest) > 0:
		return place{}, corrupt("%d bytes are left over", len(d.rest))
	case d.known != d.current:
		return place{}, corrupt("an id has no status that is not superseded")
	case len(d.sparse) == 1 && len(d.dense) == 0:
		return place{lone: d.sparse[0], exist: true}, nil
	}
	if statuses > 1 {
		slices.Sort(d.sparse)
	}
	return place{block: &block{entries: slices.Clone(d.sparse), dense: slices.Clone(d.dense)}, exist: true}, nil
}

// sets reads what was told with one status.
func (d *decoder) sets(status []byte) error {
	s := &d.index.scratch
	s.told, s.superseded = bitmap{}, bitmap{}
	told, err := d.set(&s.told)
	if err != nil {
		return err
	}
	superseded, err := d.set(&s.superseded)
	if err != nil {
		return err
	}
	if told == 0 {
		return corrupt("nothing was told with a status")
	}
	for i := range s.told {
		told, superseded := s.told[i], s.superseded[i]
		if superseded&^told != 0 {
			return corrupt("an id was superseded that was not told")
		}
		if d.current[i]&(told&^superseded) != 0 {
			return corrupt("an id has two statuses that are not superseded")
		}
		d.known[i] |= told
		d.current[i] |= told &^ superseded
	}
	c := d.index.codeOfRecord(status)
	if told > sparseLimit || c >= entryCodes {
		set := dense{code: c, told: new(s.told)}
		if superseded > 0 {
			set.superseded = new(s.superseded)
		}
		d.dense = append(d.dense, set)
		return nil
	}
	for start, end := s.told.nextRun(0); start < BlockSize; start, end = s.told.nextRun(end) {
		for offset := start; offset < end; offset++ {
			d.sparse = append(d.sparse, makeEntry(offset, c, s.superseded.has(offset)))
		}
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

// set reads a set into m, which is empty, and says how many offsets it has.
func (d *decoder) set(m *bitmap) (int, error) {
	form, err := d.take(1, "a set")
	if err != nil {
		return 0, err
	}
	switch form[0] {
	case formEmpty:
		return 0, nil
	case formArray:
		return d.array(m)
	case formRuns:
		return d.runs(m)
	case formBitmap:
		words, err := d.take(bitmapBytes, "a bitmap")
		if err != nil {
			return 0, err
		}
		for i := range m {
			m[i] = binary.LittleEndian.Uint64(words[8*i:])
		}
		return m.count(), nil
	}
	return 0, corrupt("a set has the unknown form %d", form[0])
}

func (d *decoder) array(m *bitmap) (int, error) {
	n, err := d.number("offsets")
	if err != nil {
		return 0, err
	}
	least := 0
	for range n {
		gap, err := d.number("the distance of an offset")
		if err != nil {
			return 0, err
		}
		if gap >= BlockSize-least {
			return 0, corrupt("an offset is beyond the block")
		}
		m.add(uint32(least + gap))
		least += gap + 1
	}
	return n, nil
}

func (d *decoder) runs(m *bitmap) (int, error) {
	n, err := d.number("runs")
	if err != nil {
		return 0, err
	}
	offsets, end := 0, uint32(0)
	for range n {
		gap, err := d.number("the distance of a run")
		if err != nil {
			return 0, err
		}
		more, err := d.number("the length of a run")
		if err != nil {
			return 0, err
		}
		start := int(leastStart(end)) + gap
		if gap >= BlockSize || start+more >= BlockSize {
			return 0, corrupt("a run is beyond the block")
		}
		end = uint32(start + more + 1)
		m.addRange(uint32(start), end)
		offsets += more + 1
	}
	return offsets, nil
}
