// Package garbage says how much garbage may pile up in this process before it is collected. The runtime only knows a share of
// what is in use. A small share keeps a process with a large index small, and one with nothing to do; but one that holds little
// and makes much of it, as a backfill does, would collect ten times a second.
package garbage

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync"
	"time"
)

// A Limit is a share of what is in use. Where that is collected more than once in each Within, so many bytes may pile up, if
// they are more.
type Limit struct {
	Percent int
	Bytes   uint64
	Within  time.Duration
}

// Keep holds the process to l. Each collection finds out what is in use and says what the next one waits for. stop ends that,
// and puts back what was before.
func (l Limit) Keep() (stop func()) {
	k := &keeper{limit: l, percent: l.Percent, last: time.Now()}
	before := debug.SetGCPercent(l.Percent)
	k.wait()
	return func() {
		k.mu.Lock()
		defer k.mu.Unlock()
		k.stopped = true
		debug.SetGCPercent(before)
	}
}

type keeper struct {
	limit Limit

	mu      sync.Mutex
	percent int       // that is in force
	last    time.Time // of a collection
	stopped bool
}

// A witness is used by nobody, so the next collection cleans it up. Having a pointer, it shares no memory with others.
type witness struct{ _ *byte }

func (k *keeper) wait() { runtime.AddCleanup(new(witness), k.collected, struct{}{}) }

// collected runs after each collection. Setting the share stops the world for a moment, so small differences add up before.
func (k *keeper) collected(struct{}) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.stopped {
		return
	}
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(live)
	now := time.Now()
	if p := k.limit.percent(live[0].Value.Uint64(), now.Sub(k.last)); 10*max(p-k.percent, k.percent-p) > k.percent {
		debug.SetGCPercent(p)
		k.percent = p
	}
	k.last = now
	k.wait()
}

// leastHeap is what the runtime takes a share of where less is in use (GOGC, in the documentation of package runtime).
const leastHeap = 4 << 20

// percent is the share of what is in use that may pile up after a collection which came so long after the one before.
func (l Limit) percent(live uint64, since time.Duration) int {
	if since >= l.Within {
		return l.Percent
	}
	return max(l.Percent, int(100*l.Bytes/max(live, leastHeap)))
}
