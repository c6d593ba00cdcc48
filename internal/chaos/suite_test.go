//go:build unix

package chaos_test

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"

	"attemptstream/internal/imochasim/ledger"
	"attemptstream/internal/program"
)

const (
	seedsVariable    = "ATTEMPTSTREAM_CHAOS_SEEDS"    // from-to, or one
	parallelVariable = "ATTEMPTSTREAM_CHAOS_PARALLEL" // plans that are played side by side
	keepVariable     = "ATTEMPTSTREAM_CHAOS_KEEP"     // 1: keep all that was written, also of plans that succeed

	// faultsOfPlan is how many faults a plan has.
	faultsOfPlan = 25

	// beginning and catchUp are how long workers may take to get to work, and to read what lay while they were disturbed,
	// on a machine that is busy with other tests.
	beginning = 3 * time.Minute
	catchUp   = 3 * time.Minute

	// lookbackTime is longer than it takes to read the last hour again.
	lookbackTime = 3 * time.Second
)

// Ten faults, of each family, in every run of all tests.
func TestShortPlan(t *testing.T) {
	t.Parallel()
	results := &results{}
	p := shortPlan(1)
	playPlan(t, p, fmt.Sprintf("go test -count=1 -v -run '^%s$' ./internal/chaos", t.Name()), results)
	fmt.Fprint(t.Output(), results.table())
}

// Plans of the seeds that the environment names: .ci/chaos.
func TestPlans(t *testing.T) {
	seeds := seedsOf(t, os.Getenv(seedsVariable))
	atOnce, err := strconv.Atoi(cmp.Or(os.Getenv(parallelVariable), "1"))
	if err != nil || atOnce < 1 {
		t.Fatalf("%s is %q: want a whole number from 1 on", parallelVariable, os.Getenv(parallelVariable))
	}
	results := &results{}
	places := make(chan struct{}, atOnce)
	t.Run("seeds", func(t *testing.T) {
		for _, seed := range seeds {
			t.Run(fmt.Sprint(seed), func(t *testing.T) {
				t.Parallel()
				places <- struct{}{}
				defer func() { <-places }()
				playPlan(t, newPlan(seed, faultsOfPlan), fmt.Sprintf(".ci/chaos %d 1", seed), results)
			})
		}
	})
	fmt.Fprint(t.Output(), results.table())
}

// seedsOf reads from-to. Without, the test is skipped: it takes minutes.
func seedsOf(t *testing.T, text string) (seeds []uint64) {
	t.Helper()
	if text == "" {
		t.Skipf("%s=1-20 plays the plans of these seeds, 2 minutes each (.ci/chaos 1 20)", seedsVariable)
	}
	first, last, ok := strings.Cut(text, "-")
	if !ok {
		last = first
	}
	from, err := strconv.ParseUint(first, 10, 32)
	to, err2 := strconv.ParseUint(last, 10, 32)
	if err != nil || err2 != nil || to < from {
		t.Fatalf("%s is %q: want the first and the last seed, such as 1-20", seedsVariable, text)
	}
	for seed := from; seed <= to; seed++ {
		seeds = append(seeds, seed)
	}
	return seeds
}

// playPlan plays a plan and judges what came of it.
func playPlan(t *testing.T, p plan, again string, results *results) {
	lives := p.length() + p.length()/5 + 10*time.Second
	s := newStage(t, p, lives)
	r := newRunner(s)
	ended := false
	defer func() {
		s.crew.close() // what is killed from now on is not started again
		if t.Failed() || !ended || os.Getenv(keepVariable) == "1" {
			s.keep(again)
		}
	}()
	s.say("%d workers, %d accounts, %d faults in about %s; again: %s", p.workers, chaosAccounts, len(p.faults), p.length().Round(time.Second), again)
	if !s.under(t, "the workers have begun", beginning, func() (string, bool) {
		t := s.probe.traffic(10 * time.Second)
		return fmt.Sprint(t, " in 10s"), t.records > 100
	}) {
		return
	}
	r.play()
	s.say("all is as it was: the workers catch up")
	calm := time.Now()
	if !s.reached(t, "all accounts are covered through the end of the last fault", func(p progress) bool { return !p.covered.Before(calm) }) {
		return
	}
	s.say("they have caught up after %.1fs", time.Since(calm).Seconds())
	// Reading again begins with the oldest second: what is shown last has to be there before.
	shown := s.sim.Shown().Add(lookbackTime)
	if !s.reached(t, "covered time was read again after all was shown", func(p progress) bool { return p.lookedBack.After(shown) }) {
		return
	}
	s.stop(t)
	// What was shown last, the last process finds; and a second one, that everything that it looks at was told.
	s.once(t)
	at := time.Now()
	before := s.told(t)
	s.once(t)
	if after := s.told(t); after != before {
		s.fail("a worker that had nothing to tell told %d times", after-before)
	}
	v := s.sim.judge(t, s.cluster.Addrs(), s.topic, at)
	problems := append(v.Problems(), s.problems...)
	problems = append(problems, s.crew.ended...)
	for _, problem := range problems {
		t.Errorf("seed %d: %s", p.seed, problem)
	}
	results.add(r, v, len(problems))
	word := "HELD"
	if len(problems) > 0 {
		word = "FAILED"
	}
	stats := s.sim.Stats()
	s.say("%s: %s; %d faults (%d of them hit a system with nothing to do), %d of %d requests failed besides; %d workers ended by themselves, %d starts given up",
		word, v, len(p.faults), r.idle, stats.Failed, stats.All, len(s.crew.ended), s.crew.given)
	ended = true
}

// under waits until something is so, and fails the test where it does not come in time.
func (s *stage) under(t *testing.T, what string, within time.Duration, so func() (why string, ok bool)) bool {
	deadline := time.Now().Add(within)
	for {
		why, ok := so()
		if ok {
			return true
		}
		if time.Now().After(deadline) {
			t.Errorf("seed %d: not within %s: %s; %s", s.plan.seed, within, what, why)
			return false
		}
		s.wait(500 * time.Millisecond) // each look may be a process
	}
}

// reached waits until all accounts have come far enough.
func (s *stage) reached(t *testing.T, what string, so func(progress) bool) bool {
	return s.under(t, what, catchUp, func() (string, bool) {
		p, err := s.progress()
		if err != nil {
			return err.Error(), false
		}
		return fmt.Sprintf("%s; read again at %s", p.behind, p.lookedBack.Format(time.RFC3339)), so(p)
	})
}

// stop lets all workers end at once, in order and in time.
func (s *stage) stop(t *testing.T) {
	var all sync.WaitGroup
	for slot := range s.plan.workers {
		all.Go(func() {
			took, err := s.crew.end(slot, syscall.SIGTERM)
			if err != nil {
				s.fail("at the end: %v", err)
			}
			s.say("%s ended %.1fs after SIGTERM", s.crew.name(slot), took.Seconds())
		})
	}
	all.Wait()
	s.crew.close()
}

// once lets a worker read to the end, past all proxies.
func (s *stage) once(t *testing.T) {
	program.Start(t, program.Command(t), s.direct("ADMIN_ADDR=", "IMOCHA_RATE_LIMIT=200"), "run", "--once").Wait(0, patience)
}

// told is how far the topics of events and dead letters reach.
func (s *stage) told(t *testing.T) (n int64) {
	all, err := s.probe.kafka.ListEndOffsets(t.Context(), s.topic, s.topic+".dlq")
	if err == nil {
		err = all.Error()
	}
	if err != nil {
		t.Fatal(err)
	}
	all.Each(func(o kadm.ListedOffset) { n += o.Offset })
	return n
}

// results are those of all plans of a run.
type results struct {
	mu       sync.Mutex
	seeds    int
	failed   []uint64
	faults   map[string]int
	idle     int
	ended    int
	given    int
	verdicts []verdict
	requests int64
	refused  int64 // of the requests, by faults of the API
}

func (all *results) add(r *runner, v verdict, problems int) {
	all.mu.Lock()
	defer all.mu.Unlock()
	if all.faults == nil {
		all.faults = map[string]int{}
	}
	all.seeds++
	if problems > 0 {
		all.failed = append(all.failed, r.plan.seed)
	}
	for name, n := range r.done {
		all.faults[name] += n
	}
	all.idle, all.ended, all.given = all.idle+r.idle, all.ended+len(r.crew.ended), all.given+r.crew.given
	all.verdicts = append(all.verdicts, v)
	stats := r.sim.Stats()
	all.requests, all.refused = all.requests+stats.All, all.refused+stats.Failed
}

// table is what happened, in Markdown.
func (all *results) table() string {
	all.mu.Lock()
	defer all.mu.Unlock()
	var b strings.Builder
	b.WriteString("\n| what is harmed | how | faults |\n| --- | --- | ---: |\n")
	total, of := 0, family("")
	listed := map[string]bool{}
	for _, share := range shares() {
		for _, v := range varieties() {
			name := string(v.family) + ": " + string(v.kind)
			n := all.faults[name]
			if v.family != share.family || n == 0 || listed[name] {
				continue
			}
			listed[name] = true
			word := ""
			if v.family != of {
				of, word = v.family, string(v.family)
			}
			fmt.Fprintf(&b, "| %s | %s | %d |\n", word, v.kind, n)
			total += n
		}
	}
	fmt.Fprintf(&b, "| in all | | %d |\n", total)
	var events, required, late, back, letters, missing, twice, unexpected, order, wrong, dead, memory int
	for _, v := range all.verdicts {
		events, required, late, back, letters = events+v.Events, required+v.Required, late+v.Late, back+v.CameBack, letters+v.Letters
		missing += v.count(ledger.Missing)
		twice += v.count(ledger.Twice)
		unexpected += v.count(ledger.Unexpected)
		order += v.count(ledger.Order, ledger.LastStatus, ledger.MustBeLate)
		wrong += v.count(ledger.WrongWindow, ledger.WrongID, ledger.WrongState, ledger.NotLate)
		dead, memory = dead+v.letters, memory+v.memory
	}
	b.WriteString("\n| what came of it | |\n| --- | ---: |\n")
	for _, row := range []struct {
		what string
		n    int
	}{
		{"plans (seeds)", all.seeds}, {"faults that hit a system with nothing to do", all.idle},
		{"requests that failed by themselves besides", int(all.refused)}, {"of all requests", int(all.requests)},
		{"events", events}, {"of them required by the ledger", required}, {"of them late", late}, {"of them of a status that came back", back},
		{"dead letters", letters},
		{"**missing**", missing}, {"**told twice**", twice}, {"**unexpected**", unexpected}, {"**out of order, or a wrong last status**", order},
		{"**wrong in themselves**", wrong}, {"**wrong dead letters**", dead}, {"**differences between index and events**", memory},
		{"**workers that ended by themselves**", all.ended}, {"starts given up since Kafka was away for 30 s", all.given},
	} {
		fmt.Fprintf(&b, "| %s | %s |\n", row.what, grouped(row.n))
	}
	slices.Sort(all.failed)
	if len(all.failed) > 0 {
		fmt.Fprintf(&b, "\nFAILED seeds: %v\n", all.failed)
	}
	return b.String()
}
