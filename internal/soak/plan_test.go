//go:build linux

package soak_test

import (
	"context"
	"math"
	"slices"
	"syscall"
	"time"
)

// A disturbance is what happens to a system in a week, at a time since the run's beginning.
type disturbance struct {
	at   time.Duration
	name string
	do   func()
}

const (
	// away is how long the API is away; frozen how long it stands still: less than it makes lives up ahead, since it would
	// otherwise show for a moment that nothing had happened.
	away   = 20 * time.Second
	frozen = 6 * time.Second
)

// plan is what happens in a run. Only the restless worker is ended.
func (w *world) plan(ctx context.Context, d time.Duration, restless *worker) []disturbance {
	stopped := func() {
		restless.stop()
		restless.start()
	}
	if d < long {
		return []disturbance{{d / 3, "the restless worker is stopped and started", stopped}}
	}
	killed := func() {
		restless.kill()
		w.pause(ctx, 15*time.Second) // the other one takes over
		restless.start()
	}
	all := []disturbance{{d * 45 / 100, "the broker is stopped and started", func() { w.restartBroker(ctx) }}}
	period := scaled(d, 15, 40*time.Second, 4*time.Minute)
	for i, at := 0, period; at < d*95/100; i, at = i+1, at+period {
		all = append(all, []disturbance{
			{at, "the restless worker is stopped and started", stopped},
			{at, "the API is killed, and started after 20 s", func() {
				w.api.Kill()
				w.pause(ctx, away)
				w.restart(w.api)
			}},
			{at, "the restless worker is killed", killed},
			{at, "the API stands still for 6 s", func() {
				w.api.Signal(syscall.SIGSTOP)
				w.pause(ctx, frozen)
				w.api.Signal(syscall.SIGCONT)
			}},
		}[i%4])
	}
	slices.SortStableFunc(all, func(a, b disturbance) int { return int(a.at - b.at) })
	return all
}

// disturb lets it happen.
func (w *world) disturb(by disturbance) {
	w.disturbed.Store(math.MaxInt64)
	defer func() { w.disturbed.Store(time.Now().UnixNano()) }()
	by.do()
}

func (w *world) restartBroker(ctx context.Context) {
	w.t.Helper()
	w.brokerAway.Store(true)
	defer w.brokerAway.Store(false)
	if err := w.cluster.Stop(ctx, 0); err != nil {
		w.t.Fatal(err)
	}
	if err := w.cluster.Restart(ctx, 0); err != nil {
		w.t.Fatal(err)
	}
	w.pause(ctx, 20*time.Second) // until all have found it again
}

// pause waits, for less time if ctx ends.
func (w *world) pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
