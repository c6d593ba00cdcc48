package kafkatx

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"math"
	"os"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/segmentio/kafka-go"
)

var fuzzed = topicPartition{"t", 3}

// answerOf is a fetch answer as a broker encodes it.
func answerOf(stable int64, aborted []abortedTransaction, batches []byte) []byte {
	b := binary.BigEndian.AppendUint32(nil, correlation)
	b = append(b, make([]byte, 4+2+4)...)                                                 // throttle time, error code, session id
	b = append(b, "\x00\x00\x00\x01\x00\x01t\x00\x00\x00\x01\x00\x00\x00\x03\x00\x00"...) // topic t, partition 3, no error
	b = binary.BigEndian.AppendUint64(b, uint64(stable))                                  // high watermark
	b = binary.BigEndian.AppendUint64(b, uint64(stable))
	b = binary.BigEndian.AppendUint64(b, 0) // log start
	b = binary.BigEndian.AppendUint32(b, uint32(len(aborted)))
	for _, a := range aborted {
		b = binary.BigEndian.AppendUint64(b, uint64(a.producerID))
		b = binary.BigEndian.AppendUint64(b, uint64(a.firstOffset))
	}
	b = binary.BigEndian.AppendUint32(b, math.MaxUint32) // no preferred replica
	b = binary.BigEndian.AppendUint32(b, uint32(len(batches)))
	return append(b, batches...)
}

// seal gives batches the checksums that a broker would have given them.
func seal(batches []byte) {
	for {
		batch, rest, err := nextBatch(batches)
		if err != nil || batch == nil {
			return
		}
		binary.BigEndian.PutUint32(batch[atCRC:], crc32.Checksum(batch[atAttributes:], castagnoli))
		batches = rest
	}
}

// FuzzFetch reads any answer to a fetch: what is handed out comes in the order of offsets, each once, from the offset that
// was asked for on, and takes no more memory than the answer and what its batches may unfold to. All else is an error.
func FuzzFetch(f *testing.F) {
	c := newCodecs()
	c.most = 1 << 20
	f.Cleanup(c.close)
	for name := range allCodecs {
		b, err := os.ReadFile("testdata/java-" + name + ".batch")
		if err != nil {
			f.Fatal(err)
		}
		if len(b) < 20_000 {
			f.Add(answerOf(1<<40, nil, b), int64(0))
			f.Add(answerOf(1<<40, []abortedTransaction{{0, 0}, {1, 5}}, append(bytes.Clone(b), b...)), int64(2))
		}
	}
	f.Add(append(answerOf(1, nil, nil)[:47], "\x7f\xff\xff\xff"...), int64(0)) // as many aborted transactions as fit into the length
	f.Add(answerOf(math.MaxInt64, nil, nil), int64(0))
	f.Fuzz(func(t *testing.T, text []byte, from int64) {
		a, err := decodeFetch(bytes.Clone(text), fuzzed)
		if err != nil {
			return
		}
		if 16*len(a.aborted)+len(a.batches) > len(text) {
			t.Fatalf("%d aborted transactions and %d bytes of batches in an answer of %d", len(a.aborted), len(a.batches), len(text))
		}
		seal(a.batches)
		next, n := max(from, 0), 0
		r := reader{client: &Client{codecs: c}, tp: fuzzed, next: next, end: a.lastStableOffset}
		r.each = r.records
		r.fn = func(rec Record) error {
			if rec.Offset < next || rec.Topic != "t" || rec.Partition != 3 {
				t.Fatalf("offset %d of %s-%d after %d", rec.Offset, rec.Topic, rec.Partition, next)
			}
			next = rec.Offset + 1
			n++
			return nil
		}
		var corrupt *CorruptBatchError
		if err := r.take(a); err != nil && !errors.As(err, &corrupt) {
			t.Fatalf("error %T %v", err, err)
		}
		if n > len(text)+c.most || cap(r.flat) > 4*c.most {
			t.Fatalf("%d records, %d bytes unfolded", n, cap(r.flat))
		}
	})
}

// whole writes a text at once.
func whole(text []byte) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := w.Write(text)
		return err
	}
}

// FuzzDecompress unfolds anything: to what, folded again, unfolds to the same, and to no more than the limit.
func FuzzDecompress(f *testing.F) {
	c := newCodecs()
	c.most = 1 << 20
	f.Cleanup(c.close)
	for _, codec := range allCodecs {
		for _, text := range []string{"", "hello, hello, hello", string(make([]byte, 2<<20))} {
			b, err := c.compress(nil, codec, whole([]byte(text)))
			if err != nil && codec != 0 {
				f.Fatal(err)
			}
			f.Add(b, uint8(codec))
		}
	}
	f.Fuzz(func(t *testing.T, text []byte, codec uint8) {
		of := kafka.Compression(codec%4 + 1)
		flat, err := c.decompress(nil, text, of)
		if len(flat) > c.most+zstdBlock {
			t.Fatalf("codec %d: %d bytes unfold to %d", of, len(text), len(flat))
		}
		if err != nil {
			return
		}
		if len(flat) > c.most {
			t.Fatalf("codec %d: %d bytes of %d are no error", of, len(flat), len(text))
		}
		folded, err := c.compress(nil, of, whole(flat))
		if err != nil {
			t.Fatal(err)
		}
		if again, err := c.decompress(nil, folded, of); err != nil || !bytes.Equal(again, flat) {
			t.Fatalf("codec %d: %d bytes, folded and unfolded, are %d: %v", of, len(flat), len(again), err)
		}
	})
}

// zstdBlock is the step in which decoders notice that the limit is passed: zstd's largest block, or a buffer's rest.
const zstdBlock = 1 << 20

// A batch that unfolds to more than memory should hold is refused by every codec, and says so. What is just as large as
// the limit is read.
func TestBombs(t *testing.T) {
	t.Parallel()
	c := newCodecs()
	c.most = 1 << 20
	defer c.close()
	for name, codec := range allCodecs {
		if codec == 0 {
			continue
		}
		for size, want := range map[int]error{c.most: nil, c.most + 1: errTooMuch, 64 * c.most: errTooMuch} {
			bomb, err := c.compress(nil, codec, whole(make([]byte, size)))
			if err != nil {
				t.Fatal(err)
			}
			flat, err := c.decompress(nil, bomb, codec)
			if !errors.Is(err, want) || err == nil && len(flat) != size || cap(flat) > 4*c.most {
				t.Errorf("%s: %d bytes that unfold to %d: %v, %d bytes of memory", name, len(bomb), size, err, cap(flat))
			}
		}
	}
	// A frame that says nothing of its length, and one that lies.
	var open bytes.Buffer
	w, err := zstd.NewWriter(&open, zstd.WithSingleSegment(false))
	if err != nil {
		t.Fatal(err)
	}
	for range 64 {
		if _, err := w.Write(make([]byte, c.most)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if flat, err := c.decompress(nil, open.Bytes(), kafka.Zstd); !errors.Is(err, errTooMuch) || cap(flat) > 4*c.most {
		t.Errorf("a zstd frame of no known length: %v, %d bytes of memory", err, cap(flat))
	}
}
