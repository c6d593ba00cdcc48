//go:build unix

package chaos_test

import (
	"testing"
	"time"

	"attemptstream/internal/attempt"
	"attemptstream/internal/imochasim"
	"attemptstream/internal/imochasim/ledger"
	"attemptstream/internal/kafkatest"
	"attemptstream/internal/witness"
)

// A company is a world with many accounts. Two days pass in each, a minute each: one has passed when it begins.
type company struct {
	*world
	names []string
}

// newCompany has an API in which so many invitations are sent in each account's day.
func newCompany(t testing.TB, names []string, perDay float64) *company {
	t.Helper()
	c := &company{names: names, world: newWorld(t, kafkatest.Shared(t).Addrs(),
		imochasim.Config{Boundary: imochasim.ExclusiveStart, Seed: 12}, imochasim.Lives{}, 0)}
	now := time.Now().Truncate(time.Second)
	c.from, c.to = now.Add(-time.Minute), now.Add(time.Minute)
	keys := map[string]string{}
	for i, name := range names {
		keys[keyOf(name)] = name
		l := lives(uint64(i), perDay)
		l.Speed, l.Late, l.BurstsPerDay = 1500, 0, 0
		if err := c.sim.Populate(name, l, c.from, c.to); err != nil {
			t.Fatal(err)
		}
	}
	c.sim.SetKeys(keys)
	delete(c.set, "IMOCHA_API_KEY")
	c.set["IMOCHA_REQUEST_TIMEOUT"] = "30s" // nothing hangs here: where a busy machine let a state's answer come too late, it would be told late
	c.set["STREAM_START_AT"], c.set["STREAM_SETTLE_DELAY"], c.set["STREAM_LOOKBACK"] = c.from.Format(time.RFC3339), "1s", "0"
	return c
}

func keyOf(name string) string { return apiKey + "-" + name }

// happened waits until everything has happened, and is shown.
func (c *company) happened() { time.Sleep(time.Until(c.to.Add(time.Second))) }

// verifyAll lets one more process read to the end, and compares what is in Kafka with what happened, of which there has to
// be so much at least.
func (c *company) verifyAll(least int) {
	c.t.Helper()
	c.start("run", "--once").wait(0, patience)
	required, found := 0, 0
	events := witness.AllEvents(c.t, c.brokers, c.topic)
	for _, name := range c.names {
		expected := c.sim.Expected(name, ledger.Scope{From: c.from, To: c.to, Seen: time.Now()})
		observed := events[attempt.Account(name)]
		required, found = required+expected.Required(), found+len(observed)
		if problems := ledger.Check(expected, observed); len(problems) > 0 {
			c.t.Errorf("account %s: %d problems, the first: %v", name, len(problems), problems[0])
		}
	}
	c.t.Logf("%d events of %d accounts, %d required", found, len(c.names), required)
	if required < least {
		c.t.Error("too little had to be told: the test shows nothing")
	}
}
