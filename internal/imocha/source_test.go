package imocha

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"time"
)

// The memory into which a long answer was read serves the next ones, short ones too; but what only short ones use is let
// go of.
func TestLongBuffers(t *testing.T) {
	t.Parallel()
	readFrom := func(pool *buffers, entries int) *long {
		_, watch := newWatchdog(t.Context(), time.Hour)
		defer watch.end()
		text := `{"result":{"testAttempts":[{` + good + `}` + strings.Repeat(`,{`+good+`}`, entries-1) + `]}}`
		body := newBody(io.NopCloser(bytes.NewReader([]byte(text))), watch, maxEntry)
		body.buffers = pool
		problem, err := readAnswer(body, func(*Entry) error { return nil })
		if problem != nil || err != nil {
			t.Fatal(problem, err)
		}
		l := pool.spare()
		if l != nil {
			pool.unused.Put(l)
		}
		return l
	}
	again, kept := 0, 0
	for range 20 { // sync.Pool may forget what it has
		pool := new(buffers)
		if readFrom(pool, 10) != nil {
			t.Fatal("a short answer takes a long buffer")
		}
		first := readFrom(pool, 1000)
		if first == nil {
			continue
		}
		if readFrom(pool, 1000) == first {
			again++
		}
		if readFrom(pool, 10) == first && first.short == 1 {
			kept++
		}
		for range mostShort {
			readFrom(pool, 10)
		}
		if readFrom(pool, 10) != nil {
			t.Fatal("a long buffer is kept that only short answers have used")
		}
	}
	if again == 0 || kept == 0 {
		t.Errorf("a long buffer was used again %d times by a long answer, and %d times by a short one", again, kept)
	}
}
