//go:build unix

package chaos_test

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"attemptstream/internal/imochasim"
	"attemptstream/internal/kafkatest"
	"attemptstream/internal/program"
	"attemptstream/internal/witness"
)

// The clock of a worker jumps back and ahead while it follows what happens: by minutes, to 1970, and to 2100. What the API's
// clock has not reached is never covered, so nothing is lost and nothing even found late; nothing is told twice; and whenever
// the clock is right again, the worker goes on.
func TestClockJumps(t *testing.T) {
	t.Parallel()
	path := movableClock(t)
	brokers, topic := kafkatest.Shared(t).Addrs(), fmt.Sprintf("clock-%d-%d", os.Getpid(), worlds.Add(1))
	began := time.Now()
	s := startSimulation(t, simulated{Seed: 21, Since: began.Add(-time.Minute), Until: began.Add(time.Hour), Speed: 1440, PerDay: 500,
		ComeBacks: .3, Boundary: imochasim.ExclusiveStart, Malformed: .01, FarIDs: .05})
	c := newClock(t)
	p := program.Start(t, path, []string{"PATH=" + os.Getenv("PATH"), c.env(),
		"KAFKA_BROKERS=" + strings.Join(brokers, ","), "KAFKA_TOPIC=" + topic, "KAFKA_PARTITIONS=3", "KAFKA_REPLICATION_FACTOR=1",
		"IMOCHA_BASE_URL=" + s.URL, "IMOCHA_API_KEY=" + s.Keys()[account], "IMOCHA_RATE_LIMIT=1000",
		"STREAM_START_AT=" + s.Since.Format(time.RFC3339), "STREAM_POLL_INTERVAL=1s", "STREAM_SETTLE_DELAY=1s",
		"STREAM_LOOKBACK=1h", "STREAM_LOOKBACK_INTERVAL=2s", "ADMIN_ADDR="}, "run")
	last := func() (last time.Time) { // the end of the last window that something was told of
		for _, o := range witness.Events(t, brokers, topic, account) {
			if o.WindowEnd.After(last) {
				last = o.WindowEnd
			}
		}
		return last
	}
	goesOn := func(what string, since time.Time) {
		t.Helper()
		eventually(t, what, func() bool { return p.Ended() || last().After(since) }, p.Tail)
	}
	p.Says(patience, "account taken over")
	goesOn("the worker follows what happens", began)

	for _, jump := range []struct {
		to     string
		by     time.Duration
		says   string // empty: it has just said so, and says it once a minute
		goesOn bool   // meanwhile
	}{
		{"two minutes ago", -2 * time.Minute, "clock is behind", false},
		{"in 15 seconds", 15 * time.Second, "clock is ahead", true},
		{"1970", -time.Since(time.Unix(0, 0)), "", false},
		{"2100", time.Until(time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)), "", false},
	} {
		jumped := time.Now()
		c.set(jump.by)
		if jump.says != "" {
			p.Says(patience, jump.says)
		}
		if jump.goesOn {
			goesOn("the worker follows the API's clock", time.Now())
		} else {
			time.Sleep(2 * time.Second) // in which it could do harm
		}
		if ahead := time.Until(last()); ahead > 0 {
			t.Errorf("by a jump to %s something was covered that ends %s from now", jump.to, ahead)
		}
		c.set(0)
		goesOn("the clock is right, and the worker goes on", time.Now())
		t.Logf("the jump to %s is over after %s", jump.to, time.Since(jumped).Round(time.Millisecond))
	}
	at := time.Now()
	goesOn("everything up to now is told", at)
	p.Signal(syscall.SIGTERM)
	p.Wait(0, stopTime)
	v := s.judge(t, brokers, topic, at)
	v.shows(t)
	if v.Apart > 0 || v.Late > 0 {
		t.Errorf("%d events were found late: time was covered before it had been", v.Late)
	}
}
