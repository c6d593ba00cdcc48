package stage

import (
	"context"
	"fmt"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"attemptstream/internal/attempt"
	"attemptstream/internal/imochasim"
	"attemptstream/internal/program"
)

// Patience bounds every wait.
const Patience = 2 * time.Minute

// StopTime is how long the end after SIGTERM may take.
const StopTime = 15 * time.Second

// A Stage is a simulated API and topics, in which processes come and go.
type Stage struct {
	Brokers  []string
	Topic    string            // of the events
	Accounts []attempt.Account // in each of them things happen
	Sim      *imochasim.Simulator
	Set      map[string]string // settings of the next process
	Admin    *kadm.Client
	Gaps     bool // states may have been read apart from each other, so what is told may be late

	t     testing.TB
	from  time.Time
	heard *consumer
	ended context.CancelFunc // nothing more happens
}

// stages counts, for the names of topics.
var stages atomic.Int64

// New is a stage with so many accounts. Some events a second happen in each, from a minute ago on.
func New(t testing.TB, brokers []string, accounts int) *Stage {
	t.Helper()
	s := &Stage{t: t, Brokers: brokers, from: time.Now().Add(-time.Minute).Truncate(time.Second),
		Topic: fmt.Sprintf("stage-%d-%d", os.Getpid(), stages.Add(1))}
	var names []string
	keys := map[string]string{}
	for n := range accounts {
		name := fmt.Sprintf("customer-%d", n+1)
		names, s.Accounts = append(names, name), append(s.Accounts, attempt.Account(name))
		keys[key(name)] = name
	}
	var err error
	if s.Sim, err = imochasim.New(imochasim.Config{Keys: keys, Boundary: imochasim.ExclusiveStart, Seed: 9}); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(s.Sim)
	t.Cleanup(server.Close)
	t.Cleanup(server.CloseClientConnections)
	client, err := kgo.NewClient(kgo.SeedBrokers(brokers...), kgo.MetadataMinAge(10*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	s.Admin = kadm.NewClient(client)
	s.Set = map[string]string{
		"KAFKA_BROKERS":        strings.Join(brokers, ","),
		"KAFKA_TOPIC":          s.Topic,
		"KAFKA_PARTITIONS":     "3",
		"IMOCHA_BASE_URL":      server.URL,
		"IMOCHA_ACCOUNTS_FILE": program.AccountsFile(t, names, key),
		"IMOCHA_RATE_LIMIT":    "1000",
		"STREAM_START_AT":      s.from.Format(time.RFC3339),
		"STREAM_POLL_INTERVAL": "1s",
		"STREAM_SETTLE_DELAY":  "1s",
		"STREAM_LOOKBACK":      "0",
		"ADMIN_ADDR":           "",
	}
	s.happen()
	s.heard = listen(t, brokers, s.Topic)
	return s
}

// happen lets things happen in all accounts until the end of the test, or Verify.
func (s *Stage) happen() {
	ctx, cancel := context.WithCancel(context.Background())
	s.ended = cancel
	done := make(chan error, len(s.Accounts))
	for n, name := range s.Accounts {
		lives := imochasim.DefaultLives(uint64(n + 1))
		lives.PerDay, lives.Speed = 300, 1500 // a day in a minute
		lives.BurstsPerDay, lives.Late, lives.Quick, lives.Malformed = 0, 0, 0, .01
		ready := make(chan struct{})
		go func() { done <- s.Sim.Run(ctx, string(name), lives, s.from, func() { close(ready) }) }()
		<-ready
	}
	s.t.Cleanup(func() {
		cancel()
		for range s.Accounts {
			if err := <-done; err != nil {
				s.t.Error(err)
			}
		}
	})
}

func key(account string) string { return "key-of-" + account }

// Group is the consumer group by which the workers share the accounts.
func (s *Stage) Group() string { return s.Topic + ".attemptstream" }

// Start starts the command with the settings as they are and nothing else.
func (s *Stage) Start(args ...string) *program.Process {
	s.t.Helper()
	return program.Start(s.t, program.Command(s.t), append(program.Environment(s.Set), "HOME="+s.t.TempDir()), args...)
}

// Stop ends workers in order, one after the other.
func Stop(workers ...*program.Process) {
	for _, w := range workers {
		w.Signal(syscall.SIGTERM)
		w.Wait(0, StopTime)
	}
}
