package worker_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"attemptstream/internal/admin"
	"attemptstream/internal/attempt"
	"attemptstream/internal/imochasim"
	"attemptstream/internal/imochasim/ledger"
	"attemptstream/internal/topics"
	"attemptstream/internal/witness"
	"attemptstream/internal/worker"
)

// When what goes wrong with the accounts of a fleet begins, and ends where somebody mends it; and when the test is over.
const (
	troubleFrom = 20 * time.Minute
	troubleTo   = 50 * time.Minute
	fleetEnd    = 75 * time.Minute
)

// A trouble is what goes wrong with one account.
type trouble struct {
	name attempt.Account
	// fault is what the simulated API does to all of its requests while the trouble lasts; none: see the rest.
	fault imochasim.Fault
	// address is where its API is instead, for ever.
	address string
	// stuck is set where nothing of the account can be read meanwhile.
	stuck bool
	// mended is set where all is well in the end.
	mended bool
}

// troubles are all that can be wrong with one account, one account each.
func troubles() []trouble {
	return []trouble{
		{name: "key-refused", fault: imochasim.Fault{Kind: imochasim.KeyRefused}, stuck: true, mended: true},
		{name: "key-without-permission", fault: imochasim.Fault{Kind: imochasim.Forbidden}, stuck: true, mended: true},
		{name: "quota-exhausted", fault: imochasim.Fault{Kind: imochasim.TooMany, RetryAfter: 5 * time.Hour}, stuck: true},
		{name: "too-many-requests", fault: imochasim.Fault{Kind: imochasim.TooManyBare}, stuck: true, mended: true},
		{name: "no-answer", fault: imochasim.Fault{Kind: imochasim.Hang}, stuck: true, mended: true},
		{name: "no-such-window", fault: imochasim.Fault{Kind: imochasim.BadDate}, stuck: true, mended: true},
		{name: "down", fault: imochasim.Fault{Kind: imochasim.Unavailable}, stuck: true, mended: true},
		{name: "a-gap"},
		{name: "entry-too-large"},
		{name: "state-unreadable", stuck: true},
		{name: "transaction-hangs", stuck: true, mended: true},
		{name: "trickle", address: trickleAddress},
		{name: "endless", address: endlessAddress, stuck: true},
		{name: "page", address: pageAddress, stuck: true},
		{name: "redirect", address: redirectAddress, stuck: true},
		{name: "huge", address: hugeAddress},
		{name: "nobody-listens", address: "127.0.0.1:99", stuck: true},
		{name: "no-such-host", address: nowhere + ":80", stuck: true},
	}
}

// A fleet is one worker with many accounts, some of which are healthy, one for each partition of the state topic at least.
type fleet struct {
	*virtualWorld
	healthy  []attempt.Account
	troubles []trouble
	events   map[attempt.Account][]ledger.Observed
	commits  *commits
	lag      *lagging // how late consumers see what was committed
	hugely   atomic.Int64
}

// healthyAccounts are one for each partition of the state topic, and one more in the first.
func healthyAccounts(partitions int) []attempt.Account {
	names := make([]attempt.Account, partitions+1)
	for found, i := 0, 0; found < len(names); i++ {
		name := attempt.Account(fmt.Sprintf("healthy-%d", i))
		at := topics.StatePartition(name, partitions)
		for _, place := range []int{at, at + partitions} {
			if place < len(names) && names[place] == "" {
				names[place], found = name, found+1
				break
			}
		}
	}
	return names
}

// fleetPartitions are those of the virtual world's topics.
const fleetPartitions = 3

// playFleet lets a worker with the healthy accounts and some troubled ones run, and tests that all is as it has to be but
// for the delays.
func playFleet(w *virtualWorld, with []trouble) *fleet {
	f := &fleet{virtualWorld: w, healthy: healthyAccounts(fleetPartitions), troubles: with, commits: &commits{}}
	w.schedule.LookbackInterval = 5 * time.Minute
	w.keys = map[attempt.Account]string{}
	keys := map[string]string{}
	for i, name := range f.healthy {
		f.add(name, keys, imochasim.Lives{PerDay: 1200}, uint64(i))
	}
	for i, t := range with {
		f.add(t.name, keys, imochasim.Lives{PerDay: 200}, uint64(100+i))
	}
	w.sim.SetKeys(keys)
	f.prepare()
	f.serveStrangely()
	if err := w.sim.SetFaults(imochasim.Faults{Script: f.fault, Poisoned: []imochasim.Poisoned{
		{Account: "a-gap", State: attempt.Completed, Second: attempt.InstantOf(w.began.Add(troubleFrom))}}}); err != nil {
		w.Fatal(err)
	}
	p := w.start(f.configure)
	f.lag = f.follow(troubleFrom, fleetEnd)
	unready := f.watch(p)
	if err := p.end(); err != nil && !strings.Contains(err.Error(), "state-unreadable") {
		w.Errorf("the worker failed: %v", err)
	}
	f.events = witness.AllEvents(w.T, []string{virtualBroker}, w.layout.Events.Name, kgo.Dialer(w.net.DialContext))
	for _, name := range f.healthy {
		f.check(p.progressOf(name))
		if at := unready[name]; at > 0 {
			w.Errorf("%s was not ready %d times", name, at)
		}
	}
	for _, t := range with {
		now := p.progressOf(t.name)
		if t.mended {
			f.check(now)
		}
		if behind := time.Since(now.Front); t.mended && behind > 3*time.Minute {
			w.Errorf("%s is %s behind, though it was mended: %s", t.name, behind, now.Problem)
		}
		if t.stuck && unready[t.name] < 20 {
			w.Errorf("%s was not ready %d times only: the test shows nothing", t.name, unready[t.name])
		}
		if !t.stuck && (now.Requests == 0 || unready[t.name] > 0) {
			w.Errorf("%s made %d requests and was not ready %d times: %s", t.name, now.Requests, unready[t.name], now.Problem)
		}
	}
	f.troubled(p)
	return f
}

// check compares what was told of an account with what happened.
func (f *fleet) check(now worker.Progress) {
	f.Helper()
	for _, p := range ledger.Check(f.sim.Expected(string(now.Account), f.scope(now, time.Now())), f.events[now.Account]) {
		f.Errorf("%s: %s", now.Account, p)
	}
}

// add lets an account be read in which something happens.
func (f *fleet) add(name attempt.Account, keys map[string]string, lives imochasim.Lives, seed uint64) {
	f.Helper()
	key := "key of " + string(name)
	f.keys[name], keys[key] = key, string(name)
	l := quietLives(seed)
	l.PerDay, l.BurstsPerDay, l.ComeBacks, l.Resent, l.Quick = lives.PerDay, 0, 0, 0, 0
	f.populate(name, l, fleetEnd)
}

// troubled tests that what was to go wrong did.
func (f *fleet) troubled(p *virtualProcess) {
	f.Helper()
	for _, t := range f.troubles {
		now := p.progressOf(t.name)
		switch t.name {
		case "a-gap", "entry-too-large":
			if now.Gaps == 0 || time.Since(now.Front) > 3*time.Minute {
				f.Errorf("%s has %d gaps and is at %s", t.name, now.Gaps, now.Front)
			}
		case "state-unreadable":
			if !now.Ended || now.Requests > 0 {
				f.Errorf("%s: ended %v, %d requests", t.name, now.Ended, now.Requests)
			}
		case "quota-exhausted":
			if until := f.began.Add(troubleFrom); now.Front.After(until) || now.Requests > 200 {
				f.Errorf("%s is at %s after %d requests", t.name, now.Front, now.Requests)
			}
		}
	}
}

// watch runs the world to its end and counts, every ten seconds, which accounts were not ready.
func (f *fleet) watch(p *virtualProcess) map[attempt.Account]int {
	ready := admin.NewReadiness(admin.Settings{PollInterval: f.schedule.PollInterval, SettleDelay: f.schedule.SettleDelay,
		RequestTimeout: 30 * time.Second})
	unready := map[attempt.Account]int{}
	for f.until(fleetEnd) > 0 {
		time.Sleep(10 * time.Second)
		f.settle()
		for _, now := range p.Progress() {
			if ok, _ := ready.Of(now, time.Now()); !ok && time.Since(f.began) > time.Minute {
				unready[now.Account]++
			}
		}
	}
	return unready
}

// delays are how long after the API began to show it each event of an account was committed.
func (f *fleet) delays(name attempt.Account) map[telling]time.Duration {
	f.Helper()
	events := slices.Clone(f.events[name])
	if n := countLate(events); n > 0 {
		f.Fatalf("%d events of %s are late, where nothing came late", n, name)
	}
	slices.SortStableFunc(events, func(a, b ledger.Observed) int { return a.WindowEnd.Compare(b.WindowEnd) })
	committed := f.commits.times(name)
	if len(committed) != len(events) {
		f.Fatalf("%d events of %s were committed, and %d are there", len(committed), name, len(events))
	}
	at := map[telling]time.Time{}
	for i := range events {
		at[telling{events[i].ID, events[i].Status}] = committed[i]
	}
	delays := map[telling]time.Duration{}
	for _, e := range f.sim.Ledger(string(name)) {
		key := telling{e.ID, e.Status}
		if t, ok := at[key]; ok {
			delays[key] = t.Sub(e.Visible)
		}
	}
	return delays
}

// Whatever is wrong with an account, no other is told later for it: each event of the healthy ones is committed when it is
// where they are alone, to some milliseconds.
func TestVirtualIsolation(t *testing.T) {
	t.Parallel()
	var alone map[attempt.Account]map[telling]time.Duration
	measure := func(f *fleet) map[attempt.Account]map[telling]time.Duration {
		all := map[attempt.Account]map[telling]time.Duration{}
		for _, name := range f.healthy {
			all[name] = f.delays(name)
		}
		return all
	}
	sim := imochasim.Config{Seed: 50, Latency: imochasim.Latency{Fixed: 80 * time.Millisecond}}
	t.Run("alone", func(t *testing.T) {
		playAlone(t, sim, func(w *virtualWorld) { alone = measure(playFleet(w, nil)) })
	})
	t.Run("beside", func(t *testing.T) {
		playAlone(t, sim, func(w *virtualWorld) {
			f := playFleet(w, troubles())
			limit := w.schedule.PollInterval + w.schedule.SettleDelay + time.Second + 2*sim.Latency.Fixed // a poll comes within a second
			for name, delays := range measure(f) {
				if len(delays) != len(alone[name]) || len(delays) < 100 {
					t.Errorf("%s: %d events, and %d alone", name, len(delays), len(alone[name]))
				}
				var longest, more time.Duration
				for key, d := range delays {
					longest, more = max(longest, d), max(more, d-alone[name][key])
				}
				t.Logf("%s: the longest delay of %d events is %s, alone %s; none is later by more than %s", name, len(delays), longest,
					slices.Max(slices.Collect(maps.Values(alone[name]))), more)
				if more > slack || longest > limit {
					t.Errorf("%s: the longest delay is %s, %s longer than alone", name, longest, more)
				}
			}
			t.Logf("consumers saw events up to %s after they were committed", f.lag.longest())
		})
	})
}

// slack is what the random back-offs of Kafka's own may add.
const slack = 50 * time.Millisecond

// prepare writes what is there before the worker begins.
func (f *fleet) prepare() {
	f.Helper()
	for _, t := range f.troubles {
		switch t.name {
		case "state-unreadable":
			f.writeState(&kgo.Record{Topic: f.layout.State.Name, Key: []byte(string(t.name) + "/checkpoint"), Value: []byte("{"),
				Partition: int32(topics.StatePartition(t.name, f.layout.State.Partitions))})
		case "entry-too-large":
			raw := fmt.Sprintf(`{"testInvitationId":77,"testStatus":"Completed","report":"%s"}`, noise(77, 1200<<10))
			if err := f.sim.AddRaw(string(t.name), attempt.Completed, f.began.Add(troubleFrom), raw); err != nil {
				f.Fatal(err)
			}
		}
	}
}

// configure gives a worker the fleet's accounts.
func (f *fleet) configure(c *worker.Config) {
	c.Kafka = f.kafkaThatHangs("transaction-hangs")
	c.Committed = f.commits.add
	for _, t := range f.troubles {
		if t.address == "" {
			continue
		}
		i := slices.IndexFunc(c.Accounts, func(a worker.Account) bool { return a.Name == t.name })
		c.Accounts[i].API = f.apiWith(t.name, t.address, "key", 4)
	}
	rand.New(rand.NewPCG(1, 2)).Shuffle(len(c.Accounts), func(i, j int) { c.Accounts[i], c.Accounts[j] = c.Accounts[j], c.Accounts[i] })
}

// fault is what the simulated API does to a request.
func (f *fleet) fault(_ int, r imochasim.Request) imochasim.Fault {
	if since := r.At.Sub(f.began); since < troubleFrom || since >= troubleTo {
		return imochasim.Fault{}
	}
	for _, t := range f.troubles {
		if string(t.name) == r.Account {
			return t.fault
		}
	}
	return imochasim.Fault{}
}
