package imocha

import "strings"

// slabSize is the longest slab. A text that is kept on its own holds as much in memory.
const slabSize = 32 << 10

// A slab is memory for many short texts of entries, which costs one allocation. A slab in which there is no room is left to
// those who hold its texts, and the next one begins.
type slab struct {
	text        strings.Builder
	kept, of    int // so many bytes of so many, in the entries before this one
	size, after int // of this entry, and of what has arrived behind it
}

// entry says whose texts are kept from now on: those of an entry of so many bytes, behind which others have arrived.
func (s *slab) entry(size, after int) {
	s.of += s.size
	s.size, s.after = size, after
}

// keep is text as a string.
func (s *slab) keep(text []byte) string {
	if len(text) > slabSize/8 {
		return string(text) // else much of a slab could stay unused
	}
	if s.text.Cap()-s.text.Len() < len(text) {
		s.text = strings.Builder{}
		s.text.Grow(max(len(text), min(s.room(), slabSize)))
	}
	s.kept += len(text)
	from := s.text.Len()
	s.text.Write(text)
	return s.text.String()[from:]
}

// room is about what will be kept of what has arrived, if entries are alike.
func (s *slab) room() int {
	if s.of == 0 {
		return s.size // what share of it is not known yet
	}
	n := (s.size + s.after) * s.kept / s.of
	return n + n/16
}
