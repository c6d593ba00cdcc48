package metrics_test

import (
	"fmt"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/segmentio/kafka-go"
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

// BenchmarkMeter is what is measured of one window: a request for each state, the transaction and what it held.
func BenchmarkMeter(b *testing.B) {
	s, _ := full(b)
	commit := worker.Commit{Account: account, States: map[attempt.State]worker.Counts{}}
	for _, state := range attempt.States() {
		commit.States[state] = worker.Counts{Events: 300, Known: 5}
	}
	b.ReportAllocs()
	for b.Loop() {
		for _, state := range attempt.States() {
			s.Request(account, state, time.Second, nil)
		}
		s.Transaction(account, time.Millisecond, nil)
		s.Told(commit)
	}
}

// BenchmarkScrape is one scrape of an account.
func BenchmarkScrape(b *testing.B) {
	s, _ := full(b)
	handler := s.Handler(zap.NewNop())
	b.ReportAllocs()
	for b.Loop() {
		handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/metrics", nil))
	}
}

// BenchmarkBackfill reads the same history with and without metrics, in turn. The metrics are medians: attempts/s of each,
// and their ratio; A/A-ratio is that of two readings without, the noise that it has to be held against.
func BenchmarkBackfill(b *testing.B) {
	const attempts, length = 20_000, 24 * time.Hour
	start := time.Date(2026, 3, 20, 6, 0, 0, 0, time.UTC)
	sim, err := imochasim.New(imochasim.Config{})
	if err != nil {
		b.Fatal(err)
	}
	for i := range attempts {
		if err := sim.Add(string(account), imochasim.Change{ID: int64(1_000_000 + i), Status: "Completed", Name: "May", Email: "may@example.com",
			At: start.Add(time.Duration(i) * length / attempts)}); err != nil {
			b.Fatal(err)
		}
	}
	server := httptest.NewServer(sim)
	defer server.Close()
	broker, err := embedded.Start(embedded.Config{Addr: "127.0.0.1:0"})
	if err != nil {
		b.Fatal(err)
	}
	defer broker.Close()
	client := kafkatx.NewClient(kafkatx.Config{Brokers: []string{broker.Addr()}})
	defer client.Close()
	encoder, err := event.NewEncoder(event.Plain, nil)
	if err != nil {
		b.Fatal(err)
	}
	settings := schedule.Settings{States: attempt.States(), Start: attempt.InstantOf(start), Stop: attempt.InstantOf(start.Add(length)),
		PollInterval: time.Second, WindowMax: time.Hour, WindowAttempts: 1000}
	topic := 0
	read := func(meter worker.Meter, waited func(time.Duration)) time.Duration {
		topic++
		layout, err := topics.Ensure(b.Context(), client.Kafka(), topics.Config{Topic: fmt.Sprintf("attempts-%d", topic), Partitions: 3, ReplicationFactor: 1})
		if err != nil {
			b.Fatal(err)
		}
		api, err := imocha.New(imocha.Config{BaseURL: server.URL, Account: account, Key: imocha.StaticKey("key"), RequestTimeout: time.Minute,
			RateLimit: 1e6, Concurrency: 4, Waited: waited})
		if err != nil {
			b.Fatal(err)
		}
		defer api.Close()
		w := worker.New(worker.Config{Accounts: []worker.Account{{Name: account, API: api}}, Kafka: client, Topics: layout, Events: encoder,
			Schedule: settings, Concurrency: 4, Compression: kafka.Snappy, Log: zap.NewNop(), Meter: meter})
		began := time.Now()
		if err := w.Run(b.Context()); err != nil {
			b.Fatal(err)
		}
		if told := w.Progress()[0].Told; told != attempts {
			b.Fatalf("%d attempts were told, want %d", told, attempts)
		}
		return time.Since(began)
	}
	var without, again, with []time.Duration
	for b.Loop() {
		s, err := metrics.New(metrics.Config{Accounts: []attempt.Account{account}, Schedule: settings, Ready: owned}, prometheus.NewRegistry())
		if err != nil {
			b.Fatal(err)
		}
		without = append(without, read(nil, nil))
		with = append(with, read(s, s.Waited(account)))
		again = append(again, read(nil, nil))
	}
	median := func(d []time.Duration) float64 { slices.Sort(d); return d[len(d)/2].Seconds() }
	b.ReportMetric(attempts/median(without), "attempts/s-without")
	b.ReportMetric(attempts/median(with), "attempts/s-with")
	b.ReportMetric(median(with)/median(without), "ratio")
	b.ReportMetric(median(again)/median(without), "A/A-ratio")
	b.ReportMetric(0, "ns/op")
}
