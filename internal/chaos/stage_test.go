//go:build unix

package chaos_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"attemptstream/internal/attempt"
	"attemptstream/internal/imochasim"
	"attemptstream/internal/kafkatest"
	"attemptstream/internal/program"
)

const (
	chaosAccounts   = 8
	chaosPartitions = 4
	chaosBrokers    = 3

	// history is what there is to read when the workers begin; things go on happening meanwhile.
	history = 15 * time.Minute

	// proxied is the listener that the workers use: a proxy stands before it.
	proxied = "PROXIED"
)

// A stage is what a plan is played on: three brokers, workers, the API, and proxies between them.
type stage struct {
	t       testing.TB
	plan    plan
	topic   string
	cluster *kafkatest.Cluster
	sim     *simulation
	kafka   []*wire // to each broker
	api     []*wire // of each worker, the visitor among them
	clocks  []*clock
	crew    *crew
	probe   *probe
	keys    string // the accounts' file
	began   time.Time

	mu       sync.Mutex
	problems []string
	troubles []trouble // in which Kafka was out of reach
	lines    []string
}

// A trouble is a time in which a fault stood between workers and Kafka.
type trouble struct{ from, to time.Time }

// newStage takes some seconds: three brokers start. The lives go on for so long at least.
func newStage(t testing.TB, p plan, lives time.Duration) *stage {
	t.Helper()
	s := &stage{t: t, plan: p, topic: fmt.Sprintf("chaos-%d-%d", os.Getpid(), p.seed)}
	worker := movableClock(t) // both builds, before time counts
	program.Command(t)
	s.cluster = kafkatest.Start(t, kafkatest.Brokers(chaosBrokers), kafkatest.Listen(kafkatest.Listener{Name: proxied, Protocol: "PLAINTEXT", Proxied: true}))
	s.began = time.Now()
	s.sim = startSimulation(t, s.simulated(lives))
	s.connect()
	s.keys = program.AccountsFile(t, s.names(), func(name string) string { return s.sim.Keys()[attempt.Account(name)] })
	s.probe = newProbe(t, s.cluster.Addrs(), s.topic, s.sim.URL)
	s.crew = &crew{t: t, path: worker, env: s.environment, excused: s.troubled, say: s.say}
	for slot := range p.workers {
		s.crew.start(slot)
	}
	return s
}

// simulated is the API of a plan: all that an API can be like comes in turn.
func (s *stage) simulated(lives time.Duration) simulated {
	var names []attempt.Account
	for n := range chaosAccounts {
		names = append(names, attempt.Account(fmt.Sprint("customer-", n+1)))
	}
	api := simulated{
		Seed: s.plan.seed, Accounts: names, Since: s.began.Add(-history), Until: s.began.Add(lives),
		Speed: 480, PerDay: 300, ComeBacks: .3, Quick: .0005, FarIDs: .05, Malformed: .005, Late: .03, LateBy: 6 * time.Second,
		Boundary: imochasim.Boundaries()[s.plan.seed%4], Duplicates: .01, Latency: 10 * time.Millisecond, Faults: .02,
	}
	if s.plan.seed%3 == 0 {
		api.Cap = 60
	}
	return api
}

// connect puts the proxies in their places: one before each broker, one between each worker and the API.
func (s *stage) connect() {
	s.t.Helper()
	zerolog.SetGlobalLevel(zerolog.Disabled) // toxiproxy's toxics write through a logger of their own
	add := func(list *[]*wire, name, listen, upstream string) {
		w, err := newWire(name, listen, upstream)
		if err != nil {
			s.t.Fatal(err)
		}
		*list = append(*list, w)
		s.t.Cleanup(w.close)
	}
	told, behind := s.cluster.ProxiesOf(proxied), s.cluster.AddrsOf(proxied)
	for i := range told {
		add(&s.kafka, fmt.Sprint("broker ", i+1), told[i], behind[i])
	}
	slots := s.plan.workers + 1 // one more may join
	addrs, err := kafkatest.FreeAddrs(slots)
	if err != nil {
		s.t.Fatal(err)
	}
	for slot := range slots {
		add(&s.api, fmt.Sprint("API of worker ", slot+1), addrs[slot], strings.TrimPrefix(s.sim.URL, "http://"))
		s.clocks = append(s.clocks, newClock(s.t))
	}
}

// environment is that of the worker in a place. All that it says to Kafka and the API goes through proxies.
func (s *stage) environment(slot int) []string {
	brokers := make([]string, len(s.kafka))
	for i, w := range s.kafka {
		brokers[i] = w.listen
	}
	return append(s.settings(brokers, "http://"+s.api[slot].listen), s.clocks[slot].env())
}

// direct is the environment of a command past all proxies.
func (s *stage) direct(more ...string) []string {
	return append(s.settings(s.cluster.Addrs(), s.sim.URL), more...)
}

func (s *stage) settings(brokers []string, api string) []string {
	return []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + os.TempDir(),
		"KAFKA_BROKERS=" + strings.Join(brokers, ","), "KAFKA_TOPIC=" + s.topic,
		fmt.Sprint("KAFKA_PARTITIONS=", chaosPartitions), fmt.Sprint("KAFKA_REPLICATION_FACTOR=", chaosBrokers),
		"IMOCHA_BASE_URL=" + api, "IMOCHA_ACCOUNTS_FILE=" + s.keys,
		"IMOCHA_RATE_LIMIT=30", "IMOCHA_CONCURRENCY=4", "IMOCHA_REQUEST_TIMEOUT=2s",
		"STREAM_START_AT=" + s.sim.Since.Format(time.RFC3339), "STREAM_POLL_INTERVAL=1s", "STREAM_SETTLE_DELAY=1s",
		"STREAM_LOOKBACK=1h", "STREAM_LOOKBACK_INTERVAL=10s", "STREAM_WINDOW_ATTEMPTS=40", "ADMIN_ADDR=127.0.0.1:0",
		"LOG_LEVEL=debug",
	}
}

// names are the accounts' in words.
func (s *stage) names() (names []string) {
	for _, name := range s.sim.Accounts {
		names = append(names, string(name))
	}
	return names
}

// say writes a line, with the seed and the seconds since the workers began.
func (s *stage) say(format string, args ...any) {
	line := fmt.Sprintf("seed %d  %6.1fs  ", s.plan.seed, time.Since(s.began).Seconds()) + fmt.Sprintf(format, args...)
	s.mu.Lock()
	s.lines = append(s.lines, line)
	s.mu.Unlock()
	fmt.Fprintln(s.t.Output(), line)
}

// fail notes what must not be. The plan goes on: what comes of it says more.
func (s *stage) fail(format string, args ...any) {
	problem := fmt.Sprintf(format, args...)
	first, _, _ := strings.Cut(problem, "\n")
	s.say("PROBLEM: %s", first)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.problems = append(s.problems, problem)
}

// trouble begins a time in which Kafka is out of reach of workers. The returned function ends it.
func (s *stage) trouble() (over func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := len(s.troubles)
	s.troubles = append(s.troubles, trouble{from: time.Now()})
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.troubles[n].to = time.Now()
	}
}

// troubled tells whether Kafka was out of reach at some time since.
func (s *stage) troubled(since time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.ContainsFunc(s.troubles, func(t trouble) bool { return t.to.IsZero() || t.to.After(since) })
}

// wait passes time, but for the end of the test.
func (s *stage) wait(d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-s.t.Context().Done():
	}
}

// A progress is how far the account that is furthest behind has come.
type progress struct {
	covered    time.Time // through which second all is read
	lookedBack time.Time // when the last hour was last read again to its end
	behind     string    // in words
}

// progress asks Kafka alone.
func (s *stage) progress() (least progress, err error) {
	ctx, cancel := context.WithTimeout(s.t.Context(), 30*time.Second)
	defer cancel()
	p := program.Start(s.t, program.Command(s.t), s.direct(), "status", "--output", "json")
	select {
	case <-p.Done():
	case <-ctx.Done():
		return least, errors.New("status does not end within 30s")
	}
	if p.State().ExitCode() != 0 {
		return least, fmt.Errorf("status: %v: %s", p.State(), p.Tail())
	}
	var report struct {
		Accounts []struct {
			Account  string
			Problems []string
			States   []struct {
				State          string
				CoveredThrough time.Time
				LookedBack     []struct{ At time.Time }
			}
		}
	}
	if err := json.Unmarshal([]byte(p.Stdout()), &report); err != nil {
		return least, fmt.Errorf("status: %w", err)
	}
	if len(report.Accounts) < len(s.sim.Accounts) {
		return progress{behind: fmt.Sprintf("%d of %d accounts are known", len(report.Accounts), len(s.sim.Accounts))}, nil
	}
	for _, a := range report.Accounts {
		for _, state := range a.States {
			var looked time.Time
			if len(state.LookedBack) > 0 {
				looked = state.LookedBack[0].At
			}
			if least.behind == "" || state.CoveredThrough.Before(least.covered) {
				least.covered = state.CoveredThrough
				least.behind = fmt.Sprintf("%s, %s, is covered through %s %v", a.Account, state.State, state.CoveredThrough.Format(time.RFC3339), a.Problems)
			}
			if least.lookedBack.IsZero() || looked.Before(least.lookedBack) {
				least.lookedBack = looked
			}
		}
	}
	return least, nil
}
