// Package dedupe remembers what was told, so that nothing is told twice: for all history, exactly, in little memory.
//
// The idea: per status two sets of invitation ids, told (ever) and superseded (told, and another status since), cut into
// blocks of 4,096 neighboring ids. A block, with all its statuses, is one record of a compacted topic, so a transaction
// rewrites only the blocks that it touched, and the newest record of every block is the whole index. In memory a block
// has the form that suits its density: a lone id is a slot of a map, some ids are sorted entries of 4 bytes, many are
// bitmaps of 512 bytes.
//
// Invariants: superseded is a subset of told, and of every id that was told, exactly one status is not superseded: the
// one that it has as far as is known. Ids are never forgotten.
//
// Changes are staged until Commit; Rollback takes back all of them since the last Commit. Tell and Look cannot fail. Load
// refuses a record that it does not understand or that breaks an invariant, and then leaves the index as it was: reading
// on without that block would tell its invitations again.
package dedupe

import "attemptstream/internal/attempt"

// BlockBits says how many ids share a block and a record: 1<<BlockBits.
const BlockBits = 12

// BlockSize is the number of ids in a block. The block of an id is id >> BlockBits, for negative ids as well.
const BlockSize = 1 << BlockBits

// BlockOf is the number of the block that holds id.
func BlockOf(id int64) int64 { return id >> BlockBits }

func offsetOf(id int64) uint32 { return uint32(id & (BlockSize - 1)) }

// A Standing is what the index knows of an id and a status.
type Standing struct {
	Told       bool // the id was told with this status
	Superseded bool // and with another status since
	Others     bool // another status of the id was told and is not superseded
}

// Index is what was told of one account. It is not safe for concurrent use.
type Index struct {
	// A block is in one of the two maps: in lone while it holds a single entry, which random ids do, else in blocks.
	lone   map[int64]entry
	blocks map[int64]*block

	codes    map[attempt.Status]code
	statuses []attempt.Status // by code

	staged map[int64]change // since the last Commit or Rollback, by block
	near   cursor

	now, committed totals
	memory         *scratch // nil until it is needed
}

// totals are kept up to date with every change, and taken back by Rollback.
type totals struct {
	told  int64
	bytes int64 // of blocks, without the maps
}

// New is an index to which nothing was told.
func New() *Index {
	return &Index{
		lone:   map[int64]entry{},
		blocks: map[int64]*block{},
		codes:  map[attempt.Status]code{},
		staged: map[int64]change{},
	}
}

// Look says how id stands to status s, staged changes included.
func (x *Index) Look(id int64, s attempt.Status) Standing {
	return x.at(BlockOf(id)).look(offsetOf(id), x.knownCode(s))
}

// Tell stages that id was told with status s from new territory: s is what the invitation has now, and every other
// status that was told of it is superseded.
func (x *Index) Tell(id int64, s attempt.Status) {
	c, offset := x.codeOf(s), offsetOf(id)
	standing := x.at(BlockOf(id)).look(offset, c)
	if standing.Others {
		b := x.open()
		size := b.bytes()
		b.supersedeOthers(offset, c)
		x.now.bytes += int64(b.bytes() - size)
	}
	if !standing.Told { // what is known is not written again
		x.insert(offset, c, false)
	}
}

// TellLate stages that id was told with status s from covered territory, where it is not known which of an invitation's
// statuses came last: the others stay as they are, and if there are any, s counts as superseded. What was told before
// stays as it is too.
func (x *Index) TellLate(id int64, s attempt.Status) {
	c, offset := x.codeOf(s), offsetOf(id)
	if standing := x.at(BlockOf(id)).look(offset, c); !standing.Told {
		x.insert(offset, c, standing.Others)
	}
}

// Told is how many (id, status) were told, staged ones included.
func (x *Index) Told() int64 { return x.now.told }

// A map of 16-byte slots takes 17 bytes for each, and is two thirds full on average between two of its growths.
const slotBytes = 26

// Bytes is an estimate of the memory that the index takes, without what is kept for a Rollback.
func (x *Index) Bytes() int64 {
	return x.now.bytes + slotBytes*int64(len(x.lone)+len(x.blocks))
}

// codeOf gives s a code if it has none yet. Codes stay when a transaction is rolled back, which does no harm.
func (x *Index) codeOf(s attempt.Status) code {
	c := x.knownCode(s)
	if c == noCode {
		c = code(len(x.statuses))
		x.codes[s] = c
		x.statuses = append(x.statuses, s)
	}
	return c
}

// knownCode is the code of s, or noCode.
func (x *Index) knownCode(s attempt.Status) code {
	// To compare with the few that an API has is faster than the map, which is for one that has many.
	for c, known := range x.statuses[:min(len(x.statuses), 4)] {
		if known == s {
			return code(c)
		}
	}
	if c, known := x.codes[s]; known {
		return c
	}
	return noCode
}

// A place is what the maps hold for a block number: nothing, a lone entry, or a block.
type place struct {
	block *block
	lone  entry
	exist bool
}

// A cursor is at a block. Ids that are looked at one after the other lie close together, and each is looked at before it
// is told, so most often the block is the one that was needed last.
type cursor struct {
	number int64
	place       // what the maps hold for number, always
	staged bool // whether x.staged has it, as far as is known
}

// at moves the cursor to a block.
func (x *Index) at(number int64) *cursor {
	if x.near.number != number {
		x.near = cursor{number: number, place: x.find(number)}
	}
	return &x.near
}

func (x *Index) find(number int64) place {
	if b := x.blocks[number]; b != nil {
		return place{block: b, exist: true}
	}
	e, ok := x.lone[number]
	return place{lone: e, exist: ok}
}

// put makes p what the maps hold for number, and moves the cursor there.
func (x *Index) put(number int64, p place) {
	old := x.at(number)
	switch {
	case p.block != nil:
		x.blocks[number] = p.block
	case p.exist:
		x.lone[number] = p.lone
	}
	if old.block != nil && p.block == nil {
		delete(x.blocks, number)
	}
	if old.block == nil && old.exist && (p.block != nil || !p.exist) {
		delete(x.lone, number)
	}
	old.place = p
}

func (p *place) look(offset uint32, c code) (s Standing) {
	switch {
	case p.block != nil:
		return p.block.look(offset, c)
	case p.exist:
		p.lone.look(offset, c, &s)
	}
	return s
}

func (p *place) told() int {
	switch {
	case p.block != nil:
		return p.block.told()
	case p.exist:
		return 1
	}
	return 0
}

// bytes is the memory that p takes beside its slot in a map.
func (p *place) bytes() int {
	if p.block == nil {
		return 0
	}
	return p.block.bytes()
}
