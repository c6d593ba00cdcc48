package metrics_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/zap"

	"attemptstream/internal/attempt"
	"attemptstream/internal/embedded"
	"attemptstream/internal/event"
	"attemptstream/internal/imocha"
	"attemptstream/internal/imochasim"
	"attemptstream/internal/kafkatx"
	"attemptstream/internal/metrics"
	"attemptstream/internal/schedule"
	"attemptstream/internal/topics"
	"attemptstream/internal/worker"
)

const (
	brokerAddr = "127.0.0.1:9092"
	apiAddr    = "127.0.0.1:80"
	topic      = "attempts"
	account    = attempt.DefaultAccount
)

// A world is a broker, a simulated API and workers, on a network in memory and in virtual time.
type world struct {
	*testing.T
	net      *kfake.VirtualNetwork
	sim      *imochasim.Simulator
	layout   topics.Layout
	began    time.Time
	schedule schedule.Settings
}

// inVirtualTime runs a test in a world of its own.
func inVirtualTime(t *testing.T, sim imochasim.Config, test func(w *world)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := &world{T: t, net: &kfake.VirtualNetwork{}, began: time.Now(), schedule: schedule.Settings{
			States: attempt.States(), Start: attempt.InstantOf(time.Now()), PollInterval: 5 * time.Minute, SettleDelay: 30 * time.Second,
			Lookback: 4 * time.Hour, LookbackInterval: 10 * time.Minute, WindowMax: 24 * time.Hour, WindowAttempts: 1000,
		}}
		broker, err := embedded.Start(embedded.Config{Addr: brokerAddr, ListenFn: w.net.Listen})
		w.must(err)
		w.Cleanup(func() { w.check(broker.Close()) })
		client, _ := w.kafka()
		w.layout, err = topics.Ensure(w.Context(), client.Kafka(), topics.Config{Topic: topic, Partitions: 3, ReplicationFactor: 1})
		w.must(err)
		client.Close()
		w.sim, err = imochasim.New(sim)
		w.must(err)
		l, err := w.net.Listen("tcp", apiAddr)
		w.must(err)
		server := &http.Server{Handler: w.sim, ReadHeaderTimeout: time.Minute}
		done := make(chan struct{})
		go func() { defer close(done); _ = server.Serve(l) }() // its error is that it was closed
		w.Cleanup(func() { _ = server.Close(); <-done })
		test(w)
	})
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func (w *world) check(err error) {
	w.Helper()
	if err != nil {
		w.Error(err)
	}
}

// kafka is a client of the broker, and what ends its connections.
func (w *world) kafka() (*kafkatx.Client, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.Background())
	w.Cleanup(cancel)
	return kafkatx.NewClient(kafkatx.Config{Brokers: []string{brokerAddr}, RequestTimeout: 10 * time.Second,
		RoundTripper: &kafka.Transport{Dial: w.net.DialContext, MetadataTTL: time.Hour, IdleTimeout: time.Hour, Context: ctx}}), cancel
}

// dialer leads the witness into the world.
func (w *world) dialer() kgo.Opt { return kgo.Dialer(w.net.DialContext) }

// A process is a worker with metrics of its own.
type process struct {
	*worker.Worker
	*metrics.Set
	w        *world
	registry *prometheus.Registry
	kafka    *kafkatx.Client
	cancel   context.CancelFunc
	done     chan error
	end      func() error
}

// start lets a worker run.
func (w *world) start() *process {
	w.Helper()
	p := &process{w: w, registry: prometheus.NewRegistry(), done: make(chan error, 1)}
	var err error
	p.Set, err = metrics.New(metrics.Config{
		Build:    metrics.Build{Version: "1.2.3", Revision: "abc", GoVersion: "go1"},
		Accounts: []attempt.Account{account}, Schedule: w.schedule, Ready: owned,
	}, p.registry)
	w.must(err)
	encoder, err := event.NewEncoder(event.Plain, nil)
	w.must(err)
	transport := &http.Transport{DialContext: w.net.DialContext, MaxIdleConnsPerHost: 4, IdleConnTimeout: 90 * time.Second}
	api, err := imocha.New(imocha.Config{BaseURL: "http://" + apiAddr, Account: account, Key: imocha.StaticKey("key"),
		RequestTimeout: 30 * time.Second, RateLimit: 5, Concurrency: 4, Transport: transport, Waited: p.Waited(account)})
	w.must(err)
	p.kafka, _ = w.kafka()
	// Compressors have channels, which the pools of the libraries on both sides would carry from one bubble to another.
	p.Worker = worker.New(worker.Config{Accounts: []worker.Account{{Name: account, API: api}}, Kafka: p.kafka, Topics: w.layout,
		Events: encoder, Schedule: w.schedule, Concurrency: 4, TransactionTimeout: time.Minute, Log: zap.NewNop(), Meter: p.Set})
	w.must(p.Watch(p.Progress))
	ctx, cancel := context.WithCancel(w.Context())
	go func() { p.done <- p.Run(ctx) }()
	p.cancel = cancel
	p.end = sync.OnceValue(func() error {
		cancel()
		err := <-p.done
		p.kafka.Close()
		transport.CloseIdleConnections()
		return err
	})
	w.Cleanup(func() { _ = p.end() })
	return p
}

// owned is a simple readiness.
func owned(p worker.Progress, _ time.Time) (bool, string) {
	return p.Owned && p.Problem == "", p.Problem
}

// families are the metrics of a scrape, by name.
type families map[string]*dto.MetricFamily

// scrape is what Prometheus gets. It must be there at once.
func (p *process) scrape() (string, families) {
	p.w.Helper()
	began := time.Now()
	answer := httptest.NewRecorder()
	p.Handler(zap.NewNop()).ServeHTTP(answer, httptest.NewRequestWithContext(p.w.Context(), http.MethodGet, "/metrics", nil))
	if took := time.Since(began); answer.Code != http.StatusOK || took != 0 {
		p.w.Fatalf("the scrape was answered with %d after %s", answer.Code, took)
	}
	text := answer.Body.String()
	return text, parse(p.w.T, text)
}

func parse(t testing.TB, text string) families {
	t.Helper()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	all, err := parser.TextToMetricFamilies(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// labels are pairs of name and value.
func is(m *dto.Metric, labels []string) bool {
	for i := 0; i < len(labels); i += 2 {
		if !slices.ContainsFunc(m.Label, func(l *dto.LabelPair) bool { return l.GetName() == labels[i] && l.GetValue() == labels[i+1] }) {
			return false
		}
	}
	return true
}

// series are those of a metric that have the labels.
func (f families) series(name string, labels ...string) (out []*dto.Metric) {
	family := f["attemptstream_"+name]
	if family == nil {
		return nil
	}
	for _, m := range family.Metric {
		if is(m, labels) {
			out = append(out, m)
		}
	}
	return out
}

// sum is that of all series of a counter or gauge that have the labels; there must be some.
func (f families) sum(t testing.TB, name string, labels ...string) (sum float64) {
	t.Helper()
	all := f.series(name, labels...)
	if len(all) == 0 {
		t.Fatalf("there is no attemptstream_%s with %q", name, labels)
	}
	for _, m := range all {
		sum += m.GetCounter().GetValue() + m.GetGauge().GetValue()
	}
	return sum
}
