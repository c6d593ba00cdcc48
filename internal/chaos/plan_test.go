//go:build unix

package chaos_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"attemptstream/internal/ownership"
)

// A family is what a fault does harm to.
type family string

const (
	ofWorkers  family = "worker"
	ofBrokers  family = "broker"
	ofKafkaNet family = "network worker–broker"
	ofAPINet   family = "network worker–API"
	ofAPI      family = "API"
)

// A kind is a way of doing harm, in the words of the table of faults.
type kind string

const (
	workerKilled   kind = "SIGKILL"
	workerOpen     kind = "SIGKILL in an open transaction"
	workerFrozen   kind = "SIGSTOP longer than the session"
	workerPaused   kind = "SIGSTOP, short"
	workerStopped  kind = "SIGTERM"
	workerJoins    kind = "one more joins and leaves"
	workerClockFwd kind = "clock jumps ahead, and back again"
	workerClockBck kind = "clock jumps back, and ahead again"

	brokerKilled  kind = "SIGKILL"
	brokerFrozen  kind = "SIGSTOP"
	brokerStopped kind = "SIGTERM"
	brokerFull    kind = "disk full"
	twoKilled     kind = "SIGKILL of two at once"
	twoFrozen     kind = "SIGSTOP of two at once"

	netCut      kind = "cut and refused"
	netReset    kind = "reset at the first byte"
	netHole     kind = "black hole"
	netNoAnswer kind = "answers lost"
	netNoAsk    kind = "requests lost"
	netLate     kind = "requests delivered late"
	netDelay    kind = "delayed"
	netThrottle kind = "throttled"
	netBytes    kind = "closed after some bytes"
	netSlices   kind = "in pieces"

	apiFrozen  kind = "SIGSTOP"
	apiFailing kind = "half of the requests fail"
)

// A role says which broker it is to be: who has it is found out at the moment of the fault.
type role string

const (
	txnCoordinator   role = "transaction coordinator"
	groupCoordinator role = "group coordinator"
	eventsLeader     role = "leader of events"
	stateLeader      role = "leader of state"
	controller       role = "controller"
	anyBroker        role = "any"
)

func roles() []role {
	return []role{txnCoordinator, txnCoordinator, groupCoordinator, eventsLeader, stateLeader, stateLeader, controller, anyBroker}
}

// A fault is one harm of a plan.
type fault struct {
	family family
	kind   kind
	role   role          // of a broker, or of the one whose network it is; empty: of all
	n      int           // which one of them: a worker, an account, a partition, a broker, modulo how many there are
	pause  time.Duration // since the one before began
	lasts  time.Duration
	amount int  // milliseconds, kilobytes a second or bytes, by kind
	some   bool // of a network: only half of the connections, so that what is sent again may overtake what was sent first
}

// name is as in the table of faults.
func (f fault) name() string { return string(f.family) + ": " + string(f.kind) }

func (f fault) String() string {
	text := fmt.Sprintf("+%.1fs %s", f.pause.Seconds(), f.name())
	if f.role != "" {
		text += ", " + string(f.role)
	}
	if f.some {
		text += ", half of the connections"
	}
	return fmt.Sprintf("%s, #%d, %.1fs, %d", text, f.n, f.lasts.Seconds(), f.amount)
}

// A variety is a kind with how often it comes, and from when to when its length and its amount are.
type variety struct {
	family      family
	kind        kind
	weight      int
	least, most time.Duration
	from, to    int
}

// varieties are all that can happen. Nothing lasts so long that Kafka gives something up for good: a broker is away for
// less than 40 s in all, and no transaction is without its coordinator for a minute.
func varieties() []variety {
	const s, ms = time.Second, time.Millisecond
	list := []variety{
		{ofWorkers, workerKilled, 5, 0, 3 * s, 0, 0},
		{ofWorkers, workerOpen, 5, 0, 3 * s, 0, 0},
		{ofWorkers, workerFrozen, 3, ownership.SessionTimeout + 2*s, ownership.SessionTimeout + 6*s, 0, 0},
		{ofWorkers, workerPaused, 3, 200 * ms, 8 * s, 0, 0},
		{ofWorkers, workerStopped, 3, 0, 3 * s, 0, 0},
		{ofWorkers, workerJoins, 2, 3 * s, 12 * s, 0, 0},
		{ofWorkers, workerClockFwd, 2, 2 * s, 12 * s, 1000, 20_000},
		{ofWorkers, workerClockBck, 2, 2 * s, 12 * s, 1000, 400_000},

		{ofBrokers, brokerKilled, 6, 0, 8 * s, 0, 0},
		{ofBrokers, brokerFrozen, 5, 4 * s, 15 * s, 0, 0},
		{ofBrokers, brokerStopped, 4, 0, 4 * s, 0, 0},
		{ofBrokers, brokerFull, 3, 0, 3 * s, 0, 0},
		{ofBrokers, twoKilled, 1, 0, 3 * s, 0, 0},
		{ofBrokers, twoFrozen, 1, 3 * s, 8 * s, 0, 0},

		{ofAPI, apiFrozen, 1, 2 * s, 8 * s, 0, 0},
		{ofAPI, apiFailing, 1, 3 * s, 8 * s, 0, 0},
	}
	for _, n := range []variety{
		{"", netCut, 3, 500 * ms, 6 * s, 0, 0},
		{"", netReset, 2, s, 6 * s, 0, 0},
		{"", netHole, 3, 3 * s, 14 * s, 0, 0},
		{"", netNoAnswer, 4, 2 * s, 14 * s, 0, 0},
		{"", netNoAsk, 2, 2 * s, 12 * s, 0, 0},
		{"", netLate, 4, 12 * s, 16 * s, 10_100, 11_500},
		{"", netDelay, 3, 4 * s, 12 * s, 200, 2000},
		{"", netThrottle, 2, 4 * s, 12 * s, 2, 30},
		{"", netBytes, 3, 2 * s, 8 * s, 20, 20_000},
		{"", netSlices, 2, 4 * s, 10 * s, 5, 100},
	} {
		for _, f := range []family{ofKafkaNet, ofAPINet} {
			n.family = f
			list = append(list, n)
		}
	}
	return list
}

// A shares is how many of a hundred faults are of a family.
func shares() []struct {
	family family
	of     int
} {
	return []struct {
		family family
		of     int
	}{{ofWorkers, 36}, {ofBrokers, 27}, {ofKafkaNet, 22}, {ofAPINet, 9}, {ofAPI, 6}}
}

// A plan is what follows from a seed, and from nothing else.
type plan struct {
	seed    uint64
	workers int
	faults  []fault
}

// newPlan draws n faults.
func newPlan(seed uint64, n int) plan {
	random := rand.New(rand.NewPCG(seed, 0x636861_6f73))
	p := plan{seed: seed, workers: 2 + random.IntN(2)}
	var families []family
	for _, s := range shares() { // at least one of each, and by their shares then
		for range max(1, (s.of*n+50)/100) {
			families = append(families, s.family)
		}
	}
	random.Shuffle(len(families), func(i, j int) { families[i], families[j] = families[j], families[i] })
	for _, of := range families[:min(n, len(families))] {
		p.faults = append(p.faults, draw(random, of, ""))
	}
	return p
}

// shortPlan has one or two of each family, and is over soon.
func shortPlan(seed uint64) plan {
	random := rand.New(rand.NewPCG(seed, 0x73686f7274))
	p := plan{seed: seed, workers: 2}
	for _, k := range []struct {
		family family
		kind   kind
	}{
		{ofWorkers, workerOpen}, {ofBrokers, brokerKilled}, {ofWorkers, workerFrozen}, {ofKafkaNet, netNoAnswer}, {ofAPI, apiFrozen},
		{ofBrokers, brokerFrozen}, {ofWorkers, workerClockFwd}, {ofAPINet, netBytes}, {ofKafkaNet, netCut}, {ofWorkers, workerStopped},
	} {
		f := draw(random, k.family, k.kind)
		f.pause = min(f.pause, 2*time.Second)
		if k.kind != workerFrozen {
			f.lasts = min(f.lasts, 6*time.Second)
		}
		p.faults = append(p.faults, f)
	}
	return p
}

// draw is a fault of a family, and of a kind if one is given.
func draw(random *rand.Rand, of family, want kind) fault {
	var choice []variety
	for _, v := range varieties() {
		if v.family == of && (want == "" || v.kind == want) {
			for range v.weight {
				choice = append(choice, v)
			}
		}
	}
	v := choice[random.IntN(len(choice))]
	f := fault{family: v.family, kind: v.kind, n: random.IntN(1000)}
	f.pause = tenths(random, 500*time.Millisecond, 5*time.Second)
	f.lasts = tenths(random, v.least, v.most)
	f.amount = v.from + random.IntN(v.to-v.from+1)
	list, all := roles(), random.IntN(3) == 0
	one := list[random.IntN(len(list))]
	if of == ofBrokers || of == ofKafkaNet && !all {
		f.role = one
	}
	if of == ofAPINet && !all {
		f.role = "one worker"
	}
	if of == ofKafkaNet || of == ofAPINet {
		f.some = random.IntN(2) == 0 || f.kind == netLate
	}
	return f
}

// tenths is a length between two, in tenths of a second.
func tenths(random *rand.Rand, least, most time.Duration) time.Duration {
	const step = 100 * time.Millisecond
	return least + step*time.Duration(random.Int64N(int64((most-least)/step)+1))
}

// The same seed is the same plan, whatever the machine does; and all kinds, of all roles, come within few seeds.
func TestPlanFollowsFromSeed(t *testing.T) {
	t.Parallel()
	const n, seeds = 25, 20
	seen := map[string]int{}
	for seed := range uint64(seeds) {
		p := newPlan(seed, n)
		if again := newPlan(seed, n); fmt.Sprint(p) != fmt.Sprint(again) {
			t.Fatalf("seed %d: the second plan differs:\n%v\n%v", seed, p, again)
		}
		if len(p.faults) < n-1 {
			t.Errorf("seed %d: %d faults, want about %d", seed, len(p.faults), n)
		}
		if seed > 0 && slices.Equal(p.faults, newPlan(seed-1, n).faults) {
			t.Errorf("seeds %d and %d are the same plan", seed-1, seed)
		}
		for _, f := range p.faults {
			seen[f.name()]++
			if f.family == ofBrokers {
				seen[string(f.role)]++
			}
			if f.lasts > 16*time.Second || f.pause > 5*time.Second {
				t.Errorf("seed %d: %v lasts too long", seed, f)
			}
		}
	}
	for _, v := range varieties() {
		if seen[string(v.family)+": "+string(v.kind)] == 0 {
			t.Errorf("no fault of the kind %s: %s in %d plans", v.family, v.kind, seeds)
		}
	}
	for _, r := range roles() {
		if seen[string(r)] == 0 {
			t.Errorf("no broker fault of the role %q in %d plans", r, seeds)
		}
	}
	families := map[family]bool{}
	for _, f := range shortPlan(1).faults {
		families[f.family] = true
	}
	if len(families) != len(shares()) {
		t.Errorf("the short plan has the families %v, want all", families)
	}
}
