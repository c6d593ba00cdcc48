//go:build unix

package chaos_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"attemptstream/internal/attempt"
	"attemptstream/internal/imochasim"
	"attemptstream/internal/imochasim/ledger"
	"attemptstream/internal/program"
)

// A simulated API is what startSimulation is asked for. What is zero does not happen, or is not limited.
type simulated struct {
	Seed     uint64
	Accounts []attempt.Account // none: default
	// Lives go from Since until Until; Until has to be set. A worker that is to be judged begins to read at Since.
	Since, Until time.Time
	Speed        float64 // 0: 1
	PerDay       float64 // invitations a day at speed 1, in each account
	Bursts       float64 // a day at speed 1, in each account; 150 invitations each
	// Shares of lives or changes.
	ComeBacks, Quick, FarIDs, Malformed, Late float64
	LateBy                                    time.Duration // real time, whatever the speed
	// Answers.
	Boundary   imochasim.Boundary
	Cap        int
	Duplicates float64
	Latency    time.Duration // the least; it may take twice as long
	RateLimit  float64
	Faults     float64 // share of requests that fail
	// HangFor and RetryAfter of requests that fail; 0: 5 s and 1 s.
	HangFor, RetryAfter time.Duration
}

// A simulation is the simulated API as a process that does as it was asked for.
type simulation struct {
	*program.Simulation
	simulated
	keys map[attempt.Account]string
}

// startSimulation starts the API and waits until it answers. It ends with the test.
func startSimulation(t testing.TB, s simulated) *simulation {
	t.Helper()
	if s.Since.IsZero() || !s.Until.After(s.Since) {
		t.Fatalf("the lives of the simulated API go from %v to %v: want a time that has an end", s.Since, s.Until)
	}
	s.Since, s.Until = s.Since.Truncate(time.Second).UTC(), s.Until.Truncate(time.Second).UTC()
	if len(s.Accounts) == 0 {
		s.Accounts = []attempt.Account{account}
	}
	if s.Speed == 0 {
		s.Speed = 1
	}
	if s.HangFor == 0 {
		s.HangFor = 5 * time.Second
	}
	if s.RetryAfter == 0 {
		s.RetryAfter = time.Second
	}
	sim := &simulation{simulated: s, keys: map[attempt.Account]string{}}
	var keys []string
	for _, name := range s.Accounts {
		sim.keys[name] = apiKey + "-" + string(name)
		keys = append(keys, string(name)+"="+sim.keys[name])
	}
	number := func(f float64) string { return strconv.FormatFloat(f, 'g', -1, 64) }
	args := []string{"--addr", "127.0.0.1:0", "--keys", strings.Join(keys, ","), "--seed", strconv.FormatUint(s.Seed, 10),
		"--since", s.Since.Format(time.RFC3339), "--until", s.Until.Format(time.RFC3339),
		"--speed", number(s.Speed), "--per-day", number(s.PerDay), "--bursts", number(s.Bursts),
		"--come-backs", number(s.ComeBacks), "--quick", number(s.Quick), "--far-ids", number(s.FarIDs), "--malformed", number(s.Malformed),
		"--late", number(s.Late), "--late-by", time.Duration(s.Speed * float64(s.LateBy)).String(),
		"--boundary", s.Boundary.String(), "--cap", strconv.Itoa(s.Cap), "--duplicates", number(s.Duplicates),
		"--latency", s.Latency.String(), "--jitter", s.Latency.String(), "--rate-limit", number(s.RateLimit),
		"--faults", number(s.Faults), "--hang-for", s.HangFor.String(), "--retry-after", s.RetryAfter.String()}
	sim.Simulation = program.Simulate(t, program.Command(t), patience, args...)
	return sim
}

// Keys are the accounts' API keys.
func (s *simulation) Keys() map[attempt.Account]string { return s.keys }

// Freeze lets the process stand still: connections are taken, and nothing is answered.
func (s *simulation) Freeze() { s.Signal(syscall.SIGSTOP) }

// Thaw lets it go on.
func (s *simulation) Thaw() { s.Signal(syscall.SIGCONT) }

// Shown is when everything that happens is shown.
func (s *simulation) Shown() time.Time {
	if s.Late == 0 {
		return s.Until
	}
	return s.Until.Add(s.LateBy + time.Second)
}

// SetFaults lets this share of requests fail from now on: in these ways, or in all that pass where none is named.
func (s *simulation) SetFaults(share float64, kinds ...imochasim.FaultKind) {
	q := url.Values{"share": {strconv.FormatFloat(share, 'g', -1, 64)}}
	for _, k := range kinds {
		q.Add("kind", string(k))
	}
	s.Ask(http.MethodPut, "/faults?"+q.Encode(), http.StatusNoContent, nil)
}

// Answers are how many requests the API has had, by what became of them.
type answers struct {
	Requests map[string]int64 // by outcome: see imochasim.Stats
	Faults   map[imochasim.FaultKind]int64
	All      int64
	Failed   int64 // of all, by faults
}

// Stats are the answers so far.
func (s *simulation) Stats() answers {
	var stats imochasim.Stats
	s.Ask(http.MethodGet, "/stats", http.StatusOK, func(body io.Reader) error { return json.NewDecoder(body).Decode(&stats) })
	a := answers{Requests: stats.Requests, Faults: map[imochasim.FaultKind]int64{}}
	for outcome, n := range stats.Requests {
		a.All += n
		if kind, fault := strings.CutPrefix(outcome, "fault: "); fault {
			a.Faults[imochasim.FaultKind(kind)] += n
			a.Failed += n
		}
	}
	return a
}

// String is the answers in a line.
func (a answers) String() string {
	var parts []string
	for kind, n := range a.Faults {
		parts = append(parts, fmt.Sprintf("%s %d", kind, n))
	}
	slices.Sort(parts)
	return fmt.Sprintf("%d of %d requests failed (%s)", a.Failed, a.All, strings.Join(parts, ", "))
}

// The process does what it was asked for, fails while it is told to, stands still and goes on.
func TestSimulation(t *testing.T) {
	t.Parallel()
	now := time.Now()
	s := startSimulation(t, simulated{Seed: 3, Accounts: []attempt.Account{"emea", "apac"}, Since: now.Add(-time.Minute), Until: now.Add(-2 * time.Second),
		Speed: 1440, PerDay: 300, Late: .1, LateBy: time.Second, Malformed: .1, FarIDs: .1, ComeBacks: .3, Quick: .1})
	classes := map[ledger.Class]int{}
	far, late := 0, 0
	for _, name := range s.Accounts {
		for _, e := range s.Ledger(name) {
			classes[e.Class]++
			if e.ID > 1<<40 && e.Class == ledger.Event {
				far++
			}
			if e.Visible.After(e.At) {
				late++
			}
			if e.Account != name || !e.At.Before(s.Until) || e.At.Before(s.Since) || e.Visible.After(s.Shown()) {
				t.Fatalf("in the ledger of %s: %+v", name, e)
			}
		}
	}
	if classes[ledger.Event] < 100 || classes[ledger.Letter] == 0 || far == 0 || late == 0 {
		t.Errorf("%v, %d far ids, %d late", classes, far, late)
	}
	ask := func() (status int) {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL+imochasim.Path+"?state=expired",
			strings.NewReader(`{"StartDateTime":"2026-01-01T00:00:00Z","EndDateTime":"2026-01-02T00:00:00Z"}`))
		if err != nil {
			t.Error(err)
			return 0
		}
		r.Header.Set("X-API-KEY", s.Keys()["apac"])
		r.Header.Set("Content-Type", "application/json")
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Error(err)
			return 0
		}
		defer res.Body.Close()
		return res.StatusCode
	}
	s.SetFaults(1, imochasim.BadGateway)
	if got := ask(); got != http.StatusBadGateway {
		t.Errorf("with faults it answers %d", got)
	}
	s.SetFaults(0)
	s.Freeze()
	answered, asked := make(chan int, 1), 0
	eventually(t, "a process that stands still does not answer", func() bool { // the signal takes a moment to reach all threads
		asked++
		go func() { answered <- ask() }()
		select {
		case <-answered:
			return false
		case <-time.After(100 * time.Millisecond):
			return true
		}
	}, s.Tail)
	s.Thaw()
	if got := <-answered; got != http.StatusOK {
		t.Errorf("it answers %d", got)
	}
	if a := s.Stats(); a.Faults[imochasim.BadGateway] != 1 || a.Failed != 1 || a.All != int64(1+asked) {
		t.Errorf("stats: %+v", a)
	}
}
