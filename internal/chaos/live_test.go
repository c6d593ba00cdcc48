//go:build unix

package chaos_test

import (
	"strings"
	"syscall"
	"testing"
	"time"

	"attemptstream/internal/imochasim"
	"attemptstream/internal/imochasim/ledger"
	"attemptstream/internal/kafkatest"
	"attemptstream/internal/witness"
)

// A worker follows what happens while it happens. What the API shows late is found by reading covered time again, says
// that it is late, and is told once, also by a worker that was killed in between.
func TestLive(t *testing.T) {
	t.Parallel()
	w := newWorld(t, kafkatest.Shared(t).Addrs(), imochasim.Config{Boundary: imochasim.ExclusiveStart, Seed: 7}, imochasim.Lives{}, 0)
	now := time.Now().Truncate(time.Second)
	w.from, w.to = now.Add(-time.Minute), now.Add(15*time.Second)
	const late, speed = 5 * time.Second, 1500 // a day in a minute
	l := lives(7, 1000)
	l.Speed, l.Late, l.LateBy = speed, .1, speed*late
	if err := w.sim.Populate(string(account), l, w.from, w.to); err != nil {
		t.Fatal(err)
	}
	w.set["STREAM_START_AT"] = w.from.Format(time.RFC3339)
	w.set["STREAM_POLL_INTERVAL"], w.set["STREAM_SETTLE_DELAY"] = "1s", "1s"
	w.set["STREAM_LOOKBACK"], w.set["STREAM_LOOKBACK_INTERVAL"] = "1h", "1s"

	p := w.start("run")
	eventually(t, "the worker has told something that happened after its start", func() bool {
		return len(w.eventsOf(now)) > 0
	}, p.Tail)
	if !p.Kill() {
		t.Fatalf("the worker ended by itself; its log ends:\n%s", p.Tail())
	}
	p = w.start("run")
	shown := w.to.Add(late) // by then everything is
	eventually(t, "everything is told", func() bool {
		if time.Now().Before(shown) {
			return false
		}
		expected := w.sim.Expected(string(account), ledger.Scope{From: w.from, To: w.to, Seen: shown})
		return len(ledger.Check(expected, witness.Events(t, w.brokers, w.topic, account))) == 0
	}, p.Tail)
	p.Signal(syscall.SIGTERM)
	p.wait(0, stopTime)
	required, found := w.verify()
	n := 0
	for _, o := range witness.Events(t, w.brokers, w.topic, account) {
		if o.Late {
			n++
		}
	}
	t.Logf("%d events, %d required, %d late", found, required, n)
	if n == 0 {
		t.Error("nothing was late: the test shows nothing")
	}
	if strings.Contains(p.Output(), `"level":"error"`) {
		t.Errorf("the worker complained:\n%s", p.Tail())
	}
}

// eventsOf are the events of what happened after a time, as far as the topic exists.
func (w *world) eventsOf(after time.Time) (found []ledger.Observed) {
	if e, _ := w.ends(); e.events == 0 {
		return nil
	}
	for _, o := range witness.Events(w.t, w.brokers, w.topic, account) {
		if o.WindowStart.After(after) {
			found = append(found, o)
		}
	}
	return found
}
