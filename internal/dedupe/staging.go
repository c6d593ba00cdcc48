package dedupe

import (
	"maps"
	"slices"
)

// A change is what a transaction made of a block.
type change struct{ before, now place }

// insert stages that offset, of the block at the cursor, was told with a status that it did not have.
func (x *Index) insert(offset uint32, c code, superseded bool) {
	x.now.told++
	if !x.near.exist && c < entryCodes {
		x.replace(place{lone: makeEntry(offset, c, superseded), exist: true})
		return
	}
	b := x.open()
	size := b.bytes()
	b.insert(offset, c, superseded)
	x.now.bytes += int64(b.bytes() - size)
}

// open is the block at the cursor, to be changed. The first change of a block in a transaction is made to a copy.
func (x *Index) open() *block {
	at := &x.near
	if at.block == nil {
		b := &block{}
		if at.exist {
			b.entries = []entry{at.lone}
		}
		x.now.bytes += int64(b.bytes())
		x.replace(place{block: b, exist: true})
		return b
	}
	if at.staged {
		return at.block
	}
	if _, at.staged = x.staged[at.number]; !at.staged {
		b := at.block.clone()
		x.now.bytes += int64(b.bytes() - at.block.bytes())
		x.replace(place{block: b, exist: true})
	}
	return at.block
}

// replace stages that p takes the place at the cursor.
func (x *Index) replace(p place) {
	at := &x.near
	c, again := x.staged[at.number]
	if !again {
		c.before = at.place
	}
	c.now = p
	x.staged[at.number] = c
	x.put(at.number, p)
	at.staged = true
}

// DirtyBlocks is the number of blocks that changed since the last Commit or Rollback: the records that Dirty yields.
func (x *Index) DirtyBlocks() int { return len(x.staged) }

// Dirty yields the records of the blocks that changed since the last Commit or Rollback, by ascending number, and stops
// at the first error, which it returns. The record is valid only until yield returns.
func (x *Index) Dirty(yield func(block int64, record []byte) error) error {
	for _, number := range slices.Sorted(maps.Keys(x.staged)) {
		if err := yield(number, x.encode(number, x.staged[number].now)); err != nil {
			return err
		}
	}
	return nil
}

// Commit makes the staged changes the index.
func (x *Index) Commit() {
	x.committed = x.now
	x.settle()
}

// Rollback takes back every change since the last Commit.
func (x *Index) Rollback() {
	for number, c := range x.staged {
		x.put(number, c.before)
	}
	x.now = x.committed
	x.settle()
}

// largeTransaction is from how many blocks on the map of staged blocks is made anew: clearing takes time by the largest
// size that a map ever had.
const largeTransaction = 1 << 14

func (x *Index) settle() {
	if len(x.staged) < largeTransaction {
		clear(x.staged)
	} else {
		x.staged = map[int64]change{}
	}
	x.near.staged = false
	x.memory = nil
}
