package worker_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"

	"attemptstream/internal/attempt"
	"attemptstream/internal/brokertest"
	"attemptstream/internal/event"
	"attemptstream/internal/imocha"
	"attemptstream/internal/imochasim"
	"attemptstream/internal/imochasim/ledger"
	"attemptstream/internal/kafkatx"
	"attemptstream/internal/schedule"
	"attemptstream/internal/topics"
	"attemptstream/internal/witness"
	"attemptstream/internal/worker"
)

// patience bounds every wait for a worker.
const patience = 3 * time.Minute

const account = attempt.DefaultAccount

// A world is a simulated API and a topic, in which workers come and go.
type world struct {
	t       testing.TB
	brokers []string
	topic   string
	sim     *imochasim.Simulator
	url     string
	// settings of the next worker
	schedule schedule.Settings
	timeout  time.Duration
	key      string
	piece    int // bytes that are written ahead; 0: as many as usual
}

var topicNumber atomic.Int64

// newWorld has an API that behaves as sim says, of which time from start to end is to be read.
func newWorld(t testing.TB, brokers []string, sim imochasim.Config, start, end time.Time) *world {
	t.Helper()
	s, err := imochasim.New(sim)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	t.Cleanup(server.CloseClientConnections)
	return &world{
		t: t, brokers: brokers, sim: s, url: server.URL,
		topic:   fmt.Sprintf("attempts-%d-%d", os.Getpid(), topicNumber.Add(1)),
		timeout: time.Second, key: "key",
		schedule: schedule.Settings{
			States: attempt.States(), Start: attempt.InstantOf(start), Stop: attempt.InstantOf(end),
			PollInterval: time.Second, SettleDelay: 0, WindowMax: 24 * time.Hour, WindowAttempts: 1000,
		},
	}
}

// populate plays lives in the time that is to be read, and a little beyond its ends.
func (w *world) populate(lives imochasim.Lives) {
	w.t.Helper()
	const beyond = 10 * time.Second
	if err := w.sim.Populate(string(account), lives, w.schedule.Start.Time().Add(-beyond), w.schedule.Stop.Time().Add(beyond)); err != nil {
		w.t.Fatal(err)
	}
}

// A process is a worker and what belongs to it alone.
type process struct {
	*worker.Worker
	kafka *kafkatx.Client
}

// start makes a worker; change may alter its configuration, and transport carries its requests to Kafka unless it is nil.
func (w *world) worker(transport kafka.RoundTripper, change ...func(*worker.Config)) *process {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), patience)
	defer cancel()
	admin := kafkatx.NewClient(kafkatx.Config{Brokers: w.brokers})
	defer admin.Close()
	layout, err := topics.Ensure(ctx, admin.Kafka(), topics.Config{Topic: w.topic, Partitions: 3, ReplicationFactor: 1})
	if err != nil {
		w.t.Fatal(err)
	}
	client := kafkatx.NewClient(kafkatx.Config{Brokers: w.brokers, RequestTimeout: 5 * time.Second, RoundTripper: transport,
		MetadataTopics: []string{layout.Events.Name, layout.State.Name, layout.DLQ.Name}})
	w.t.Cleanup(client.Close)
	api, err := imocha.New(imocha.Config{BaseURL: w.url, Account: account, Key: imocha.StaticKey(w.key), RequestTimeout: w.timeout,
		RateLimit: 1e6, Concurrency: 8})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(api.Close)
	encoder, err := event.NewEncoder(event.Plain, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	c := worker.Config{
		Accounts: []worker.Account{{Name: account, API: api}}, Kafka: client, Topics: layout, Events: encoder,
		Schedule: w.schedule, Concurrency: 8, Compression: kafka.Zstd, TransactionTimeout: 20 * time.Second, Log: brokertest.Logger(w.t),
		PieceBytes: w.piece,
	}
	for _, f := range change {
		f(&c)
	}
	return &process{worker.New(c), client}
}

// read runs a worker until it has read everything.
func (w *world) read(change ...func(*worker.Config)) *process {
	w.t.Helper()
	p := w.worker(nil, change...)
	ctx, cancel := context.WithTimeout(w.t.Context(), patience)
	defer cancel()
	if err := p.Run(ctx); err != nil {
		w.t.Fatalf("the worker failed: %v; the API: %+v", err, w.sim.Stats())
	}
	if ctx.Err() != nil {
		w.t.Fatalf("the worker has not caught up within %s: %+v; the API: %+v", patience, p.Progress(), w.sim.Stats())
	}
	return p
}

// scope is what has been read when a worker has caught up.
func (w *world) scope() ledger.Scope {
	return ledger.Scope{From: w.schedule.Start.Time(), To: w.schedule.Stop.Time(), Seen: time.Now()}
}

// verify compares what is in Kafka with what happened.
func (w *world) verify(scope ledger.Scope) {
	w.t.Helper()
	w.verifyEvents(scope, w.events())
}

func (w *world) events() []ledger.Observed {
	w.t.Helper()
	return witness.Events(w.t, w.brokers, w.topic, account)
}

func (w *world) verifyEvents(scope ledger.Scope, observed []ledger.Observed) {
	w.t.Helper()
	expected := w.sim.Expected(string(account), scope)
	if expected.Required() == 0 {
		w.t.Fatal("nothing had to be told: the test shows nothing")
	}
	var lines []string
	problems := ledger.Check(expected, observed)
	for _, p := range problems {
		lines = append(lines, p.String())
	}
	for _, p := range ledger.CheckLetters(expected, witness.Letters(w.t, w.brokers, topics.DLQTopic(w.topic), account)) {
		lines = append(lines, "dead letter: "+p)
	}
	if len(lines) > 0 {
		w.t.Fatalf("%d problems among %d events, %d of them required:\n%s", len(lines), len(observed), expected.Required(),
			strings.Join(lines[:min(len(lines), 20)], "\n"))
	}
}
