package audit

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"sync"
)

const (
	// firstBuckets is how many buckets there are; a power of two.
	firstBuckets = 256
	// nextBuckets is into how many a bucket is split that is too large for memory.
	nextBuckets = 16
	// maxBucket is the largest file, in bytes, that is read into memory at once: some 100,000 entries, 12 MiB.
	maxBucket = 2 << 20
	// maxDepth bounds how often a bucket is split. What is still large then belongs to a few invitations.
	maxDepth = 12

	bucketBuffer = 4 << 10
)

// A spill is entries in files, by a hash of what they are of. It is safe for concurrent use while it is added to.
type spill struct {
	dir   string
	name  string
	depth int
	most  int64 // bytes of a bucket that is read at once

	mu      sync.Mutex
	buckets []*bucket // nil: empty
	scratch []byte
}

type bucket struct {
	file *os.File
	w    *bufio.Writer
	size int64
}

func newSpill(dir string) *spill {
	return &spill{dir: dir, name: "bucket", most: maxBucket, buckets: make([]*bucket, firstBuckets)}
}

// place is the bucket of an entry: the first spill goes by the highest 8 bits, each split by the next 4.
func (s *spill) place(e *entry) int {
	bits := e.bits()
	if s.depth == 0 {
		return int(bits >> 56)
	}
	return int(bits<<(8+4*(s.depth-1))>>60) % nextBuckets
}

// add writes an entry.
func (s *spill) add(e *entry) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := s.place(e)
	b := s.buckets[i]
	if b == nil {
		file, err := os.OpenFile(s.path(i), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil {
			return fmt.Errorf("keep what was read: %w", err)
		}
		b = &bucket{file: file, w: bufio.NewWriterSize(file, bucketBuffer)}
		s.buckets[i] = b
	}
	s.scratch = e.append(s.scratch[:0])
	b.size += int64(len(s.scratch))
	if _, err := b.w.Write(s.scratch); err != nil {
		return fmt.Errorf("keep what was read: %w; give TMPDIR a folder with more room", err)
	}
	return nil
}

func (s *spill) path(i int) string { return s.dir + "/" + s.name + "-" + strconv.Itoa(i) }

// each hands out the entries bucket by bucket, sorted, and removes their files. Entries of one owner come together.
func (s *spill) each(ctx context.Context, fn func([]entry) error) error {
	var entries []entry
	for i, b := range s.buckets {
		if b == nil {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := b.rewind(); err != nil {
			return err
		}
		var err error
		if b.size > s.most && s.depth < maxDepth {
			err = s.split(ctx, i, b, fn)
		} else {
			entries = slices.Grow(entries[:0], int(b.size/16))
			err = b.read(func(e *entry) error {
				entries = append(entries, *e)
				return nil
			})
			if err == nil {
				slices.SortFunc(entries, compareEntries)
				err = fn(entries)
			}
		}
		s.drop(i)
		if err != nil {
			return err
		}
	}
	return nil
}

// split hands out a bucket that is too large for memory in smaller ones.
func (s *spill) split(ctx context.Context, i int, b *bucket, fn func([]entry) error) error {
	parts := &spill{dir: s.dir, name: s.name + "-" + strconv.Itoa(i), depth: s.depth + 1, most: s.most, buckets: make([]*bucket, nextBuckets)}
	defer parts.close()
	if err := b.read(parts.add); err != nil {
		return err
	}
	s.drop(i)
	return parts.each(ctx, fn)
}

func (b *bucket) rewind() error {
	if err := b.w.Flush(); err != nil {
		return fmt.Errorf("keep what was read: %w; give TMPDIR a folder with more room", err)
	}
	b.w = nil
	if _, err := b.file.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("read what was kept: %w", err)
	}
	return nil
}

func (b *bucket) read(fn func(*entry) error) error {
	r := bufio.NewReaderSize(b.file, 64<<10)
	for {
		e, err := readEntry(r)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := fn(&e); err != nil {
			return err
		}
	}
}

// drop removes a bucket.
func (s *spill) drop(i int) {
	if b := s.buckets[i]; b != nil {
		_ = b.file.Close() // what matters of it was read
		_ = os.Remove(s.path(i))
		s.buckets[i] = nil
	}
}

// close removes all files.
func (s *spill) close() {
	for i := range s.buckets {
		s.drop(i)
	}
}
