//go:build unix

package chaos_test

import (
	"math/rand/v2"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"attemptstream/internal/kafkatest"
	"attemptstream/internal/ownership"
)

// slack is for a machine that is busy with other things: where a time is checked, it may be exceeded by so much.
const slack = 15 * time.Second

// begun is how often the process has taken an account over.
func (p *process) begun() int { return p.Count("account taken over") }

// becomes waits until a process takes the account over once more, and returns how long it took.
func (w *world) becomes(owner *process, times int, within time.Duration) time.Duration {
	w.t.Helper()
	since := time.Now()
	eventually(w.t, "the other one takes the account over", func() bool {
		if owner.Ended() {
			w.t.Fatalf("the process ended (%v); its log ends:\n%s", owner.State(), owner.Tail())
		}
		return owner.begun() > times
	}, owner.Tail)
	took := time.Since(since)
	if took > within+slack {
		w.t.Errorf("taken over after %s: want %s", took, within)
	}
	return took
}

// Of two processes that read the same account one works, and the other one stands by: it goes on when the first one is
// killed, is frozen for longer than the session timeout, or is stopped in order. One that was frozen and wakes up writes
// nothing, says what happened, and stands by in its turn. None ends by itself; nor does the owner when somebody fences it
// who is not in the group.
func TestTwoWorkers(t *testing.T) {
	t.Parallel()
	const seed = 2
	w := newWorld(t, kafkatest.Shared(t).Addrs(), failing(seed, 20*time.Millisecond), lives(seed, 4000), 6*time.Hour)
	w.api.slow(300 * time.Millisecond)
	random := rand.New(rand.NewPCG(seed, 0))
	rounds := scale(t)
	took := map[string]time.Duration{}
	note := func(how string, d time.Duration) { took[how] = max(took[how], d) }

	owner := w.start("run")
	owner.says("account taken over")
	standby := w.start("run")
	standby.says("new generation")
	for range rounds {
		if !w.await(owner, pick(random, "time", "writing")) || !owner.Kill() {
			t.Fatalf("the process ended: %s", owner.Tail())
		}
		note("killed", w.becomes(standby, 0, ownership.SessionTimeout+3*time.Second))
		owner, standby = standby, w.start("run")
		standby.says("new generation")
	}
	for range 2 * rounds {
		if !w.await(owner, pick(random, "time", "open")) {
			t.Fatalf("the process ended: %s", owner.Tail())
		}
		before, lost := standby.begun(), owner.Count("nothing more is told")
		owner.Signal(syscall.SIGSTOP)
		note("frozen", w.becomes(standby, before, ownership.SessionTimeout+3*time.Second))
		w.growth(standby)
		owner.Signal(syscall.SIGCONT)
		eventually(t, "the one that was frozen notices", func() bool { return owner.Count("nothing more is told") > lost }, owner.Tail)
		owner, standby = standby, owner
		standby.says("new generation")
	}
	for range rounds {
		if !w.await(owner, pick(random, "time", "writing")) {
			t.Fatalf("the process ended: %s", owner.Tail())
		}
		before := standby.begun()
		owner.Signal(syscall.SIGTERM)
		note("stopped", w.becomes(standby, before, 3*time.Second))
		owner.wait(0, stopTime)
		owner, standby = standby, w.start("run")
		standby.says("new generation")
	}
	for range rounds {
		// Somebody who is not in the group: an old version, or a mistake.
		before := owner.begun()
		outsider, err := kgo.NewClient(kgo.SeedBrokers(w.brokers...), kgo.TransactionalID(w.topic+"/"+string(account)))
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := outsider.ProducerID(t.Context()); err != nil {
			t.Fatal(err)
		}
		outsider.Close()
		note("fenced", w.becomes(owner, before, 3*time.Second))
		owner.says("fenced", "not in the group")
	}
	for _, p := range []*process{standby, owner} {
		p.Signal(syscall.SIGTERM)
		p.wait(0, stopTime)
	}
	for range rounds { // two at the same moment
		one, other := w.start("run"), w.start("run")
		w.growth(one)
		if one.Ended() || other.Ended() || one.begun()+other.begun() > 1 {
			t.Errorf("two at once took the account over %d and %d times; one's log ends:\n%s\nthe other's:\n%s", one.begun(), other.begun(), one.Tail(), other.Tail())
		}
		for _, p := range []*process{one, other} {
			p.Signal(syscall.SIGTERM)
			p.wait(0, stopTime)
		}
	}
	w.finish()
	required, found := w.verify()
	t.Logf("seed %d: taken over within %v; %d events, %d required, none missing, none twice", seed, took, found, required)
}
