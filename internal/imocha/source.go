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

func (b *buffers) take() *[longBuffer]byte {
	if long, ok := b.unused.Get().(*[longBuffer]byte); ok {
		return long
	}
	return new([longBuffer]byte)
}

func (b *buffers) put(long *[longBuffer]byte) { b.unused.Put(long) }

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
	long         *[longBuffer]byte
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
		s.buffer = make([]byte, shortBuffer)
	case s.long == nil && s.body.read >= shortBuffer:
		s.long = s.body.buffers.take()
		s.buffer = s.long[:]
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
		s.body.buffers.put(s.long)
	}
	s.unread, s.buffer, s.long = nil, nil, nil
}
