package kafkatx

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"sync"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
	"github.com/segmentio/kafka-go"
)

const (
	// zstdWindow is how far back a repetition is found, and how much becomes a block, with codes of its own. Records repeat
	// each other, not what was long before: twice as much takes a tenth longer, for more bytes, since it is too much for the
	// processor's caches. Half as much takes longer again.
	zstdWindow = 64 << 10

	// maxUncompressed bounds what a compressed batch of the log may unfold to.
	maxUncompressed = 256 << 20
)

// codecs holds the compressors of a client. It is safe for concurrent use.
type codecs struct {
	most int // bytes that a batch may unfold to

	zstdOnce    sync.Once
	zstdEncoder *zstd.Encoder
	zstdErr     error

	unzstdOnce  sync.Once
	zstdDecoder *zstd.Decoder
	unzstdErr   error
	unzstding   sync.RWMutex // a decoder that is closed while it works panics

	gzipWriters sync.Pool
	gzipReaders sync.Pool
	lz4Writers  sync.Pool
	lz4Readers  sync.Pool
}

func newCodecs() *codecs { return &codecs{most: maxUncompressed} }

func (c *codecs) close() {
	c.unzstding.Lock()
	defer c.unzstding.Unlock()
	c.unzstdOnce.Do(func() {})
	if c.zstdDecoder != nil {
		c.zstdDecoder.Close()
	}
	c.zstdDecoder, c.unzstdErr = nil, errors.New("client is closed")
}

// compress appends the compressed form of src to dst.
func (c *codecs) compress(dst, src []byte, codec kafka.Compression) ([]byte, error) {
	switch codec {
	case kafka.Zstd:
		c.zstdOnce.Do(func() {
			// EncodeAll takes one of as many encoders as there are processors. The batch has a checksum of its own.
			c.zstdEncoder, c.zstdErr = zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest),
				zstd.WithEncoderConcurrency(runtime.GOMAXPROCS(0)), zstd.WithWindowSize(zstdWindow),
				zstd.WithLowerEncoderMem(true), zstd.WithEncoderCRC(false))
		})
		if c.zstdErr != nil {
			return dst, c.zstdErr
		}
		return c.zstdEncoder.EncodeAll(src, dst), nil
	case kafka.Gzip:
		w, ok := c.gzipWriters.Get().(*gzip.Writer)
		if !ok {
			w = gzip.NewWriter(nil)
		}
		defer c.gzipWriters.Put(w)
		return writeThrough(dst, src, w)
	case kafka.Lz4:
		w, ok := c.lz4Writers.Get().(*lz4.Writer)
		if !ok {
			w = lz4.NewWriter(nil)
			// Kafka's Java reader takes independent blocks only, which is what this library writes.
			if err := w.Apply(lz4.ChecksumOption(false), lz4.BlockSizeOption(lz4.Block256Kb)); err != nil {
				return dst, err
			}
		}
		defer c.lz4Writers.Put(w)
		return writeThrough(dst, src, w)
	case kafka.Snappy:
		return appendXerial(dst, src), nil
	}
	return dst, fmt.Errorf("unknown compression %d", codec)
}

type resetWriter interface {
	io.WriteCloser
	Reset(io.Writer)
}

func writeThrough(dst, src []byte, w resetWriter) ([]byte, error) {
	out := bytes.NewBuffer(dst)
	w.Reset(out)
	_, err := w.Write(src)
	if closeErr := w.Close(); err == nil {
		err = closeErr
	}
	w.Reset(nil)
	return out.Bytes(), err
}

// decompress appends what src unfolds to to dst.
func (c *codecs) decompress(dst, src []byte, codec kafka.Compression) ([]byte, error) {
	switch codec {
	case kafka.Zstd:
		c.unzstding.RLock()
		defer c.unzstding.RUnlock()
		c.unzstdOnce.Do(func() {
			c.zstdDecoder, c.unzstdErr = zstd.NewReader(nil, zstd.WithDecoderConcurrency(runtime.GOMAXPROCS(0)),
				zstd.WithDecoderMaxMemory(uint64(c.most)))
		})
		if c.unzstdErr != nil {
			return dst, c.unzstdErr
		}
		out, err := c.zstdDecoder.DecodeAll(src, dst)
		if errors.Is(err, zstd.ErrDecoderSizeExceeded) || errors.Is(err, zstd.ErrWindowSizeExceeded) {
			err = c.tooMuch()
		}
		return out, err
	case kafka.Gzip:
		r, ok := c.gzipReaders.Get().(*gzip.Reader)
		if !ok {
			r = new(gzip.Reader)
		}
		defer c.gzipReaders.Put(r)
		if err := r.Reset(bytes.NewReader(src)); err != nil {
			return dst, err
		}
		return c.readThrough(dst, r)
	case kafka.Lz4:
		r, ok := c.lz4Readers.Get().(*lz4.Reader)
		if !ok {
			r = lz4.NewReader(nil)
		}
		defer c.lz4Readers.Put(r)
		r.Reset(bytes.NewReader(src))
		return c.readThrough(dst, r)
	case kafka.Snappy:
		return c.appendUnsnapped(dst, src)
	}
	return dst, fmt.Errorf("unknown compression %d", codec)
}

func (c *codecs) readThrough(dst []byte, r io.Reader) ([]byte, error) {
	for {
		dst = slices.Grow(dst, 32<<10)
		n, err := r.Read(dst[len(dst):cap(dst)])
		dst = dst[:len(dst)+n]
		switch {
		case len(dst) > c.most:
			return dst, c.tooMuch()
		case errors.Is(err, io.EOF):
			return dst, nil
		case err != nil:
			return dst, err
		}
	}
}

var errTooMuch = errors.New("more bytes uncompressed than the limit")

func (c *codecs) tooMuch() error { return fmt.Errorf("%w of %d", errTooMuch, c.most) }

// Kafka's Java clients frame snappy with the xerial library's stream format: a header of the magic, the version and the
// oldest compatible version, then blocks with their length in front. Consumers also take a bare snappy block.
const (
	xerialMagic  = "\x82SNAPPY\x00"
	xerialHeader = xerialMagic + "\x00\x00\x00\x01\x00\x00\x00\x01"
	xerialBlock  = 32 << 10
)

func appendXerial(dst, src []byte) []byte {
	dst = append(dst, xerialHeader...)
	for block := range slices.Chunk(src, xerialBlock) {
		dst = slices.Grow(dst, 4+s2.MaxEncodedLen(len(block)))
		at := len(dst)
		encoded := s2.EncodeSnappy(dst[at+4:cap(dst)], block)
		binary.BigEndian.PutUint32(dst[at:at+4], uint32(len(encoded)))
		dst = dst[:at+4+len(encoded)]
	}
	return dst
}

func (c *codecs) appendUnsnapped(dst, src []byte) ([]byte, error) {
	if !bytes.HasPrefix(src, []byte(xerialMagic)) {
		return c.appendSnappyBlock(dst, src)
	}
	if len(src) < len(xerialHeader) {
		return dst, io.ErrUnexpectedEOF
	}
	src = src[len(xerialHeader):]
	for len(src) > 0 {
		if len(src) < 4 {
			return dst, io.ErrUnexpectedEOF
		}
		n := int64(binary.BigEndian.Uint32(src))
		src = src[4:]
		if n > int64(len(src)) {
			return dst, io.ErrUnexpectedEOF
		}
		var err error
		if dst, err = c.appendSnappyBlock(dst, src[:n]); err != nil {
			return dst, err
		}
		src = src[n:]
	}
	return dst, nil
}

func (c *codecs) appendSnappyBlock(dst, src []byte) ([]byte, error) {
	n, err := s2.DecodedLen(src)
	if err != nil {
		return dst, err
	}
	// The format's best is 64 bytes for 3, so a larger claim is not worth the memory.
	if len(dst)+n > c.most || n > 24*len(src)+64 {
		return dst, c.tooMuch()
	}
	at := len(dst)
	dst = slices.Grow(dst, n)[:at+n]
	if _, err := s2.Decode(dst[at:], src); err != nil {
		return dst[:at], err
	}
	return dst, nil
}
