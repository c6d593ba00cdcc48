//go:build unix

package chaos_test

import (
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"attemptstream/internal/attempt"
	"attemptstream/internal/imochasim"
	"attemptstream/internal/imochasim/ledger"
	"attemptstream/internal/kafkatest"
	"attemptstream/internal/program"
	"attemptstream/internal/witness"
)

const (
	account = attempt.DefaultAccount
	apiKey  = "a-key-that-is-not-to-be-shown"

	// patience bounds every wait.
	patience = 3 * time.Minute

	// stopTime is how long the end after SIGTERM may take.
	stopTime = 10 * time.Second
)

// day is when the lives begin; everything in them lies back.
var day = time.Date(2026, 3, 20, 6, 0, 0, 0, time.UTC)

// A world is a simulated API and topics, in which processes come and go.
type world struct {
	t       testing.TB
	brokers []string
	topic   string
	sim     *imochasim.Simulator
	api     *api
	url     string
	set     map[string]string // settings of the next process
	from    time.Time
	to      time.Time
	kafka   *kadm.Client
	client  *kgo.Client
	started int // processes
	running []*process
}

var worlds atomic.Int64

// newWorld has an API in which lives are lived for some time, with failing requests, so slow that reading it takes
// a while.
func newWorld(t testing.TB, brokers []string, sim imochasim.Config, lives imochasim.Lives, span time.Duration) *world {
	t.Helper()
	s, err := imochasim.New(sim)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{
		t: t, brokers: brokers, sim: s, api: newAPI(s), from: day, to: day.Add(span),
		topic: fmt.Sprintf("attempts-%d-%d", os.Getpid(), worlds.Add(1)),
	}
	if err := s.Populate(string(account), lives, w.from, w.to); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(w.api)
	t.Cleanup(server.Close)
	t.Cleanup(server.CloseClientConnections)
	w.url = server.URL
	client, err := kgo.NewClient(kgo.SeedBrokers(brokers...), kgo.MetadataMinAge(10*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	w.kafka, w.client = kadm.NewClient(client), client
	w.set = map[string]string{
		"KAFKA_BROKERS":            strings.Join(brokers, ","),
		"KAFKA_TOPIC":              w.topic,
		"KAFKA_PARTITIONS":         "3",
		"KAFKA_REPLICATION_FACTOR": "1",
		"IMOCHA_BASE_URL":          w.url,
		"IMOCHA_API_KEY":           apiKey,
		"IMOCHA_RATE_LIMIT":        "1000",
		"IMOCHA_CONCURRENCY":       "4",
		"IMOCHA_REQUEST_TIMEOUT":   "1s",
		"STREAM_START_AT":          w.from.Format(time.RFC3339),
		"STREAM_SETTLE_DELAY":      "0s",
		"STREAM_WINDOW_ATTEMPTS":   "200",
		"STREAM_WINDOW_MAX":        "8760h", // the months since the lives are empty
		"ADMIN_ADDR":               "",
	}
	return w
}

// lives are those of a busy company in which much goes wrong. In six hours it has about two and a half events per
// invitation that it sends in a day.
func lives(seed uint64, perDay float64) imochasim.Lives {
	l := imochasim.DefaultLives(seed)
	l.PerDay, l.Speed = perDay, 12
	l.BurstsPerDay, l.BurstSize = 10, 40
	l.ComeBacks, l.Quick, l.Late, l.Malformed, l.FarIDs = .3, .0005, 0, .01, .05
	return l
}

// failing is an API of which one request in ten fails, in every way in which it may be asked again.
func failing(seed uint64, latency time.Duration) imochasim.Config {
	faults := imochasim.PassingFaults(.1)
	faults.RetryAfter, faults.HangFor = time.Second, 5*time.Second
	return imochasim.Config{Faults: faults, Seed: seed, Duplicates: .01,
		Boundary: imochasim.Boundaries()[seed%4], Latency: imochasim.Latency{Fixed: latency / 2, Random: latency}}
}

// restartable is a Kafka of the test's own, whose broker is soon given up when it is dead: only then does a new one get its
// place.
func restartable(t testing.TB) *kafkatest.Cluster {
	return kafkatest.Start(t, kafkatest.Config("broker.session.timeout.ms", "2000"), kafkatest.Config("broker.heartbeat.interval.ms", "500"))
}

// environment has nothing of this process's settings in it.
func (w *world) environment() []string {
	return append(program.Environment(w.set), "PATH="+os.Getenv("PATH"), "HOME="+filepath.Dir(w.t.TempDir()))
}

// finish lets one more process read to the end, and a second one find that there is nothing left to tell.
func (w *world) finish() {
	w.t.Helper()
	w.api.slow(0)
	before, _ := w.ends()
	w.start("run", "--once").wait(0, patience)
	between, _ := w.ends()
	if between.events == before.events {
		w.t.Errorf("the last process had nothing to tell: everything was over before the last harm was done")
	}
	w.idle()
}

// idle lets a process find that there is nothing to tell.
func (w *world) idle() {
	w.t.Helper()
	before, _ := w.ends()
	w.start("run", "--once").wait(0, patience)
	if after, _ := w.ends(); after.events != before.events || after.letters != before.letters {
		w.t.Errorf("a process that had nothing to tell wrote something: %+v, and before %+v", after, before)
	}
}

// verify compares what is in Kafka, after what was read before, with what happened. It returns how many events there had
// to be, and how many there are.
func (w *world) verify(before ...ledger.Observed) (required, found int) {
	w.t.Helper()
	expected := w.sim.Expected(string(account), ledger.Scope{From: w.from, To: w.to, Seen: time.Now()})
	required = expected.Required()
	if required == 0 {
		w.t.Fatal("nothing had to be told: the test shows nothing")
	}
	observed := append(before, witness.Events(w.t, w.brokers, w.topic, account)...)
	var lines []string
	for _, p := range ledger.Check(expected, observed) {
		lines = append(lines, p.String())
	}
	for _, p := range ledger.CheckLetters(expected, witness.Letters(w.t, w.brokers, w.topic+".dlq", account)) {
		lines = append(lines, "dead letter: "+p)
	}
	if len(lines) > 0 {
		w.t.Errorf("%d problems among %d events, %d of them required:\n%s", len(lines), len(observed), required,
			strings.Join(lines[:min(len(lines), 20)], "\n"))
	}
	return required, len(observed)
}

// failed is how many requests went wrong, and how many there were.
func (w *world) failed() (failed, all int64) {
	for outcome, n := range w.sim.Stats().Requests {
		all += n
		if strings.HasPrefix(outcome, "fault: ") {
			failed += n
		}
	}
	return failed, all
}
