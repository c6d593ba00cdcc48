package dedupe

import "slices"

// A code stands for a status inside one Index. It never leaves the process: records spell statuses out.
type code uint32

const (
	codeBits = 31 - BlockBits
	// entryCodes is how many statuses entries can tell apart: half a million. Those that come later are dense from their
	// first id on, some 600 bytes for each of them in each block: an API that invents statuses costs memory, and stops nothing.
	entryCodes code = 1 << codeBits
	noCode          = ^code(0) // no status
)

// An entry is one told (offset, status) of a sparse set, in an order that keeps the statuses of one id together:
// offset, code, and in the lowest bit whether it is superseded.
type entry uint32

func makeEntry(offset uint32, c code, superseded bool) entry {
	e := entry(offset<<(codeBits+1) | uint32(c)<<1)
	if superseded {
		e |= 1
	}
	return e
}

func (e entry) offset() uint32   { return uint32(e) >> (codeBits + 1) }
func (e entry) code() code       { return code(e>>1) & (entryCodes - 1) }
func (e entry) superseded() bool { return e&1 != 0 }

func (e entry) look(offset uint32, c code, s *Standing) {
	switch {
	case e.offset() != offset:
	case e.code() == c:
		s.Told, s.Superseded = true, e.superseded()
	case !e.superseded():
		s.Others = true
	}
}

// A dense is the set of one status that has become too large for entries, or whose code is.
type dense struct {
	code       code
	told       *bitmap
	superseded *bitmap // nil while empty
}

// A block is what was told of BlockSize neighboring ids. Each status in it is either sparse, with an entry per id, or
// dense, with bitmaps; never both.
type block struct {
	entries []entry // ascending
	dense   []dense
}

// sparseLimit is how many ids a status may have as entries before a bitmap is the smaller form of it.
const sparseLimit = bitmapBytes / 4

// find is the place of the first entry of offset.
func (b *block) find(offset uint32) int { return b.search(makeEntry(offset, 0, false)) }

// search is the place of e, or where it belongs: mostly the end, since ids that are told later are greater.
func (b *block) search(e entry) int {
	n := len(b.entries)
	if n == 0 || b.entries[n-1] < e {
		return n
	}
	// By arithmetic, not by a branch: a processor would guess every second one wrong, which took most of the search.
	i := 0
	for n > 0 {
		half := (n + 1) / 2
		before := (int64(b.entries[i+half-1]) - int64(e)) >> 63 // all ones if that entry comes before e, else 0
		i += half & int(before)
		n -= half
	}
	return i
}

func (b *block) look(offset uint32, c code) (s Standing) {
	for _, e := range b.entries[b.find(offset):] {
		if e.offset() != offset {
			break
		}
		e.look(offset, c, &s)
	}
	for i := range b.dense {
		d := &b.dense[i]
		if !d.told.has(offset) {
			continue
		}
		superseded := d.superseded != nil && d.superseded.has(offset)
		if d.code == c {
			s.Told, s.Superseded = true, superseded
		} else if !superseded {
			s.Others = true
		}
	}
	return s
}

// supersedeOthers marks every status of offset as superseded, but for c, which stops being so.
func (b *block) supersedeOthers(offset uint32, c code) {
	for i := b.find(offset); i < len(b.entries) && b.entries[i].offset() == offset; i++ {
		own := b.entries[i].code()
		b.entries[i] = makeEntry(offset, own, own != c)
	}
	for i := range b.dense {
		d := &b.dense[i]
		switch {
		case !d.told.has(offset):
		case d.code != c:
			d.supersede(offset)
		case d.superseded != nil:
			d.superseded.remove(offset)
		}
	}
}

func (d *dense) supersede(offset uint32) {
	if d.superseded == nil {
		d.superseded = new(bitmap)
	}
	d.superseded.add(offset)
}

// insert adds what was not told before.
func (b *block) insert(offset uint32, c code, superseded bool) {
	if d := b.denseOf(c); d != nil {
		d.told.add(offset)
		if superseded {
			d.supersede(offset)
		}
		return
	}
	if c >= entryCodes {
		b.condense(c)
		b.insert(offset, c, superseded)
		return
	}
	if len(b.entries) == cap(b.entries) {
		// The moment at which room is needed is rare enough to count, and the right one to ask for another form.
		if b.countEntries(c) >= sparseLimit {
			b.condense(c)
			b.insert(offset, c, superseded)
			return
		}
		b.entries = slices.Concat(b.entries, make([]entry, 2+len(b.entries)/4))[:len(b.entries)]
	}
	e := makeEntry(offset, c, superseded)
	b.entries = slices.Insert(b.entries, b.search(e), e)
}

func (b *block) denseOf(c code) *dense {
	for i := range b.dense {
		if b.dense[i].code == c {
			return &b.dense[i]
		}
	}
	return nil
}

func (b *block) countEntries(c code) int {
	n := 0
	for _, e := range b.entries {
		if e.code() == c {
			n++
		}
	}
	return n
}

// condense moves a status from entries, if it has any, into bitmaps.
func (b *block) condense(c code) {
	d := dense{code: c, told: new(bitmap)}
	if c >= entryCodes {
		b.dense = append(b.dense, d)
		return
	}
	rest := make([]entry, 0, len(b.entries)-b.countEntries(c)+4)
	for _, e := range b.entries {
		if e.code() != c {
			rest = append(rest, e)
			continue
		}
		d.told.add(e.offset())
		if e.superseded() {
			d.supersede(e.offset())
		}
	}
	b.entries = rest
	b.dense = append(slices.Clip(b.dense), d)
}

// clone is an independent copy of b with room for a change.
func (b *block) clone() *block {
	c := &block{}
	if len(b.entries) > 0 {
		c.entries = append(make([]entry, 0, len(b.entries)+2), b.entries...)
	}
	if len(b.dense) > 0 {
		c.dense = make([]dense, len(b.dense))
	}
	for i, d := range b.dense {
		c.dense[i] = dense{code: d.code, told: new(*d.told)}
		if d.superseded != nil {
			c.dense[i].superseded = new(*d.superseded)
		}
	}
	return c
}

// told is how many (id, status) b holds.
func (b *block) told() int {
	n := len(b.entries)
	for i := range b.dense {
		n += b.dense[i].told.count()
	}
	return n
}

// bytes is the memory that b takes, without its place in the map.
func (b *block) bytes() int {
	n := 48 + 4*cap(b.entries) + 24*cap(b.dense)
	for i := range b.dense {
		n += bitmapBytes
		if b.dense[i].superseded != nil {
			n += bitmapBytes
		}
	}
	return n
}
