//go:build linux

package bench_test

import (
	"bufio"
	"encoding/binary"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kgo"
)

// A finished event is a record as the command wrote it. What it points at lies in a file that is mapped into memory, so
// that it is no work for the garbage collector of whoever writes it again.
type finished struct {
	partition  int32
	at         time.Time
	key, value []byte
	headers    []kafka.Header
}

// finish writes records to a file: the names of all headers, then record by record.
func finish(t testing.TB, records []*kgo.Record) (path string) {
	t.Helper()
	var names []string
	for _, r := range records {
		for _, h := range r.Headers {
			if !slices.Contains(names, h.Key) {
				names = append(names, h.Key)
			}
		}
	}
	path = filepath.Join(t.TempDir(), "finished")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	w := bufio.NewWriterSize(file, 1<<20)
	number := func(n int) { _, _ = w.Write(binary.AppendUvarint(w.AvailableBuffer(), uint64(n))) } // Flush says what failed
	text := func(s []byte) {
		number(len(s))
		_, _ = w.Write(s)
	}
	number(len(records))
	number(len(names))
	for _, name := range names {
		text([]byte(name))
	}
	for _, r := range records {
		number(int(r.Partition))
		number(int(r.Timestamp.UnixMilli()))
		text(r.Key)
		text(r.Value)
		number(len(r.Headers))
		for _, h := range r.Headers {
			number(slices.Index(names, h.Key))
			text(h.Value)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	return path
}

// A source is finished events in a file.
type source struct {
	text    []byte // mapped, and all of it in memory
	records int
	names   []string
	first   int // where the first record begins
}

func openSource(path string) (*source, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	about, err := file.Stat()
	if err != nil {
		return nil, err
	}
	text, err := syscall.Mmap(int(file.Fd()), 0, int(about.Size()), syscall.PROT_READ, syscall.MAP_PRIVATE|syscall.MAP_POPULATE)
	if err != nil {
		return nil, err
	}
	s := &source{text: text}
	r := reader{text}
	s.records = r.number()
	for range r.number() {
		s.names = append(s.names, string(r.text()))
	}
	s.first = len(text) - len(r.rest)
	return s, nil
}

// chunks are so many records at a time. A chunk is good until the next one.
func (s *source) chunks(size int) iter.Seq[[]finished] {
	return func(yield func([]finished) bool) {
		r := reader{s.text[s.first:]}
		chunk := make([]finished, 0, size)
		headers := make([]kafka.Header, 0, size*len(s.names))
		for left := s.records; left > 0; left -= len(chunk) {
			chunk, headers = chunk[:0], headers[:0]
			for range min(size, left) {
				f := finished{partition: int32(r.number()), at: time.UnixMilli(int64(r.number())), key: r.text(), value: r.text()}
				from := len(headers)
				for range r.number() {
					headers = append(headers, kafka.Header{Key: s.names[r.number()], Value: r.text()})
				}
				f.headers = headers[from:len(headers):len(headers)]
				chunk = append(chunk, f)
			}
			if !yield(chunk) {
				return
			}
		}
	}
}

// A reader reads what finish has written; no other file is given to it.
type reader struct{ rest []byte }

func (r *reader) number() int {
	n, length := binary.Uvarint(r.rest)
	r.rest = r.rest[length:]
	return int(n)
}

func (r *reader) text() []byte {
	n := r.number()
	text := r.rest[:n:n]
	r.rest = r.rest[n:]
	return text
}

func TestFinishedEventsAreAsTheyWere(t *testing.T) {
	t.Parallel()
	var want []*kgo.Record
	for i := range 25 {
		want = append(want, &kgo.Record{Partition: int32(i % 3), Timestamp: time.UnixMilli(1_700_000_000_000 + int64(i)), Key: []byte{byte(i)},
			Value: make([]byte, i*20), Headers: []kgo.RecordHeader{{Key: "a", Value: []byte("x")}, {Key: string(rune('a' + i%5)), Value: make([]byte, i)}}[:i%3]})
	}
	s, err := openSource(finish(t, want))
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for chunk := range s.chunks(10) {
		for _, got := range chunk {
			r := want[n]
			same := got.partition == r.Partition && got.at.Equal(r.Timestamp) && string(got.key) == string(r.Key) && string(got.value) == string(r.Value) &&
				slices.EqualFunc(got.headers, r.Headers, func(a kafka.Header, b kgo.RecordHeader) bool {
					return a.Key == b.Key && string(a.Value) == string(b.Value)
				})
			if !same {
				t.Fatalf("record %d is %+v, want %+v", n, got, r)
			}
			n++
		}
	}
	if n != len(want) {
		t.Errorf("%d records, want %d", n, len(want))
	}
}
