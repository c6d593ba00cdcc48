package kafkatx

import "sync"

// keptBuffer is the largest buffer that is worth keeping.
const keptBuffer = 8 << 20

// buffers are byte slices for use again. The zero value is ready.
type buffers struct{ pool sync.Pool }

// get returns an empty slice.
func (b *buffers) get() []byte {
	if s, ok := b.pool.Get().(*[]byte); ok {
		return (*s)[:0]
	}
	return nil
}

// put gives a slice back, which must not be used any more.
func (b *buffers) put(s []byte) {
	if cap(s) > 0 && cap(s) <= keptBuffer {
		b.pool.Put(&s)
	}
}
