package imocha

import (
	"bytes"
	"sync"
)

// Lengths of the memory into which a body is read: the first is enough for most answers, and longer ones take the second.
const (
	shortBuffer = 4 << 10
	longBuffer  = 64 << 10
)

// buffers are those of longBuffer that no answer uses now.
type buffers struct{ unused sync.Pool }

// A long is one of them. Where there are some, short answers use them too, which costs nothing; but when only short ones
// have, for mostShort times, it is let go of: else one that has been needed once would be kept for ever.
type long struct {
	bytes [longBuffer]byte
	short int // answers one after the other
}

const mostShort = 16

// spare is one that has been used, nil if there is none.
func (b *buffers) spare() *long {
	l, _ := b.unused.Get().(*long)
	return l
}

// put takes back one from which n bytes of an answer were read.
func (b *buffers) put(l *long, n int64) {
	if l.short++; n > shortBuffer {
		l.short = 0
	}
	if l.short < mostShort {
		b.unused.Put(l)
	}
}

// pieceEnd is the last byte of every entry that is an object.
const pieceEnd = '}'

// A source is a body for two readers: a parser, which is given it piece by piece, and whoever takes bytes between two pieces,
// which the parser then never sees. A piece reaches no further than to the next pieceEnd, so a parser that has just read an
// object has read nothing ahead. Bytes are read from the body only when the parser needs some and there are none.
type source struct {
	body   *body
	parsed func() int64 // how much of what it was given the parser has done with

	given, taken int64  // bytes
	unread       []byte // what was read from the body and nobody has had yet
	buffer       []byte // where unread lies
	long         *long
}

// Read gives the parser the next piece, or a part of it.
func (s *source) Read(p []byte) (int, error) {
	if s.given-s.parsed() > s.body.maxEntry {
		s.body.err = errTooLong
		return 0, errTooLong
	}
	if len(s.unread) == 0 {
		if err := s.fill(); len(s.unread) == 0 {
			return 0, err
		}
	}
	n := min(len(p), len(s.unread))
	if end := bytes.IndexByte(s.unread[:n], pieceEnd); end >= 0 {
		n = end + 1
	}
	copy(p, s.unread[:n])
	s.unread = s.unread[n:]
	s.given += int64(n)
	return n, nil
}

// fill reads once.
func (s *source) fill() error {
	switch {
	case s.buffer == nil:
		if s.long = s.body.buffers.spare(); s.long == nil {
			s.buffer = make([]byte, shortBuffer)
		}
	case s.long == nil && s.body.read >= shortBuffer:
		if s.long = s.body.buffers.spare(); s.long == nil {
			s.long = new(long)
		}
	}
	if s.long != nil {
		s.buffer = s.long.bytes[:]
	}
	n, err := s.body.Read(s.buffer)
	s.unread = s.buffer[:n]
	return err
}

// take takes the first n bytes of unread, which the parser will not see.
func (s *source) take(n int) {
	s.unread = s.unread[n:]
	s.taken += int64(n)
}

// offset is how much of the body is done with.
func (s *source) offset() int64 { return s.parsed() + s.taken }

// release gives the memory back, whose bytes nobody may use any more.
func (s *source) release() {
	if s.long != nil {
		s.body.buffers.put(s.long, s.body.read)
	}
	s.unread, s.buffer, s.long = nil, nil, nil
}
