package worker

import (
	"errors"
	"testing"
	"unsafe"
)

// Whoever has something done aside keeps the stack that it has: one that grows is moved. The garbage collector may move one too,
// but not each time.
func TestAside(t *testing.T) {
	t.Parallel()
	deep := errors.New("deep")
	for range 20 {
		moved, depth, err := false, 0, error(nil)
		done := make(chan struct{})
		go func() {
			defer close(done)
			var here byte
			recurse(8) // to have what a call of aside itself needs
			before := uintptr(unsafe.Pointer(&here))
			depth, err = aside(func() (int, error) { return recurse(1000), deep })
			moved = uintptr(unsafe.Pointer(&here)) != before
		}()
		<-done
		if depth != 1000 || !errors.Is(err, deep) {
			t.Fatalf("depth %d, %v", depth, err)
		}
		if !moved {
			return
		}
	}
	t.Error("the caller's stack is moved each time")
}

// recurse takes more than half a KiB of stack for each call.
//
//go:noinline
func recurse(n int) int {
	var frame [512]byte
	if n == 0 {
		return int(frame[0])
	}
	return 1 + recurse(n-1)
}
