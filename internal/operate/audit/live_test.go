package audit_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"attemptstream/internal/attempt"
	"attemptstream/internal/brokertest"
	"attemptstream/internal/imochasim"
	"attemptstream/internal/operate/audit"
)

// While invitations take new statuses, are sent again and vanish from where they were shown, and a worker tells of them at
// the very edge of the present, an audit up to now finds nothing to complain of.
func TestLive(t *testing.T) {
	t.Parallel()
	for i, b := range imochasim.Boundaries() {
		t.Run(b.String(), func(t *testing.T) {
			t.Parallel()
			now := time.Now().Truncate(time.Second)
			w := newWorld(t, brokertest.Embedded(t), imochasim.Config{Boundary: b, Current: true}, now.Add(-10*time.Minute), now)
			w.schedule.Stop = 0
			l := imochasim.DefaultLives(uint64(i))
			l.Speed, l.PerDay, l.BurstSize, l.Late, l.Quick = 500, 2000, 20, 0, 0
			ctx, cancel := context.WithCancel(t.Context())
			var all sync.WaitGroup
			defer all.Wait()
			defer cancel()
			ready := make(chan struct{})
			all.Go(func() {
				if err := w.sim.Run(ctx, string(account), l, now.Add(-10*time.Minute), func() { close(ready) }); err != nil {
					t.Error(err)
				}
			})
			<-ready
			all.Go(func() {
				if err := w.newWorker().Run(ctx); err != nil {
					t.Error(err)
				}
			})
			shown, last := int64(0), attempt.Instant(0)
			for audits := 0; audits < 3; {
				f, err := w.tryAudit(w.schedule.Start, attempt.InstantOf(time.Now()))
				switch {
				case errors.As(err, new(*audit.NoCheckpointError)), errors.As(err, new(*audit.NotCoveredError)):
					continue // not yet
				case err != nil:
					t.Fatal(err)
				}
				if !f.Clean || !f.Digests.Equal {
					t.Fatalf("not clean:\n%s", f.table)
				}
				if f.To > last { // the present has moved
					shown, last = shown+f.Totals.Told, f.To
					audits++
				}
			}
			if shown == 0 {
				t.Error("nothing was shown")
			}
		})
	}
}
