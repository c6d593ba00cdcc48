package worker_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/zap"

	"attemptstream/internal/attempt"
	"attemptstream/internal/brokertest"
	"attemptstream/internal/embedded"
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

// Where things are on the virtual network.
const (
	virtualBroker = "127.0.0.1:9092"
	virtualAPI    = "127.0.0.1:80"
	virtualTopic  = "attempts"
)

// transactionTimeout is the workers'.
const transactionTimeout = time.Minute

// A virtualWorld is a broker, a simulated API and workers that come and go, on a network in memory and in virtual time:
// all of it is in one bubble of testing/synctest, where time passes only when everybody waits, so that a day takes some
// seconds. Nothing takes time but what says so, so the API's and Kafka's latencies are given by the test.
type virtualWorld struct {
	*testing.T
	net    *kfake.VirtualNetwork
	sim    *imochasim.Simulator
	layout topics.Layout
	began  time.Time
	// settings of the next worker
	schedule schedule.Settings
	keys     map[attempt.Account]string // by account
	now      func() time.Time           // nil: time.Now
	log      *zap.Logger
	kafka    func(kafka.RoundTripper) kafka.RoundTripper // nil: the transport as it is
	piece    int                                         // bytes that are written ahead; 0: as many as usual
}

// inVirtualTime runs a test in a world of its own, in which nothing has happened yet. Other tests run beside it.
func inVirtualTime(t *testing.T, sim imochasim.Config, test func(w *virtualWorld)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) { inBubble(t, sim, test) })
}

// inBubble runs a test in a world of its own, in the bubble that it is in.
func inBubble(t *testing.T, sim imochasim.Config, test func(w *virtualWorld)) {
	w := &virtualWorld{
		T: t, net: &kfake.VirtualNetwork{}, began: time.Now(), log: brokertest.Logger(t),
		keys: map[attempt.Account]string{account: "key"},
		schedule: schedule.Settings{
			States: attempt.States(), Start: attempt.InstantOf(time.Now()), PollInterval: 30 * time.Second,
			SettleDelay: 30 * time.Second, Lookback: 168 * time.Hour, LookbackInterval: 10 * time.Minute,
			WindowMax: 24 * time.Hour, WindowAttempts: 1000,
		},
	}
	w.startBroker()
	w.startAPI(sim)
	test(w)
}

func (w *virtualWorld) startBroker() {
	w.Helper()
	broker, err := embedded.Start(embedded.Config{Addr: virtualBroker, ListenFn: w.net.Listen})
	if err != nil {
		w.Fatal(err)
	}
	w.Cleanup(func() {
		if err := broker.Close(); err != nil {
			w.Error(err)
		}
	})
	client := w.kafkaClient(nil)
	if w.layout, err = topics.Ensure(w.Context(), client.Kafka(), topics.Config{Topic: virtualTopic, Partitions: 3, ReplicationFactor: 1}); err != nil {
		w.Fatal(err)
	}
	client.Close()
}

func (w *virtualWorld) startAPI(config imochasim.Config) {
	w.Helper()
	var err error
	if w.sim, err = imochasim.New(config); err != nil {
		w.Fatal(err)
	}
	l, err := w.net.Listen("tcp", virtualAPI)
	if err != nil {
		w.Fatal(err)
	}
	server := &http.Server{Handler: w.sim, ReadHeaderTimeout: time.Minute}
	done := make(chan struct{})
	go func() { defer close(done); _ = server.Serve(l) }() // its error is that it was closed
	w.Cleanup(func() {
		_ = server.Close()
		<-done
	})
}

// kafkaClient is a client of the virtual broker. The metadata there never changes, so it is seldom asked for.
func (w *virtualWorld) kafkaClient(wrap func(kafka.RoundTripper) kafka.RoundTripper) *kafkatx.Client {
	ctx, cancel := context.WithCancel(context.Background())
	w.Cleanup(cancel)
	var transport kafka.RoundTripper = &kafka.Transport{Dial: w.net.DialContext, MetadataTTL: time.Hour, IdleTimeout: time.Hour, Context: ctx}
	if wrap != nil {
		transport = wrap(transport)
	}
	return kafkatx.NewClient(kafkatx.Config{Brokers: []string{virtualBroker}, RequestTimeout: 10 * time.Second, RoundTripper: transport})
}

// api is a client of the virtual API.
func (w *virtualWorld) api(name attempt.Account, key string) (client *imocha.Client, stop func()) {
	w.Helper()
	transport := &http.Transport{DialContext: w.net.DialContext, MaxIdleConnsPerHost: 4, IdleConnTimeout: 90 * time.Second}
	client, err := imocha.New(imocha.Config{BaseURL: "http://" + virtualAPI, Account: name, Key: imocha.StaticKey(key),
		RequestTimeout: 30 * time.Second, RateLimit: 5, Concurrency: 4, Transport: transport})
	if err != nil {
		w.Fatal(err)
	}
	return client, transport.CloseIdleConnections
}

// A virtualProcess is a worker that runs.
type virtualProcess struct {
	*worker.Worker
	w      *virtualWorld
	cancel context.CancelFunc
	done   chan error
	once   sync.Once
	close  []func()
}

// start lets a worker run.
func (w *virtualWorld) start(change ...func(*worker.Config)) *virtualProcess {
	w.Helper()
	encoder, err := event.NewEncoder(event.Plain, nil)
	if err != nil {
		w.Fatal(err)
	}
	client := w.kafkaClient(w.kafka)
	p := &virtualProcess{w: w, done: make(chan error, 1), close: []func(){client.Close}}
	// Compressors have channels, which the pools of the libraries on both sides would carry from one bubble to another.
	c := worker.Config{Kafka: client, Topics: w.layout, Events: encoder, Schedule: w.schedule, Concurrency: 4,
		Compression: 0, TransactionTimeout: transactionTimeout, Log: w.log, Now: w.now, ReplayRate: 2.5,
		PieceBytes:      w.piece,
		RequestInterval: time.Minute} // a fetch every two seconds of a day takes long
	for name, key := range w.keys {
		api, stop := w.api(name, key)
		p.close = append(p.close, stop)
		c.Accounts = append(c.Accounts, worker.Account{Name: name, API: api})
	}
	for _, f := range change {
		f(&c)
	}
	p.Worker = worker.New(c)
	ctx, cancel := context.WithCancel(w.Context())
	p.cancel = cancel
	go func() { p.done <- p.Run(ctx) }()
	w.Cleanup(func() { _ = p.end() }) // where a test fails, and nobody else does
	return p
}

// end ends a worker, as SIGTERM does, and answers what it had to say; nothing the second time.
func (p *virtualProcess) end() (err error) {
	p.once.Do(func() {
		p.cancel()
		err = <-p.done
		for _, f := range p.close {
			f()
		}
	})
	return err
}

// stop ends a worker that works.
func (p *virtualProcess) stop() {
	p.w.Helper()
	if err := p.end(); err != nil {
		p.w.Fatalf("the worker failed: %v", err)
	}
}

// runFor lets a worker run for some time.
func (w *virtualWorld) runFor(d time.Duration, change ...func(*worker.Config)) *virtualProcess {
	w.Helper()
	p := w.start(change...)
	time.Sleep(d)
	p.stop()
	return p
}

// settle waits until everybody waits for time to pass.
func (w *virtualWorld) settle() { synctest.Wait() }

// until is how long it is until so much time has passed since the world began.
func (w *virtualWorld) until(d time.Duration) time.Duration { return time.Until(w.began.Add(d)) }

// populate plays lives, of which all that happens does so from the world's beginning to the given time after it.
func (w *virtualWorld) populate(name attempt.Account, lives imochasim.Lives, d time.Duration) {
	w.Helper()
	if err := w.sim.Populate(string(name), lives, w.began, w.began.Add(d)); err != nil {
		w.Fatal(err)
	}
}

// progressOf is where a worker is with an account.
func (p *virtualProcess) progressOf(name attempt.Account) worker.Progress {
	all := p.Progress()
	return all[slices.IndexFunc(all, func(p worker.Progress) bool { return p.Account == name })]
}

// scope is what has been read by a worker that is where p is: late arrivals up to seen.
func (w *virtualWorld) scope(p worker.Progress, seen time.Time) ledger.Scope {
	return ledger.Scope{From: w.schedule.Start.Time(), To: p.Through, Seen: seen}
}

func (w *virtualWorld) observed(name attempt.Account) []ledger.Observed {
	w.Helper()
	return witness.Events(w.T, []string{virtualBroker}, w.layout.Events.Name, name, kgo.Dialer(w.net.DialContext))
}

// problems are the differences between what is in Kafka of an account and what happened in it.
func (w *virtualWorld) problems(name attempt.Account, scope ledger.Scope) (lines []string, events []ledger.Observed) {
	w.Helper()
	expected := w.sim.Expected(string(name), scope)
	if expected.Required() == 0 {
		w.Fatal("nothing had to be told: the test shows nothing")
	}
	events = w.observed(name)
	for _, p := range ledger.Check(expected, events) {
		lines = append(lines, p.String()+w.story(name, p.ID, events))
	}
	letters := witness.Letters(w.T, []string{virtualBroker}, w.layout.DLQ.Name, name, kgo.Dialer(w.net.DialContext))
	for _, p := range ledger.CheckLetters(expected, letters) {
		lines = append(lines, "dead letter: "+p)
	}
	return lines, events
}

// story is what happened to an invitation, and what was told of it.
func (w *virtualWorld) story(name attempt.Account, id int64, events []ledger.Observed) string {
	var b strings.Builder
	for _, e := range w.sim.Ledger(string(name)) {
		if e.ID == id {
			fmt.Fprintf(&b, "\n  it was %s at %s, visible at %s", e.Status, e.At.Format(time.RFC3339Nano), e.Visible.Format(time.RFC3339Nano))
		}
	}
	for _, e := range events {
		if e.ID == id {
			fmt.Fprintf(&b, "\n  told at %d/%d: %s, window %s/%s, late %v", e.Partition, e.Offset, e.EventID,
				e.WindowStart.Format(time.RFC3339), e.WindowEnd.Format(time.RFC3339), e.Late)
		}
	}
	return b.String()
}

// verify wants no difference, and returns the events.
func (w *virtualWorld) verify(name attempt.Account, scope ledger.Scope) []ledger.Observed {
	w.Helper()
	lines, events := w.problems(name, scope)
	if len(lines) > 0 {
		w.Fatalf("%d problems among %d events; the API: %+v\n%s", len(lines), len(events), w.sim.Stats(),
			strings.Join(lines[:min(len(lines), 20)], "\n"))
	}
	return events
}

// quietLives are those of a small company in which everything happens that can, some of it soon after the other.
func quietLives(seed uint64) imochasim.Lives {
	l := imochasim.DefaultLives(seed)
	l.PerDay, l.Speed = 60, 12
	l.BurstsPerDay, l.BurstSize = .3, 30
	l.Quick, l.Late, l.Malformed = .05, 0, .01
	return l
}

// countLate is how many of the events say that they are late.
func countLate(events []ledger.Observed) int {
	n := 0
	for _, e := range events {
		if e.Late {
			n++
		}
	}
	return n
}
