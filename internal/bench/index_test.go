//go:build linux

package bench_test

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"testing"

	"attemptstream/internal/attempt"
	"attemptstream/internal/dedupe"
)

// BenchmarkIndex loads an index of 1 and 10 million ids, or of as many as ATTEMPTSTREAM_BENCH_IDS says, from its records:
// dense ids as iMocha gives them out, and sparse ones, of which an account has every hundredth or so.
func BenchmarkIndex(b *testing.B) {
	sizes := []int64{1_000_000, 10_000_000}
	if text := os.Getenv("ATTEMPTSTREAM_BENCH_IDS"); text != "" {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || n < 1 {
			b.Fatalf("ATTEMPTSTREAM_BENCH_IDS is %q: want a whole number from 1 on", text)
		}
		sizes = []int64{n}
	}
	for name, id := range map[string]func(i int64) int64{
		"dense":  func(i int64) int64 { return 2_655_161 + i + i/49 },
		"sparse": func(i int64) int64 { return 2_655_161 + i*100 + i*i%61 },
	} {
		for _, n := range sizes {
			b.Run(fmt.Sprintf("%s/%d", name, n), func(b *testing.B) { benchIndex(b, n, id) })
		}
	}
}

func benchIndex(b *testing.B, n int64, id func(int64) int64) {
	type record struct {
		block    int64
		from, to int
	}
	var records []record
	var text []byte
	statuses := [...]attempt.Status{"Completed", "Completed", "Expired", "Completed", "Completed", "Cancelled", "Completed", "Expired", "Completed", "Completed"}
	x := dedupe.New()
	for i := range n {
		x.Tell(id(i), statuses[i*7%10])
	}
	if err := x.Dirty(func(block int64, r []byte) error {
		records = append(records, record{block, len(text), len(text) + len(r)})
		text = append(text, r...)
		return nil
	}); err != nil {
		b.Fatal(err)
	}
	x = nil
	before := heapInUse()
	b.ReportAllocs()
	for b.Loop() {
		x = dedupe.New()
		for _, r := range records {
			if err := x.Load(r.block, text[r.from:r.to]); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(heapInUse()-before)/float64(n), "B/id")
	b.ReportMetric(float64(len(text))/float64(n), "record-B/id")
	b.ReportMetric(b.Elapsed().Seconds()/float64(b.N), "s/load")
	if x.Told() != n {
		b.Fatalf("%d ids, want %d", x.Told(), n)
	}
	runtime.KeepAlive(text)
}

// heapInUse is what lives on the heap.
func heapInUse() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
