package dedupe

import (
	"maps"
	"slices"
)

// change lets edit change the block that is at p. The first change of a block in a transaction is made to a copy, and
// what was there is kept for Rollback.
func (x *Index) change(number int64, p place, edit func(*block)) {
	if _, again := x.staged[number]; !again {
		x.staged[number] = p
		if p.block != nil {
			x.now.bytes -= int64(p.block.bytes())
			p.block = p.block.clone()
			x.now.bytes += int64(p.block.bytes())
			x.blocks[number] = p.block
			x.stagedSize += p.block.recordEstimate()
		} else if p.exist {
			x.stagedSize += loneEstimate
		}
	}
	switch {
	case p.block != nil:
		size, record := p.block.bytes(), p.block.recordEstimate()
		edit(p.block)
		x.now.bytes += int64(p.block.bytes() - size)
		x.stagedSize += p.block.recordEstimate() - record
	case p.exist:
		b := &block{entries: []entry{p.lone}}
		edit(b)
		x.now.bytes += int64(b.bytes())
		x.stagedSize += b.recordEstimate() - loneEstimate
		x.put(number, place{block: b, exist: true})
	default:
		var room [1]entry // on the stack: of a lone entry only its value is kept
		b := block{entries: room[:0]}
		edit(&b)
		if len(b.dense) > 0 { // no entry can hold its code
			kept := block{dense: b.dense} // not b, which stays on the stack
			x.put(number, place{block: &kept, exist: true})
			x.now.bytes += int64(kept.bytes())
			x.stagedSize += kept.recordEstimate()
			return
		}
		x.stagedSize += loneEstimate
		x.lone[number] = b.entries[0]
	}
}

// DirtyBlocks is the number of blocks that changed since the last Commit or Rollback: the records that Dirty yields.
func (x *Index) DirtyBlocks() int { return len(x.staged) }

// DirtyBytes estimates the length of what Dirty yields, at no cost: rather too high than too low, as long as blocks have a
// few statuses each.
func (x *Index) DirtyBytes() int { return x.stagedSize }

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
	x.stagedSize = 0
}
