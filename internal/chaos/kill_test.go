//go:build unix

package chaos_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"attemptstream/internal/kafkatest"
)

// The program is killed again and again while it reads a history of 20,000 events and more from an API that fails now and
// then. Each event is there once.
func TestKills(t *testing.T) {
	t.Parallel()
	const seed = 1
	n := scale(t)
	least := 30 * n
	w := newWorld(t, kafkatest.Shared(t).Addrs(), failing(seed, 15*time.Millisecond), lives(seed, 10_000), time.Duration(n)*8*time.Hour)
	random := rand.New(rand.NewPCG(seed, 0))
	kills := map[string]int{}
	working, starting, open := 0, 0, 0
	for working < 4*least/3 {
		p := w.start("run", "--once")
		if random.IntN(8) == 0 {
			// While it connects and takes the account over. Perhaps it has asked for something by then, perhaps not: it
			// does not count.
			if !w.pause(p, time.Duration(random.Int64N(int64(300*time.Millisecond)))) || !p.Kill() {
				t.Fatalf("the process ended while it started: %v\n%s", p.State(), p.Tail())
			}
			starting++
			continue
		}
		m := pick(random, "time", "answers", "writing", "open")
		if !w.await(p, m) || !p.Kill() {
			p.wait(0, 0) // it was done
			t.Errorf("everything was read after %d kills, want %d at least", working, least)
			break
		}
		working++
		kills[m.kind]++
		if _, settled := w.ends(); !settled {
			open++
		}
		p.discreet()
	}
	told, _ := w.ends()
	w.finish()
	required, found := w.verify()
	failed, requests := w.failed()
	t.Logf("seed %d: %d kills while it worked (%v; %d left a transaction open), %d more while it started; "+
		"about %d were told then; %d events, %d required, none missing, none twice; %d requests, %d of them failed",
		seed, working, kills, open, starting, told.events, found, required, requests, failed)
	if required < 20_000*n || working < least || failed < int64(required)/1000 {
		t.Errorf("that is not what was to be tested: want %d events required, %d kills, failing requests", 20_000*n, least)
	}
	if open < kills["open"] {
		t.Errorf("%d kills left a transaction open: the moments are badly chosen", open)
	}
}

// pause is false if the process ended meanwhile.
func (w *world) pause(p *process, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-p.Done():
		return false
	}
}
