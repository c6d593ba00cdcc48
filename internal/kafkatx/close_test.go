package kafkatx

import (
	"bytes"
	"sync"
	"testing"

	"github.com/segmentio/kafka-go"
)

// Who ends a program may close a client whose readers have not ended yet: they fail, and nothing panics.
func TestCloseWhileDecompressing(t *testing.T) {
	t.Parallel()
	c := newCodecs()
	plain := bytes.Repeat([]byte("attempts "), 1<<12)
	packed, err := c.compress(nil, kafka.Zstd, whole(plain))
	if err != nil {
		t.Fatal(err)
	}
	var readers sync.WaitGroup
	started := make(chan struct{}, 4)
	for range cap(started) {
		readers.Go(func() {
			for n := 0; ; n++ {
				got, err := c.decompress(nil, packed, kafka.Zstd)
				if err != nil {
					return // it is closed
				}
				if !bytes.Equal(got, plain) {
					t.Error("it unfolds to something else")
					return
				}
				if n == 0 {
					started <- struct{}{}
				}
			}
		})
	}
	for range cap(started) {
		<-started
	}
	c.close()
	readers.Wait()
	if _, err := c.decompress(nil, packed, kafka.Zstd); err == nil {
		t.Error("a closed client still decompresses")
	}
}
