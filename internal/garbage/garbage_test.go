package garbage

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"testing"
	"time"
)

const mib = 1 << 20

func TestPercent(t *testing.T) {
	limit := Limit{Percent: 50, Bytes: 16 * mib, Within: time.Second}
	for _, c := range []struct {
		live  uint64
		since time.Duration
		want  int
	}{
		{100 * mib, time.Millisecond, 50}, // half of it is more than 16 MiB
		{32 * mib, time.Millisecond, 50},
		{16 * mib, time.Millisecond, 100},
		{8 * mib, time.Millisecond, 200},
		{4 * mib, time.Millisecond, 400},
		{1 * mib, time.Millisecond, 400}, // of the 4 MiB that the runtime reckons with at least: 16 MiB
		{0, 0, 400},
		{8 * mib, time.Second - 1, 200},
		{8 * mib, time.Second, 50},
		{0, time.Hour, 50},
	} {
		if got := limit.percent(c.live, c.since); got != c.want {
			t.Errorf("%d bytes in use, %v after the last collection: %d percent, want %d", c.live, c.since, got, c.want)
		}
	}
}

var held []byte

// TestKeep lets the runtime say what share is in force, while much is in use, and little.
func TestKeep(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(77))
	stop := Limit{Percent: 50, Bytes: 16 * mib, Within: time.Minute}.Keep()
	if got := inForce(); got != 50 {
		t.Errorf("%d percent before the first collection, want 50", got)
	}
	collectUntil(t, 400) // a test holds little
	held = make([]byte, 20*mib)
	collectUntil(t, 76, 77, 78, 79, 80) // 16 MiB of it, and of the little
	held = make([]byte, 64*mib)
	collectUntil(t, 50)
	held = nil
	collectUntil(t, 400)

	stop()
	for range 5 {
		runtime.GC()
		if got := inForce(); got != 77 {
			t.Fatalf("%d percent after the end, want 77 as before", got)
		}
	}
}

// TestKeepCalm lets each collection be one that comes late.
func TestKeepCalm(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(77))
	defer Limit{Percent: 50, Bytes: 16 * mib, Within: 1}.Keep()()
	for range 20 {
		runtime.GC()
		if got := inForce(); got != 50 {
			t.Fatalf("%d percent, want 50", got)
		}
	}
}

// collectUntil collects garbage until one of these shares is in force. What draws the consequences runs beside it.
func collectUntil(t *testing.T, want ...int) {
	t.Helper()
	got := 0
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); {
		runtime.GC()
		got = inForce()
		for _, w := range want {
			if got == w {
				return
			}
		}
	}
	t.Fatalf("%d percent after many collections, want one of %d", got, want)
}

func inForce() int {
	percent := []metrics.Sample{{Name: "/gc/gogc:percent"}}
	metrics.Read(percent)
	return int(percent[0].Value.Uint64())
}
