package worker_test

import (
	"fmt"
	"runtime"
	"runtime/metrics"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"attemptstream/internal/brokertest"
	"attemptstream/internal/imochasim"
	"attemptstream/internal/witness"
)

// An answer of 100 MB in a wide window is not kept: the window is read in parts, in memory that depends on the parts. Where
// it all lies in one second it is kept, since there are no parts, and told whole.
//
// It does not run beside other tests, since it looks at the memory of all.
func TestHugeAnswer(t *testing.T) {
	const entries, size = hugeEntries, 50 << 10
	for name, test := range map[string]struct {
		apart time.Duration // the first and the last
		most  int           // live memory above that of the API and the broker, in bytes; 0: not looked at
	}{
		"in a wide window": {apart: 20 * time.Minute, most: 96 << 20},
		"in one second":    {},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, brokertest.Embedded(t), imochasim.Config{}, day, day.Add(time.Hour))
			w.timeout = patience
			w.schedule.WindowMax = time.Hour
			text := strings.Repeat("a report that goes on and on ", size/29)
			for i := range entries {
				err := w.sim.Add(string(account), imochasim.Change{ID: int64(960000 + i), Status: "Completed",
					At: day.Add(20*time.Minute + time.Duration(i)*test.apart/entries), Extra: fmt.Sprintf(`"n":%d,"report":%q`, i, text)})
				if err != nil {
					t.Fatal(err)
				}
			}
			p := w.worker(nil)
			peak := watchMemory(t)
			w.run(p)
			grown := peak()
			t.Logf("live memory grew by %d MB at most", grown>>20)
			if test.most > 0 && grown > test.most {
				t.Errorf("live memory grew by %d MB, want at most %d", grown>>20, test.most>>20)
			}
			w.verify(w.scope())
			records, err := witness.Records(t.Context(), w.brokers, w.topic)
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range records {
				if !strings.Contains(string(r.Value), text) {
					t.Fatalf("an event of %d bytes does not have all that the API showed", len(r.Value))
				}
			}
		})
	}
}

// watchMemory collects garbage again and again, and looks at what is left of the heap. It returns what ends it and tells by
// how much that grew at most.
func watchMemory(t *testing.T) (peak func() int) {
	t.Helper()
	live := func() int {
		runtime.GC()
		sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
		metrics.Read(sample)
		return int(sample[0].Value.Uint64())
	}
	before := live()
	var highest atomic.Int64
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		for {
			highest.Store(max(highest.Load(), int64(live())))
			select {
			case <-tick.C:
			case <-stop:
				return
			}
		}
	}()
	return func() int {
		close(stop)
		<-done
		return int(highest.Load()) - before
	}
}
