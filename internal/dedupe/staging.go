package dedupe

import (
	"maps"
	"slices"
)

// insert stages that offset, of the block at the cursor, was told with a status that it did not have.
func (x *Index) insert(offset uint32, c code, superseded bool) {
	x.now.told++
	if !x.near.exist && c < entryCodes {
		x.stage()
		x.put(x.near.number, place{lone: makeEntry(offset, c, superseded), exist: true})
		return
	}
	b := x.open()
	size := b.bytes()
	b.insert(offset, c, superseded)
	x.now.bytes += int64(b.bytes() - size)
}

// open is the block at the cursor, to be changed.
func (x *Index) open() *block {
	at := &x.near
	x.stage()
	if at.block == nil {
		b := &block{}
		if at.exist {
			b.entries = []entry{at.lone}
		}
		x.put(at.number, place{block: b, exist: true})
		x.now.bytes += int64(b.bytes())
	}
	return at.block
}

// stage keeps what is at the cursor for Rollback. The first change of a block in a transaction is made to a copy.
func (x *Index) stage() {
	at := &x.near
	if at.staged {
		return
	}
	at.staged = true
	if _, again := x.staged[at.number]; again {
		return
	}
	x.staged[at.number] = at.place
	if at.block != nil {
		copied := at.block.clone()
		x.now.bytes += int64(copied.bytes() - at.block.bytes())
		x.put(at.number, place{block: copied, exist: true})
	}
}

// DirtyBlocks is the number of blocks that changed since the last Commit or Rollback: the records that Dirty yields.
func (x *Index) DirtyBlocks() int { return len(x.staged) }

// Dirty yields the records of the blocks that changed since the last Commit or Rollback, by ascending number, and stops
// at the first error, which it returns. The record is valid only until yield returns.
func (x *Index) Dirty(yield func(block int64, record []byte) error) error {
	for _, number := range slices.Sorted(maps.Keys(x.staged)) {
		if err := yield(number, x.encode(number)); err != nil {
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
	for number, p := range x.staged {
		x.put(number, p)
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
		x.staged = map[int64]place{}
	}
	x.near.staged = false
}
