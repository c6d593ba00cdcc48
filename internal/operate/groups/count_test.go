package groups

import (
	"context"
	"math"
	"slices"
	"testing"
	"time"

	"attemptstream/internal/kafkatx"

	"pgregory.net/rapid"
)

// A fakeLog is a partition in memory.
type fakeLog struct {
	batches []fakeBatch
	read    int64 // bytes
	fetched int   // batches
}

// A fakeBatch has records at some of its offsets, or none at all that anybody is handed: a marker, or aborted.
type fakeBatch struct {
	from, to int64
	offsets  []int64
}

func (l *fakeLog) end() int64 {
	if len(l.batches) == 0 {
		return 0
	}
	return l.batches[len(l.batches)-1].to
}

// timeOf is the timestamp of the record at an offset.
func timeOf(offset int64) time.Time { return time.UnixMilli(1_000_000 + 10*offset) }

func (l *fakeLog) Batches(_ context.Context, _ string, _ int, from, end int64, fn func(kafkatx.Batch) error) (int64, error) {
	for _, b := range l.batches {
		if b.to <= from || b.from >= end {
			continue
		}
		l.read += 100
		l.fetched++
		if len(b.offsets) == 0 {
			continue // the reader does not tell markers
		}
		told := kafkatx.Batch{Offset: max(from, b.from), End: min(end, b.to), Bytes: 100}
		for _, o := range b.offsets {
			if told.Offset <= o && o < told.End {
				if told.Records++; told.Records == 1 {
					told.Time = timeOf(o)
				}
			}
		}
		if err := fn(told); err != nil {
			return told.Offset, err
		}
	}
	return end, nil
}

func (l *fakeLog) BatchAt(ctx context.Context, topic string, partition int, from, end int64) (first kafkatx.Batch, ok bool, _ error) {
	_, _ = l.Batches(ctx, topic, partition, from, end, func(b kafkatx.Batch) error {
		if b.Records == 0 {
			return nil
		}
		first, ok = b, true
		return errBudget
	})
	return first, ok, nil
}

// grow appends some batches.
func (l *fakeLog) grow(t *rapid.T) {
	for range rapid.IntRange(0, 12).Draw(t, "batches") {
		b := fakeBatch{from: l.end()}
		size := rapid.Int64Range(1, 6).Draw(t, "size")
		b.to = b.from + size
		if kind := rapid.IntRange(0, 3).Draw(t, "kind"); kind > 0 {
			for o := b.from; o < b.to; o++ {
				if kind > 1 || rapid.Bool().Draw(t, "kept") { // 1: compacted
					b.offsets = append(b.offsets, o)
				}
			}
		}
		l.batches = append(l.batches, b)
	}
}

// truth counts without any cleverness.
func (l *fakeLog) truth(from, end int64) (n int64, first time.Time) {
	for _, b := range l.batches {
		for _, o := range b.offsets {
			if from <= o && o < end {
				if n++; n == 1 {
					first = timeOf(o)
				}
			}
		}
	}
	return n, first
}

// An index that has seen any questions before, with any budget, answers exactly, or says that it does not and gives no less
// than there is; with enough budget it ends up exact.
func TestIndexAgainstTheLog(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		log := &fakeLog{}
		x := NewCache().index(log, "topic", 0, 0)
		for range rapid.IntRange(1, 8).Draw(t, "calls") {
			log.grow(t)
			end := log.end()
			budget := rapid.SampledFrom([]int64{0, 100, 300, math.MaxInt64}).Draw(t, "budget")
			unbounded := budget == math.MaxInt64
			offsets := rapid.SliceOfN(rapid.Int64Range(0, end), 1, 4).Draw(t, "offsets")
			slices.Sort(offsets)
			for _, from := range slices.Backward(offsets) { // the nearest first
				got, err := x.count(t.Context(), from, end, &budget)
				if err != nil {
					t.Fatal(err)
				}
				n, first := log.truth(from, end)
				if got.atMost && (unbounded || got.records < n || got.records > end-from) || !got.atMost && got.records != n {
					t.Fatalf("from %d to %d: %+v, want %d", from, end, got, n)
				}
				if !got.first.Equal(first) {
					t.Fatalf("from %d to %d: the first is of %v, want %v", from, end, got.first, first)
				}
			}
			x.trim(offsets[0])
			for i, r := range x.runs {
				if r.from >= r.to || i > 0 && x.runs[i-1].to >= r.from {
					t.Fatalf("runs %+v", x.runs)
				}
			}
		}
	})
}

// What was counted is not read again; a bounded call goes on where the last one ended.
func TestIndexReadsOnlyWhatIsNew(t *testing.T) {
	t.Parallel()
	log := &fakeLog{}
	for i := range int64(100) {
		log.batches = append(log.batches, fakeBatch{i * 3, i*3 + 2, []int64{i * 3, i*3 + 1}}, fakeBatch{i*3 + 2, i*3 + 3, nil})
	}
	x := NewCache().index(log, "topic", 0, 300)
	for call := 1; ; call++ {
		budget := int64(1000)
		got, err := x.count(t.Context(), 0, 300, &budget)
		if err != nil {
			t.Fatal(err)
		}
		if log.fetched > call*22 {
			t.Fatalf("%d batches are read in %d calls", log.fetched, call)
		}
		if !got.atMost {
			if got.records != 200 || call < 9 {
				t.Errorf("%+v after %d calls", got, call)
			}
			break
		}
	}
	log.fetched = 0
	log.batches = append(log.batches, fakeBatch{300, 305, []int64{300, 301, 302, 303, 304}})
	budget := int64(math.MaxInt64)
	for range 3 {
		for from, want := range map[int64]int64{0: 205, 3: 203, 301: 4} {
			if got, err := x.count(t.Context(), from, 305, &budget); err != nil || got.records != want || got.atMost {
				t.Errorf("from %d: %+v, %v; want %d", from, got, err, want)
			}
		}
	}
	if log.fetched > 2 {
		t.Errorf("%d batches are read for one new one, and a place within it", log.fetched)
	}
}

// Memory has a bound, however many batches there are, and the count stays exact.
func TestIndexIsBounded(t *testing.T) {
	t.Parallel()
	log := &fakeLog{}
	const batches = 5 * mostSpans
	for i := range int64(batches) {
		log.batches = append(log.batches, fakeBatch{i * 2, i*2 + 2, []int64{i * 2, i*2 + 1}})
	}
	x := NewCache().index(log, "topic", 0, log.end())
	budget := int64(math.MaxInt64)
	for _, from := range []int64{0, 1, 777, batches, 2*batches - 1} {
		got, err := x.count(t.Context(), from, log.end(), &budget)
		if err != nil || got.records != log.end()-from || !got.first.Equal(timeOf(from)) {
			t.Errorf("from %d: %+v, %v", from, got, err)
		}
	}
	if n := len(x.runs[0].spans); len(x.runs) != 1 || n > mostSpans {
		t.Errorf("%d runs, the first of %d spans", len(x.runs), n)
	}
}
