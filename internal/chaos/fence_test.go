//go:build unix

package chaos_test

import (
	"math/rand/v2"
	"syscall"
	"testing"
	"time"

	"attemptstream/internal/kafkatest"
)

// Of two processes that work on the same account the one that had it is fenced, says so and ends; the other one goes on.
// That holds for one that is overtaken, for one that was frozen meanwhile and wakes up, and for two that start at the same
// moment.
func TestTwoWorkers(t *testing.T) {
	t.Parallel()
	const seed = 2
	w := newWorld(t, kafkatest.Shared(t).Addrs(), failing(seed, 20*time.Millisecond), lives(seed, 4000), 6*time.Hour)
	w.api.slow(100 * time.Millisecond)
	random := rand.New(rand.NewPCG(seed, 0))
	rounds := 3 * scale(t)

	owner := w.start("run")
	overtaken := func(how string, next *process) {
		t.Helper()
		w.await(next, moment{kind: "writing"}) // so it has the account
		owner.wait(1, patience)
		owner.says("account "+string(account), "fenced")
		if next.ended() {
			t.Fatalf("%s: both processes ended; the log of the second one ends:\n%s", how, next.tail())
		}
		owner = next
	}
	for range rounds {
		if !w.await(owner, pick(random, "time", "answers", "writing")) {
			t.Fatalf("the process ended: %s", owner.tail())
		}
		overtaken("overtaken", w.start("run"))
	}
	for range rounds {
		if !w.await(owner, pick(random, "time", "open")) {
			t.Fatalf("the process ended: %s", owner.tail())
		}
		owner.signal(syscall.SIGSTOP)
		next := w.start("run")
		w.await(next, moment{kind: "writing"})
		owner.signal(syscall.SIGCONT)
		overtaken("frozen", next)
	}
	owner.signal(syscall.SIGTERM)
	owner.wait(0, stopTime)
	for range rounds {
		one, other := w.start("run"), w.start("run")
		select {
		case <-one.done:
			one, other = other, one
		case <-other.done:
		case <-time.After(patience):
			t.Fatalf("two processes at once, and none is fenced: one's log ends:\n%s\nthe other's:\n%s", one.tail(), other.tail())
		}
		owner = other
		overtaken("at once", one)
		owner.signal(syscall.SIGTERM)
		owner.wait(0, stopTime)
	}
	w.finish()
	required, found := w.verify()
	t.Logf("seed %d: %d processes were fenced; %d events, %d required, none missing, none twice", seed, 3*rounds, found, required)
}
