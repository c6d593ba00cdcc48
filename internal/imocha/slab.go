package imocha

import "strings"

// slabSize is the longest slab. An entry that is kept on its own holds as much in memory.
const slabSize = 32 << 10

// A slab is memory for many short texts, which costs one allocation. A slab in which there is no room is left to those who
// hold its texts, and the next one begins.
type slab struct{ text strings.Builder }

// keep is text as a string. About as much as room will follow, text included.
func (s *slab) keep(text []byte, room int) string {
	if len(text) > slabSize/8 {
		return string(text) // else much of a slab could stay unused
	}
	if s.text.Cap()-s.text.Len() < len(text) {
		s.text = strings.Builder{}
		s.text.Grow(max(len(text), min(room, slabSize)))
	}
	from := s.text.Len()
	s.text.Write(text)
	return s.text.String()[from:]
}
