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

	compressors [kafka.Zstd + 1]sync.Pool

	unzstdOnce  sync.Once
	zstdDecoder *zstd.Decoder
	unzstdErr   error
	unzstding   sync.RWMutex // a decoder that is closed while it works panics

	gzipReaders sync.Pool
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

// A compressor compresses what is written to it part by part, up to Close. Reset makes it ready for what comes next.
type compressor interface {
	io.WriteCloser
	Reset(io.Writer)
}

// compress appends the compressed form of what fill writes to dst.
func (c *codecs) compress(dst []byte, codec kafka.Compression, fill func(io.Writer) error) ([]byte, error) {
	w, err := c.compressor(codec)
	if err != nil {
		return dst, err
	}
	defer c.compressors[codec].Put(w)
	out := bytes.NewBuffer(dst)
	w.Reset(out)
	err = fill(w)
	if closeErr := w.Close(); err == nil {
		err = closeErr
	}
	w.Reset(nil)
	return out.Bytes(), err
}

// compressor is one that nobody uses.
func (c *codecs) compressor(codec kafka.Compression) (compressor, error) {
	if codec <= 0 || int(codec) >= len(c.compressors) {
		return nil, fmt.Errorf("unknown compression %d", codec)
	}
	if w, ok := c.compressors[codec].Get().(compressor); ok {
		return w, nil
	}
	switch codec {
	case kafka.Zstd:
		// The batch has a checksum of its own. Several batches are compressed at a time, and so each by one processor.
		return zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1),
			zstd.WithWindowSize(zstdWindow), zstd.WithLowerEncoderMem(true), zstd.WithEncoderCRC(false))
	case kafka.Gzip:
		return gzip.NewWriter(nil), nil
	case kafka.Lz4:
		// Kafka's Java reader takes independent blocks only, which is what this library writes.
		w := lz4.NewWriter(nil)
		return w, w.Apply(lz4.ChecksumOption(false), lz4.BlockSizeOption(lz4.Block256Kb))
	default: // kafka.Snappy
		return &xerial{}, nil
	}
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

// A xerial writes that format.
type xerial struct {
	to    io.Writer
	begun bool
	block []byte
}

func (x *xerial) Reset(to io.Writer) { x.to, x.begun = to, false }

// Write compresses p by itself.
func (x *xerial) Write(p []byte) (n int, err error) {
	if err := x.begin(); err != nil {
		return 0, err
	}
	for block := range slices.Chunk(p, xerialBlock) {
		x.block = slices.Grow(x.block[:0], 4+s2.MaxEncodedLen(len(block)))
		encoded := s2.EncodeSnappy(x.block[4:cap(x.block)], block)
		x.block = x.block[:4+len(encoded)]
		binary.BigEndian.PutUint32(x.block, uint32(len(encoded)))
		if _, err := x.to.Write(x.block); err != nil {
			return n, err
		}
		n += len(block)
	}
	return n, nil
}

func (x *xerial) begin() (err error) {
	if !x.begun {
		x.begun = true
		_, err = io.WriteString(x.to, xerialHeader)
	}
	return err
}

func (x *xerial) Close() error { return x.begin() }

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
