package admin_test

import (
	"cmp"
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest"

	"attemptstream/internal/admin"
	"attemptstream/internal/attempt"
	"attemptstream/internal/embedded"
	"attemptstream/internal/event"
	"attemptstream/internal/imocha"
	"attemptstream/internal/imochasim"
	"attemptstream/internal/kafkatx"
	"attemptstream/internal/operate/groups"
	"attemptstream/internal/schedule"
	"attemptstream/internal/topics"
	"attemptstream/internal/worker"
)

// A world is a worker that reads a simulated API, on a broker in memory, and what shows it.
type world struct {
	t      testing.TB
	sim    *imochasim.Simulator
	broker string
	worker *worker.Worker
	server *admin.Server
	site   *httptest.Server
	url    string      // of the page
	api    string      // of the simulated iMocha
	away   atomic.Bool // the page is not served
	lag    atomic.Pointer[groups.Report]
	kafka  *kafkatx.Client
	layout topics.Layout
}

// A setting is what worlds differ by.
type setting struct {
	past     time.Duration // how much of it is read
	lives    imochasim.Lives
	gaps     []gap    // the oldest first, each in a time of its own
	accounts []string // nil: one, named default
	refused  []string // of them, those whose keys the API does not take
	lookback time.Duration
	widest   time.Duration // window; 0: an hour
}

// A gap is time of one state that the API never shows.
type gap struct {
	account string
	state   attempt.State
	from    time.Time
	seconds int
}

// newWorld starts a worker. Its API and its broker end with the test.
func newWorld(t testing.TB, s setting) *world {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	w := &world{t: t}
	b, err := embedded.Start(embedded.Config{Addr: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	w.broker = b.Addr()
	if s.accounts == nil {
		s.accounts = []string{string(attempt.DefaultAccount)}
	}
	keys := map[string]string{}
	for _, a := range s.accounts {
		keys["key-"+a] = a
	}
	for _, a := range s.refused {
		delete(keys, "key-"+a)
	}
	now := time.Now().Truncate(time.Second)
	var faults imochasim.Faults
	for _, g := range s.gaps {
		for i := range g.seconds {
			faults.Poisoned = append(faults.Poisoned, imochasim.Poisoned{Account: g.account, State: g.state,
				Second: attempt.InstantOf(g.from).Add(time.Duration(i) * time.Second)})
		}
	}
	if w.sim, err = imochasim.New(imochasim.Config{Keys: keys, Seed: 1, Faults: faults}); err != nil {
		t.Fatal(err)
	}
	for _, a := range s.accounts {
		ready := make(chan struct{})
		running.Go(func() {
			if err := w.sim.Run(ctx, a, s.lives, now.Add(-s.past-time.Minute), sync.OnceFunc(func() { close(ready) })); err != nil {
				t.Error(err)
			}
		})
		<-ready
	}
	api := httptest.NewServer(w.sim)
	t.Cleanup(api.Close)
	t.Cleanup(api.CloseClientConnections)

	setup := kafkatx.NewClient(kafkatx.Config{Brokers: []string{w.broker}})
	defer setup.Close()
	w.layout, err = topics.Ensure(ctx, setup.Kafka(), topics.Config{Topic: "test-attempts", Partitions: 6, ReplicationFactor: 1})
	if err != nil {
		t.Fatal(err)
	}
	w.kafka = kafkatx.NewClient(kafkatx.Config{Brokers: []string{w.broker}, MetadataTopics: w.layout.Names()})
	t.Cleanup(w.kafka.Close)
	encoder, err := event.NewEncoder(event.Plain, nil)
	if err != nil {
		t.Fatal(err)
	}
	log := logger(t)
	c := worker.Config{
		Kafka: w.kafka, Topics: w.layout, Events: encoder, Concurrency: 4, Compression: kafka.Zstd, Log: log,
		Schedule: schedule.Settings{States: attempt.States(), Start: attempt.InstantOf(now.Add(-s.past)), PollInterval: time.Second,
			SettleDelay: 2 * time.Second, WindowMax: cmp.Or(s.widest, time.Hour), WindowAttempts: 1000, Lookback: s.lookback, LookbackInterval: time.Second},
	}
	for _, a := range s.accounts {
		client, err := imocha.New(imocha.Config{BaseURL: api.URL, Account: attempt.Account(a), Key: imocha.StaticKey("key-" + a),
			RequestTimeout: time.Second, RateLimit: 1000, Concurrency: 4})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(client.Close)
		c.Accounts = append(c.Accounts, worker.Account{Name: attempt.Account(a), API: client})
	}
	// A worker takes its time to find out that it is a single second that fails, the more the wider its windows are.
	until := func(stop time.Time, widest time.Duration) {
		some := c
		some.Schedule.Stop, some.Schedule.WindowMax = attempt.InstantOf(stop), widest
		if err := worker.New(some).Run(ctx); err != nil {
			t.Fatal(err)
		}
	}
	for _, g := range s.gaps {
		until(g.from.Add(-5*time.Second), c.Schedule.WindowMax)
		until(g.from.Add(time.Duration(g.seconds+5)*time.Second), 2*time.Second)
	}
	w.worker = worker.New(c)
	w.server = admin.New(admin.Config{
		Version: "1.0.0", Topic: "test-attempts", Progress: w.worker.Progress, Lookback: s.lookback,
		Settings: admin.Settings{PollInterval: time.Second, SettleDelay: 2 * time.Second, RequestTimeout: time.Second},
		Groups:   w.lag.Load,
	})
	t.Cleanup(func() { // before what they use is closed
		cancel()
		running.Wait()
	})
	running.Go(func() {
		if err := w.worker.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	running.Go(func() { w.server.Run(ctx) })
	w.site = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if w.away.Load() {
			panic(http.ErrAbortHandler)
		}
		w.server.ServeHTTP(rw, r)
	}))
	t.Cleanup(w.site.Close)
	t.Cleanup(w.site.CloseClientConnections)
	w.url, w.api = w.site.URL, api.URL
	return w
}

func logger(t testing.TB) *zap.Logger {
	if os.Getenv("ATTEMPTSTREAM_TEST_LOG") == "" {
		return zap.NewNop()
	}
	return zaptest.NewLogger(t)
}

// consume lets a consumer group read so many events and commit, and go on until the test ends if it is to stay.
func (w *world) consume(group string, events int, stay bool) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	c, err := kgo.NewClient(kgo.SeedBrokers(w.broker), kgo.ConsumerGroup(group), kgo.ConsumeTopics(w.layout.Events.Name),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.DisableAutoCommit())
	if err != nil {
		w.t.Fatal(err)
	}
	for n := 0; n < events; {
		fetches := c.PollRecords(ctx, events-n)
		if err := fetches.Err(); err != nil {
			w.t.Fatal(err)
		}
		n += fetches.NumRecords()
	}
	if err := c.CommitUncommittedOffsets(ctx); err != nil {
		w.t.Fatal(err)
	}
	if !stay {
		c.Close()
		return
	}
	on, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for on.Err() == nil {
			c.PollRecords(on, 100)
			_ = c.CommitUncommittedOffsets(on) // what fails at the end is of no use
		}
	}()
	w.t.Cleanup(func() {
		stop()
		<-done
		c.Close()
	})
}

// askForLag asks Kafka how far the groups are behind, as run does in the background.
func (w *world) askForLag() {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	report, err := groups.Lag(ctx, w.kafka, w.layout.Events.Name, groups.Options{})
	if err != nil {
		w.t.Fatal(err)
	}
	w.lag.Store(report)
}

// lively is a company that lives a day in minutes.
func lively() imochasim.Lives {
	l := imochasim.DefaultLives(7)
	l.PerDay, l.Speed = 3000, 100
	return l
}

func noFaults() imochasim.Faults { return imochasim.Faults{} }
