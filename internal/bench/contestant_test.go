//go:build linux

package bench_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"
)

// A task is what a contestant has to do in a process of its own.
type task struct {
	Contestant  string
	Brokers     []string
	Topic       string
	Compression string
	Records     string // a file of finished events
}

// figures are what a turn cost.
type figures struct {
	Took   time.Duration
	CPU    time.Duration // user and system
	Allocs float64       // per event; 0: not measured
	Bytes  float64       // allocated per event
	Peak   int64         // most resident bytes, without the finished events
}

// perTransaction is how many events a transaction holds: as many as franz-go likes best.
const perTransaction = 8000

// A writer is a client of Kafka that writes finished events.
type writer interface {
	prepare(chunk []finished)       // makes of them what the client takes
	send(ctx context.Context) error // what was prepared
	finish(ctx context.Context) error
}

// writers are the clients, with whether one may go on sending while the next events are prepared.
var writers = map[string]struct {
	open    func(ctx context.Context, t task) (writer, error)
	overlap bool
}{
	"kafkatx":          {openKafkatx, false},
	"franz-tx":         {openFranzTransactional, false},
	"franz-idempotent": {openFranzIdempotent, true},
	"kafka-go":         {openKafkaGo, true},
}

// compete is the process of a contestant: it writes all events and its figures to standard output.
//
// It is warm before it is measured: it has its connections, its producer id, the topic's metadata and a first
// transaction behind it. To make the client's records out of finished events is not its work, and not in its time where
// it waits for the end of its transaction anyway; one that goes on meanwhile would gain if that were left out.
func compete(text string) error {
	ctx := context.Background()
	var t task
	if err := json.Unmarshal([]byte(text), &t); err != nil {
		return err
	}
	kind, ok := writers[t.Contestant]
	if !ok {
		return fmt.Errorf("no contestant %q", t.Contestant)
	}
	s, err := openSource(t.Records)
	if err != nil {
		return err
	}
	w, err := kind.open(ctx, t)
	if err != nil {
		return err
	}
	for chunk := range s.chunks(100) {
		w.prepare(chunk)
		if err := w.send(ctx); err != nil {
			return err
		}
		break
	}
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	var watch stopwatch
	if kind.overlap {
		watch.start()
	}
	for chunk := range s.chunks(perTransaction) {
		w.prepare(chunk)
		if !kind.overlap {
			watch.start()
		}
		if err := w.send(ctx); err != nil {
			return err
		}
		if !kind.overlap {
			watch.stop()
		}
	}
	if !kind.overlap {
		watch.start()
	}
	if err := w.finish(ctx); err != nil {
		return err
	}
	watch.stop()
	runtime.ReadMemStats(&after)
	n := float64(s.records)
	return json.NewEncoder(os.Stdout).Encode(figures{
		Took: watch.took, CPU: watch.cpu, Peak: max(0, peakOf("self")-int64(len(s.text))),
		Allocs: float64(after.Mallocs-before.Mallocs) / n, Bytes: float64(after.TotalAlloc-before.TotalAlloc) / n,
	})
}

// A stopwatch adds up time and processor time.
type stopwatch struct {
	took, cpu, used time.Duration
	began           time.Time
}

func (w *stopwatch) start() { w.began, w.used = time.Now(), ownCPU() }
func (w *stopwatch) stop() {
	w.took += time.Since(w.began)
	w.cpu += ownCPU() - w.used
}

// peakOf is the most memory that a process ever had, in bytes; 0 when it has ended. What the kernel says after a
// process's end (ru_maxrss) would include its parent, which it shared memory with at first.
func peakOf(pid string) int64 {
	text, err := os.ReadFile("/proc/" + pid + "/status")
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(text), "VmHWM:")
	var kib int64
	_, _ = fmt.Sscan(rest, &kib) // an ended process has no such line
	return kib << 10
}
