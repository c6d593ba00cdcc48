package dedupe

import "math/bits"

// A bitmap is a set of the offsets 0 to BlockSize-1.
type bitmap [BlockSize / 64]uint64

const bitmapBytes = BlockSize / 8

func (m *bitmap) has(offset uint32) bool { return m[offset/64]>>(offset%64)&1 != 0 }
func (m *bitmap) add(offset uint32)      { m[offset/64] |= 1 << (offset % 64) }
func (m *bitmap) remove(offset uint32)   { m[offset/64] &^= 1 << (offset % 64) }

// addRange adds start to end-1.
func (m *bitmap) addRange(start, end uint32) {
	first, last := start/64, (end-1)/64
	low, high := ^uint64(0)<<(start%64), ^uint64(0)>>(63-(end-1)%64)
	if first == last {
		m[first] |= low & high
		return
	}
	m[first] |= low
	for i := first + 1; i < last; i++ {
		m[i] = ^uint64(0)
	}
	m[last] |= high
}

func (m *bitmap) count() int {
	n := 0
	for _, word := range m {
		n += bits.OnesCount64(word)
	}
	return n
}

// nextRun is the first run of neighboring offsets [start, end) that begins at or after from; at the end of the set, start
// is BlockSize.
func (m *bitmap) nextRun(from uint32) (start, end uint32) {
	start = m.scan(from, 0)
	return start, m.scan(start, ^uint64(0))
}

// scan is the first offset at or after from whose bit differs from the bits of same (all zeros or all ones), or BlockSize.
func (m *bitmap) scan(from uint32, same uint64) uint32 {
	for from < BlockSize {
		if rest := (m[from/64] ^ same) >> (from % 64); rest != 0 {
			return from + uint32(bits.TrailingZeros64(rest))
		}
		from = from/64*64 + 64
	}
	return BlockSize
}
