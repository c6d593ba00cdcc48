//go:build unix

package chaos_test

import (
	"fmt"
	"testing"
	"time"

	"attemptstream/internal/imochasim"
	"attemptstream/internal/kafkatest"
)

// The command reads an API of every kind completely: whichever ends of a window belong to it, wherever it silently cuts
// its answers, and whichever of them it keeps, with one request in ten failing in every way that may be tried again.
func TestModes(t *testing.T) {
	t.Parallel()
	for i, b := range imochasim.Boundaries() {
		most := []int{50, 100, 500, 1000}[i]
		t.Run(fmt.Sprint(b, " at most ", most), func(t *testing.T) {
			t.Parallel()
			sim := failing(uint64(i), 0)
			sim.Boundary, sim.Cap, sim.CapNewest = b, most, i%2 == 1
			l := lives(uint64(100+i), 10_000)
			l.Quick, l.FarIDs = .01, .2
			w := newWorld(t, kafkatest.Shared(t).Addrs(), sim, l, time.Hour)
			w.set["STREAM_WINDOW_ATTEMPTS"] = "1000"
			p := w.start("run", "--once")
			p.wait(0, patience)
			p.discreet()
			w.idle()
			required, found := w.verify()
			failed, requests := w.failed()
			t.Logf("%d events, %d required; %d requests, %d of them failed", found, required, requests, failed)
		})
	}
}
