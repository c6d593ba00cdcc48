//go:build linux

package bench_test

import (
	"encoding/binary"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"strconv"
	"testing"
	"time"

	"attemptstream/internal/attempt"
	"attemptstream/internal/dedupe"
)

// spreads are how the ids of an account may lie. Blocks come in ascending order, but those of random.
//   - dense: as iMocha gives them out, all of them or nearly;
//   - sparse: every hundredth or so, where many accounts share the numbers;
//   - random: far from each other, each in a block of its own. It is the worst that there is.
var spreads = []struct {
	name string
	id   func(i int64) int64
}{
	{"dense", func(i int64) int64 { return 2_655_161 + i + i/49 }},
	{"sparse", func(i int64) int64 { return 2_655_161 + i*100 + i*i%61 }},
	{"random", func(i int64) int64 {
		const blocks = 1 << 50
		block := uint64(i) * 0x9e3779b97f4a7c15 % blocks // an odd factor: no block twice
		return int64(block<<dedupe.BlockBits) + i%dedupe.BlockSize
	}},
}

// BenchmarkIndex loads an index of 1 and 10 million ids, or of as many as ATTEMPTSTREAM_BENCH_IDS says, from its records,
// as recovery does when it has read them.
//
// live-B/id is what the index takes on the heap; most-B/id is the most memory that the process had for it meanwhile, with
// garbage and with what the runtime keeps for itself.
func BenchmarkIndex(b *testing.B) {
	sizes := []int64{1_000_000, 10_000_000}
	if text := os.Getenv("ATTEMPTSTREAM_BENCH_IDS"); text != "" {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || n < 1 {
			b.Fatalf("ATTEMPTSTREAM_BENCH_IDS is %q: want a whole number from 1 on", text)
		}
		sizes = []int64{n}
	}
	defer debug.SetGCPercent(debug.SetGCPercent(commandGarbage))
	for _, s := range spreads {
		for _, n := range sizes {
			b.Run(fmt.Sprintf("%s/%d", s.name, n), func(b *testing.B) { benchIndex(b, n, s.id) })
		}
	}
}

// commandGarbage is GOGC as the command has it where much is in use.
const commandGarbage = 50

func benchIndex(b *testing.B, n int64, id func(int64) int64) {
	var x *dedupe.Index
	var before, most, written, records int64
	var used time.Duration
	for b.Loop() {
		b.StopTimer()
		x = nil
		runtime.GC()
		debug.FreeOSMemory()
		before, most, written, records = live(), 0, 0, 0
		base := mapped()
		w := recordWriter{id: id, n: n, index: dedupe.New()}
		x = dedupe.New()
		for w.next(b) {
			began := ownCPU()
			b.StartTimer()
			for text := w.text; len(text) > 0; records++ {
				block, record, rest := cutRecord(text)
				if err := x.Load(block, record); err != nil {
					b.Fatal(err)
				}
				text = rest
			}
			b.StopTimer()
			used += ownCPU() - began
			most = max(most, mapped()-base)
			written += int64(len(w.text))
		}
		b.StartTimer()
	}
	if x.Told() != n {
		b.Fatalf("%d ids, want %d", x.Told(), n)
	}
	perID := func(bytes int64) float64 { return float64(bytes) / float64(n) }
	b.ReportMetric(perID(live()-before), "live-B/id")
	b.ReportMetric(perID(most), "most-B/id")
	b.ReportMetric(perID(written), "record-B/id")
	b.ReportMetric(float64(records), "records")
	b.ReportMetric(b.Elapsed().Seconds()/float64(b.N), "s/load")
	b.ReportMetric(used.Seconds()/float64(b.N), "cpu-s/load")
	b.ReportMetric(0, "ns/op")
	runtime.KeepAlive(x)
}

// A recordWriter writes the records of n ids, part by part: those of 100 million would take more memory than the index.
type recordWriter struct {
	id    func(i int64) int64
	n, at int64
	index *dedupe.Index
	text  []byte // of each record of the part its block and its length, as varints, and the record
}

const recordWriterPart = 100_000 // ids

// next writes the next part. It ends where a block does.
func (w *recordWriter) next(b *testing.B) bool {
	statuses := [...]attempt.Status{"Completed", "Completed", "Expired", "Completed", "Completed", "Cancelled", "Completed", "Expired", "Completed", "Completed"}
	w.text = w.text[:0]
	for left, last := recordWriterPart, int64(0); w.at < w.n; w.at++ {
		block := dedupe.BlockOf(w.id(w.at))
		if left <= 0 && block != last {
			break
		}
		w.index.Tell(w.id(w.at), statuses[w.at*7%10])
		left, last = left-1, block
	}
	if err := w.index.Dirty(func(block int64, record []byte) error {
		w.text = binary.AppendVarint(w.text, block)
		w.text = binary.AppendUvarint(w.text, uint64(len(record)))
		w.text = append(w.text, record...)
		return nil
	}); err != nil {
		b.Fatal(err)
	}
	w.index.Rollback()
	return len(w.text) > 0
}

func cutRecord(text []byte) (block int64, record, rest []byte) {
	block, n := binary.Varint(text)
	text = text[n:]
	length, n := binary.Uvarint(text)
	text = text[n:]
	return block, text[:length], text[length:]
}

// live is what lives on the heap.
func live() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// mapped is the memory that the runtime has from the operating system.
func mapped() int64 {
	s := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	metrics.Read(s)
	return int64(s[0].Value.Uint64() - s[1].Value.Uint64())
}
