package dedupe_test

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"

	"attemptstream/internal/attempt"
	"attemptstream/internal/dedupe"
)

// A spread is how ids lie: the i-th of them.
type spread struct {
	name string
	id   func(i int64) int64
}

var spreads = []spread{
	{"dense", func(i int64) int64 { return 2_655_161 + i }},
	{"tenth", func(i int64) int64 { return 2_655_161 + i*10 + i*i%7 }}, // every tenth or so: runs do not help
	{"hundredth", func(i int64) int64 { return 2_655_161 + i*100 + i*i%61 }},
	{"random", func(i int64) int64 { return int64(uint64(i+1) * 0x9e3779b97f4a7c15 >> 1) }}, // a bijection: no id twice
}

// statusOf is Completed mostly: 7 of 10, and 2 Expired and 1 Cancelled.
func statusOf(i int64) attempt.Status {
	return [...]attempt.Status{"Completed", "Completed", "Expired", "Completed", "Completed", "Cancelled", "Completed", "Expired", "Completed", "Completed"}[i%10]
}

func filled(s spread, n int64) *dedupe.Index {
	x := dedupe.New()
	for i := range n {
		x.Tell(s.id(i), statusOf(i))
		if i%50_000 == 0 {
			x.Commit()
		}
	}
	x.Commit()
	return x
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// TestMemory holds Bytes to the heap that the index really takes, and the heap to what DESIGN promises. It is not
// parallel: it measures the heap of the process.
func TestMemory(t *testing.T) {
	const n = 300_000
	limits := map[string]float64{"dense": 2, "tenth": 6, "hundredth": 9, "random": 48} // bytes per id
	for _, s := range spreads {
		before := heap()
		x := filled(s, n)
		took := float64(heap() - before)
		if perID := took / n; perID > limits[s.name] {
			t.Errorf("%s: %.2f bytes per id, want at most %v", s.name, perID, limits[s.name])
		}
		if ratio := float64(x.Bytes()) / took; ratio < 0.6 || ratio > 1.5 {
			t.Errorf("%s: Bytes is %d, the heap grew by %.0f", s.name, x.Bytes(), took)
		}
		runtime.KeepAlive(x)
	}
}

// An index that rests keeps nothing beside what was told: a worker has one for each account.
func TestMemoryAtRest(t *testing.T) {
	const n, most = 2000, 1500 // indexes, and bytes for each
	before, all := heap(), make([]*dedupe.Index, n)
	for i := range all {
		x := dedupe.New()
		for id := range int64(10) {
			x.Tell(id, statusOf(id))
		}
		if err := x.Dirty(func(int64, []byte) error { return nil }); err != nil {
			t.Fatal(err)
		}
		x.Commit()
		all[i] = x
	}
	if each := (heap() - before) / n; each > most {
		t.Errorf("an index keeps %d bytes, want %d at most", each, most)
	} else {
		t.Logf("an index keeps %d bytes", each)
	}
	runtime.KeepAlive(all)
}

var sizes = []int64{0, 1_000_000, 10_000_000}

func BenchmarkLook(b *testing.B) {
	for _, s := range spreads {
		for _, n := range sizes {
			b.Run(fmt.Sprintf("%s/%dM", s.name, n/1e6), func(b *testing.B) {
				before := heap()
				x := filled(s, n)
				if n > 0 {
					defer b.ReportMetric(float64(heap()-before)/float64(n), "B/id")
				}
				r := rand.New(rand.NewPCG(1, 2))
				for b.Loop() {
					x.Look(s.id(r.Int64N(2*n+1)), "Completed") // told and not told
				}
			})
		}
	}
}

// BenchmarkTell tells new ids after those that are there, in transactions of 1,000, with the records that they write.
func BenchmarkTell(b *testing.B) {
	for _, s := range spreads {
		for _, n := range sizes {
			b.Run(fmt.Sprintf("%s/%dM", s.name, n/1e6), func(b *testing.B) {
				x := filled(s, n)
				records, written := 0, 0
				i := n
				b.ReportAllocs()
				for b.Loop() {
					x.Tell(s.id(i), statusOf(i))
					i++
					if i%1000 == 0 {
						if err := x.Dirty(func(_ int64, record []byte) error {
							records++
							written += len(record)
							return nil
						}); err != nil {
							b.Fatal(err)
						}
						x.Commit()
					}
				}
				b.ReportMetric(float64(written)/float64(i-n), "record-B/op")
			})
		}
	}
}

// BenchmarkJudge looks at new ids and tells them, as the worker does, in transactions of 8,000.
func BenchmarkJudge(b *testing.B) {
	for _, s := range spreads {
		b.Run(s.name, func(b *testing.B) {
			const n = 1_000_000
			x := filled(s, n)
			i := int64(n)
			b.ReportAllocs()
			for b.Loop() {
				if !x.Look(s.id(i), statusOf(i)).Told {
					x.Tell(s.id(i), statusOf(i))
				}
				if i++; i%8000 == 0 {
					if err := x.Dirty(func(int64, []byte) error { return nil }); err != nil {
						b.Fatal(err)
					}
					x.Commit()
				}
			}
		})
	}
}

func BenchmarkLoad10M(b *testing.B) {
	const n = 10_000_000
	for _, s := range spreads {
		b.Run(s.name, func(b *testing.B) {
			type record struct {
				block int64
				bytes []byte
			}
			var records []record
			total := 0
			x := dedupe.New()
			for i := range int64(n) {
				x.Tell(s.id(i), statusOf(i))
			}
			if err := x.Dirty(func(block int64, r []byte) error {
				records = append(records, record{block, append([]byte(nil), r...)})
				total += len(r)
				return nil
			}); err != nil {
				b.Fatal(err)
			}
			x = nil
			b.ReportAllocs()
			for b.Loop() {
				y := dedupe.New()
				for _, r := range records {
					if err := y.Load(r.block, r.bytes); err != nil {
						b.Fatal(err)
					}
				}
			}
			b.ReportMetric(float64(total)/n, "record-B/id")
			b.ReportMetric(float64(len(records)), "records")
		})
	}
}
