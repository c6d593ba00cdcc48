package console

import (
	"bytes"
	"io"
	"sync"
)

// A Screen is a terminal whose last line is kept for progress. Whatever else is written to it appears above that line.
// It is safe for concurrent use.
type Screen struct {
	width func() int

	mu   sync.Mutex
	w    io.Writer
	line string // as it is drawn; empty: nothing is
	open bool   // the last thing written did not end its line, so there is no room for the line of progress
	buf  bytes.Buffer
}

// NewScreen is the terminal w, which has so many columns. Nothing else may write to it.
func NewScreen(w io.Writer, width func() int) *Screen { return &Screen{w: w, width: width} }

// Width is how many columns there are at the moment.
func (s *Screen) Width() int { return s.width() }

// erase goes to the start of the line and deletes it (ECMA-48 EL).
const erase = "\r\x1b[K"

// Write writes above the line of progress.
func (s *Screen) Write(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.buf.Reset()
	s.erase()
	before := s.buf.Len()
	s.buf.Write(p)
	s.open = p[len(p)-1] != '\n'
	s.draw()
	n, err := s.w.Write(s.buf.Bytes())
	return min(max(n-before, 0), len(p)), err
}

// Show replaces the line of progress; an empty line takes it away. It must not be wider than the terminal.
func (s *Screen) Show(line string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.buf.Reset()
	s.erase()
	s.line = line
	s.draw()
	_, _ = s.w.Write(s.buf.Bytes()) // progress that cannot be shown must not stop the work
}

func (s *Screen) erase() {
	if s.line != "" && !s.open {
		s.buf.WriteString(erase)
	}
}

func (s *Screen) draw() {
	if !s.open {
		s.buf.WriteString(s.line)
	}
}
