package dedupe

import (
	"encoding/binary"
	"hash/crc32"
	"slices"
	"strings"
)

// The record of a block, version 1. Numbers are unsigned varints (encoding/binary), if nothing else is said.
//
//	byte      version
//	number    of statuses, at least 1; of each, in ascending order of their bytes:
//	  number    its length in bytes
//	  bytes     the status
//	  set       told, not empty
//	  set       superseded
//	4 bytes   CRC-32C, little-endian, of the block's number (8 bytes, little-endian) and all of the record before
//
// A set of offsets is one byte for its form, and
//
//	empty     nothing
//	array     number of offsets, at least 1; for each its distance from the least offset that is possible there: from 0,
//	          later from the offset before plus 1
//	runs      number of runs, at least 1; for each the distance of its start from the least that is possible there (from
//	          0, later from the end of the run before plus 2, inclusive), and its length minus 1
//	bitmap    512 bytes: bit i%8 of byte i/8 is set if offset i is in the set
//
// The shortest form is written, of forms of equal length the first in this order; all are read. So the same content
// always is the same record, whatever order it was told in.
const (
	recordVersion = 1

	formEmpty  = 0
	formArray  = 1
	formRuns   = 2
	formBitmap = 3
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func (s *scratch) checksum(number int64, record []byte) uint32 {
	n := &s.number // a variable would be allocated for every record
	binary.LittleEndian.PutUint64(n[:], uint64(number))
	return crc32.Update(crc32.Checksum(n[:], castagnoli), castagnoli, record)
}

// scratch is memory that encoding and decoding use again.
type scratch struct {
	number           [8]byte
	record           []byte
	sets             []codedSet
	ranked           []ranked
	runs             []run
	bits             bitmap
	entries          []entry
	told, superseded set
}

// scratch is kept until what is staged is settled: an index that rests needs none.
func (x *Index) scratch() *scratch {
	if x.memory == nil {
		x.memory = &scratch{}
	}
	return x.memory
}

// A codedSet is the set of one status: bitmaps, or entries of that status only.
type codedSet struct {
	dense
	entries []ranked
}

// A ranked is an entry with its code in front, so that in ascending order those of a status are together.
type ranked uint32

func (e entry) ranked() ranked {
	return ranked(uint32(e.code())<<(BlockBits+1) | e.offset()<<1 | uint32(e&1))
}

func (r ranked) code() code       { return code(r >> (BlockBits + 1)) }
func (r ranked) offset() uint32   { return uint32(r) >> 1 & (BlockSize - 1) }
func (r ranked) superseded() bool { return r&1 != 0 }

// A run is the offsets from start to end-1.
type run struct{ start, end uint32 }

// encode returns the record of what is at p, in memory that the next call uses again.
func (x *Index) encode(number int64, p place) []byte {
	s := x.scratch()
	s.split(p)
	slices.SortFunc(s.sets, func(a, b codedSet) int {
		return strings.Compare(string(x.statuses[a.code]), string(x.statuses[b.code]))
	})
	r := append(s.record[:0], recordVersion)
	r = binary.AppendUvarint(r, uint64(len(s.sets)))
	for i := range s.sets {
		set := &s.sets[i]
		status := x.statuses[set.code]
		r = binary.AppendUvarint(r, uint64(len(status)))
		r = append(r, status...)
		s.toldRuns(set)
		r = s.appendSet(r)
		s.supersededRuns(set)
		r = s.appendSet(r)
	}
	s.record = binary.LittleEndian.AppendUint32(r, s.checksum(number, r))
	return s.record
}

// split fills s.sets with the statuses that are at p.
func (s *scratch) split(p place) {
	s.sets, s.ranked = s.sets[:0], s.ranked[:0]
	if p.block == nil {
		s.ranked = append(s.ranked, p.lone.ranked())
	} else {
		for _, e := range p.block.entries {
			s.ranked = append(s.ranked, e.ranked())
		}
		for _, d := range p.block.dense {
			s.sets = append(s.sets, codedSet{dense: d})
		}
	}
	slices.Sort(s.ranked)
	for from := 0; from < len(s.ranked); {
		c, to := s.ranked[from].code(), from+1
		for to < len(s.ranked) && s.ranked[to].code() == c {
			to++
		}
		s.sets = append(s.sets, codedSet{dense: dense{code: c}, entries: s.ranked[from:to]})
		from = to
	}
}

// toldRuns fills s.runs with what was told with a status.
func (s *scratch) toldRuns(set *codedSet) {
	s.runs = s.runs[:0]
	s.bitmapRuns(set.told)
	for _, r := range set.entries {
		s.run(r.offset())
	}
}

// supersededRuns fills s.runs with what of it is superseded.
func (s *scratch) supersededRuns(set *codedSet) {
	s.runs = s.runs[:0]
	s.bitmapRuns(set.superseded)
	for _, r := range set.entries {
		if r.superseded() {
			s.run(r.offset())
		}
	}
}

// bitmapRuns appends the runs of m, which may be nil.
func (s *scratch) bitmapRuns(m *bitmap) {
	if m == nil {
		return
	}
	for start, end := m.nextRun(0); start < BlockSize; start, end = m.nextRun(end) {
		s.runs = append(s.runs, run{start, end})
	}
}

// run appends an offset behind those of all runs.
func (s *scratch) run(offset uint32) {
	if last := len(s.runs) - 1; last >= 0 && s.runs[last].end == offset {
		s.runs[last].end++
		return
	}
	s.runs = append(s.runs, run{offset, offset + 1})
}

// appendSet appends the shortest form of s.runs.
func (s *scratch) appendSet(r []byte) []byte {
	offsets, arrayBytes, runBytes := 0, 0, 0
	least := uint32(0)
	for _, run := range s.runs {
		offsets += int(run.end - run.start)
		arrayBytes += varintLen(run.start-least) + int(run.end-run.start) - 1
		runBytes += varintLen(run.start-leastStart(least)) + varintLen(run.end-run.start-1)
		least = run.end
	}
	arrayBytes += varintLen(uint32(offsets))
	runBytes += varintLen(uint32(len(s.runs)))
	switch {
	case offsets == 0:
		return append(r, formEmpty)
	case arrayBytes <= runBytes && arrayBytes <= bitmapBytes:
		return s.appendArray(append(r, formArray), offsets)
	case runBytes <= bitmapBytes:
		return s.appendRuns(append(r, formRuns))
	}
	s.bits = bitmap{}
	for _, run := range s.runs {
		s.bits.addRange(run.start, run.end)
	}
	r = append(r, formBitmap)
	for _, word := range s.bits {
		r = binary.LittleEndian.AppendUint64(r, word)
	}
	return r
}

func (s *scratch) appendArray(r []byte, offsets int) []byte {
	r = binary.AppendUvarint(r, uint64(offsets))
	least := uint32(0)
	for _, run := range s.runs {
		r = binary.AppendUvarint(r, uint64(run.start-least))
		for range run.end - run.start - 1 {
			r = append(r, 0)
		}
		least = run.end
	}
	return r
}

func (s *scratch) appendRuns(r []byte) []byte {
	r = binary.AppendUvarint(r, uint64(len(s.runs)))
	least := uint32(0)
	for _, run := range s.runs {
		r = binary.AppendUvarint(r, uint64(run.start-leastStart(least)))
		r = binary.AppendUvarint(r, uint64(run.end-run.start-1))
		least = run.end
	}
	return r
}

// leastStart is where a run can begin at the earliest after one that ended before end: were it at end, the two would be
// one run.
func leastStart(end uint32) uint32 {
	if end == 0 {
		return 0
	}
	return end + 1
}

// varintLen is how many bytes a varint of n takes, which here is at most BlockSize.
func varintLen(n uint32) int {
	if n < 1<<7 {
		return 1
	}
	return 2
}
