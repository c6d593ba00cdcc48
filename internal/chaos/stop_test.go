//go:build unix

package chaos_test

import (
	"context"
	"math/rand/v2"
	"syscall"
	"testing"
	"time"
)

// SIGTERM ends the program in order and in time, whatever it is at, and the next one goes on.
func TestStop(t *testing.T) {
	t.Parallel()
	const seed = 3
	cluster := restartable(t)
	w := newWorld(t, cluster.Addrs(), failing(seed, 20*time.Millisecond), lives(seed, 4000), 6*time.Hour)
	w.api.slow(100 * time.Millisecond)
	random := rand.New(rand.NewPCG(seed, 0))
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var slowest time.Duration
	stop := func(p *process) {
		t.Helper()
		began := time.Now()
		p.Signal(syscall.SIGTERM)
		p.wait(0, stopTime)
		slowest = max(slowest, time.Since(began))
	}
	working := func() *process {
		t.Helper()
		p := w.start("run")
		if !w.await(p, pick(random, "time", "answers", "writing")) {
			t.Fatalf("the process ended by itself: %v\n%s", p.State(), p.Tail())
		}
		return p
	}
	rounds := 8 * scale(t)
	for range rounds {
		stop(working())
		w.settle()
	}
	t.Logf("seed %d: %d processes were stopped, the slowest within %s", seed, rounds, slowest.Round(time.Millisecond))

	slowest = 0
	for _, harm := range []struct{ away, back func() error }{
		{func() error { return cluster.Freeze(0) }, func() error { return cluster.Thaw(0) }},
		{func() error { cluster.Kill(0); return nil }, func() error { return cluster.Restart(ctx, 0) }},
	} {
		p := working()
		if err := harm.away(); err != nil {
			t.Fatal(err)
		}
		w.pause(p, time.Duration(random.Int64N(int64(time.Second))))
		stop(p)
		starting := w.start("run")
		starting.Says(patience, "connecting to Kafka")
		w.pause(starting, 500*time.Millisecond)
		stop(starting)
		if err := harm.back(); err != nil {
			t.Fatal(err)
		}
	}
	w.finish()
	required, found := w.verify()
	t.Logf("4 without a Kafka that answers, the slowest within %s; %d events, %d required, none missing, none twice",
		slowest.Round(time.Millisecond), found, required)
}
