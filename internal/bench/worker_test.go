//go:build linux

package bench_test

import (
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"go.uber.org/zap"

	"attemptstream/internal/attempt"
	"attemptstream/internal/event"
	"attemptstream/internal/imocha"
	"attemptstream/internal/kafkatx"
	"attemptstream/internal/schedule"
	"attemptstream/internal/topics"
	"attemptstream/internal/worker"
)

// BenchmarkWorker is a backfill within this process, for profiles: -cpuprofile and -memprofile show the worker and
// nothing else.
func BenchmarkWorker(b *testing.B) {
	h := historyOf(attempts(b, 200_000))
	onBrokers(b, h, func(b *testing.B, p *place) {
		b.ReportAllocs()
		var used, committing time.Duration
		commits := 0
		for b.Loop() {
			b.StopTimer()
			name := topic()
			w := p.worker(name, func(c worker.Commit) {
				commits++
				committing += c.Took
			})
			b.StartTimer()
			began := ownCPU()
			if err := w.Run(b.Context()); err != nil {
				b.Fatal(err)
			}
			used += ownCPU() - began
			b.StopTimer()
			p.holds(name, h.attempts)
			p.drop(name, name+".state", name+".dlq")
			b.StartTimer()
		}
		n := float64(h.attempts * b.N)
		b.ReportMetric(n/b.Elapsed().Seconds(), "events/s")
		b.ReportMetric(float64(used.Nanoseconds())/n, "cpu-ns/event")
		b.ReportMetric(100*committing.Seconds()/b.Elapsed().Seconds(), "%commit")
		b.ReportMetric(float64(commits)/float64(b.N), "commits/op")
	})
}

// worker is as the command makes it.
func (p *place) worker(topic string, committed func(worker.Commit)) *worker.Worker {
	p.b.Helper()
	admin := kafkatx.NewClient(kafkatx.Config{Brokers: p.brokers})
	defer admin.Close()
	layout, err := topics.Ensure(p.b.Context(), admin.Kafka(), topics.Config{Topic: topic, Partitions: partitions, ReplicationFactor: 1})
	if err != nil {
		p.b.Fatal(err)
	}
	client := kafkatx.NewClient(kafkatx.Config{Brokers: p.brokers,
		MetadataTopics: []string{layout.Events.Name, layout.State.Name, layout.DLQ.Name}})
	p.b.Cleanup(client.Close)
	api, err := imocha.New(imocha.Config{BaseURL: p.api, Account: attempt.DefaultAccount, Key: imocha.StaticKey("key"),
		RequestTimeout: time.Minute, RateLimit: 1e6, Concurrency: 8})
	if err != nil {
		p.b.Fatal(err)
	}
	p.b.Cleanup(api.Close)
	encoder, err := event.NewEncoder(event.Plain, nil)
	if err != nil {
		p.b.Fatal(err)
	}
	return worker.New(worker.Config{
		Accounts: []worker.Account{{Name: attempt.DefaultAccount, API: api}}, Kafka: client, Topics: layout, Events: encoder,
		Schedule: schedule.Settings{
			States: attempt.States(), Start: attempt.InstantOf(p.history.start), Stop: attempt.InstantOf(time.Now().Add(-30 * time.Second)),
			PollInterval: 30 * time.Second, SettleDelay: 30 * time.Second, WindowMax: 24 * time.Hour, WindowAttempts: 1000,
		},
		Concurrency: 8, Compression: kafka.Zstd, Log: zap.NewNop(), Committed: committed,
	})
}
