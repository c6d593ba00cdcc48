//go:build unix

package chaos_test

import (
	"context"
	"math/rand/v2"
	"testing"
	"time"
)

// away is longer than any request to Kafka may take (10 s).
const away = 12 * time.Second

// The broker is killed and started again while the program works, is away for longer than a request may take, and stands
// still for as long. The program outlives all of it, and nothing is lost or told twice.
func TestBrokerRestart(t *testing.T) {
	t.Parallel()
	const seed = 4
	cluster := restartable(t)
	w := newWorld(t, cluster.Addrs(), failing(seed, 20*time.Millisecond), lives(seed, 4000), 6*time.Hour)
	w.api.slow(200 * time.Millisecond)
	random := rand.New(rand.NewPCG(seed, 0))
	ctx, cancel := context.WithTimeout(t.Context(), 5*patience)
	defer cancel()
	p := w.start("run", "--once")
	kills, open := 0, 0
	kill := func(m moment, pause time.Duration) {
		t.Helper()
		if !w.await(p, m) {
			t.Fatalf("the process ended after %d deaths of the broker: %v\n%s", kills, p.State(), p.Tail())
		}
		cluster.Kill(0)
		kills++
		w.pause(p, pause)
		if err := cluster.Restart(ctx, 0); err != nil {
			t.Fatal(err)
		}
		if _, settled := w.ends(); !settled {
			open++
		}
		w.await(p, moment{kind: "writing"}) // it goes on
	}
	for range 6 * scale(t) {
		kill(pick(random, "time", "answers", "writing"), 0)
	}
	kill(moment{kind: "writing"}, away)
	w.await(p, moment{kind: "writing"})
	if err := cluster.Freeze(0); err != nil {
		t.Fatal(err)
	}
	w.pause(p, away)
	if err := cluster.Thaw(0); err != nil {
		t.Fatal(err)
	}
	before := w.written()
	w.api.slow(0)
	p.wait(0, patience)
	if w.written() == before {
		t.Error("everything was over before the last harm was done")
	}
	w.idle()
	required, found := w.verify()
	t.Logf("seed %d: the broker was killed %d times (%d transactions were open) and frozen once under the same process; "+
		"%d events, %d required, none missing, none twice", seed, kills, open, found, required)
}
