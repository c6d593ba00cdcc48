//go:build linux

package bench_test

import (
	"context"
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/segmentio/kafka-go"
	"go.uber.org/zap"

	"attemptstream/internal/attempt"
	"attemptstream/internal/event"
	"attemptstream/internal/imocha"
	"attemptstream/internal/kafkatx"
	"attemptstream/internal/metrics"
	"attemptstream/internal/program"
	"attemptstream/internal/schedule"
	"attemptstream/internal/topics"
	"attemptstream/internal/worker"
)

const (
	// mostHeap is what an account may keep in which nothing happens, with its metrics. A fifth of it would do.
	mostHeap = 300 << 10
	// mostGoroutines is the one that waits for its next poll, and room for connections that all share.
	mostGoroutines = 2
)

// What accounts have needed for a backfill they let go of when they have caught up.
func TestAccountsAtRest(t *testing.T) {
	h := historyOf(4000)
	api, broker := startAPI(t, h), start(t, "broker")
	few, many := atRest(t, h, api, broker, 2), atRest(t, h, api, broker, 12)
	if each := (many.heap - few.heap) / 10; each > mostHeap {
		t.Errorf("an account keeps %d KiB, want %d at most", each>>10, mostHeap>>10)
	}
	if each := float64(many.goroutines-few.goroutines) / 20; each > mostGoroutines {
		t.Errorf("an account has %.1f goroutines, want %d at most", each, mostGoroutines)
	}
}

type kept struct{ heap, goroutines int }

// atRest is what this process has with so many accounts that have caught up.
func atRest(t *testing.T, h history, api, broker string, n int) kept {
	t.Helper()
	client := kafkatx.NewClient(kafkatx.Config{Brokers: []string{broker}})
	defer client.Close()
	layout, err := topics.Ensure(t.Context(), client.Kafka(), topics.Config{Topic: fmt.Sprintf("rest-%d", n), Partitions: partitions, ReplicationFactor: 1})
	if err != nil {
		t.Fatal(err)
	}
	encoder, err := event.NewEncoder(event.Plain, nil)
	if err != nil {
		t.Fatal(err)
	}
	transport := imocha.NewTransport(n)
	defer transport.CloseIdleConnections()
	names, accounts := make([]attempt.Account, n), make([]worker.Account, n)
	for i := range n {
		names[i] = attempt.Account(fmt.Sprintf("account-%d", i))
		client, err := imocha.New(imocha.Config{BaseURL: api, Account: names[i], Key: imocha.StaticKey("key"), RequestTimeout: time.Minute,
			RateLimit: 1000, Concurrency: 4, Transport: transport})
		if err != nil {
			t.Fatal(err)
		}
		accounts[i] = worker.Account{Name: names[i], API: client}
	}
	s := schedule.Settings{States: attempt.States(), Start: attempt.InstantOf(h.start), PollInterval: time.Hour, SettleDelay: 30 * time.Second,
		Lookback: 168 * time.Hour, LookbackInterval: time.Hour, WindowMax: 24 * time.Hour, WindowAttempts: 1000}
	meter, err := metrics.New(metrics.Config{Accounts: names, Schedule: s}, prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	w := worker.New(worker.Config{Accounts: accounts, Kafka: client, Topics: layout, Events: encoder, Schedule: s, Concurrency: 4, ReplayRate: 1,
		Compression: kafka.Zstd, Log: zap.NewNop(), Meter: meter})
	ctx, end := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- w.Run(ctx) }()
	program.Eventually(t, 3*time.Minute, "all accounts have caught up", func() bool {
		for _, p := range w.Progress() {
			if time.Since(p.Through) > time.Hour || len(p.Reading) > 0 {
				return false
			}
		}
		return true
	}, func() string { return fmt.Sprintf("%+v", w.Progress()) })
	var k kept
	// What ends with the last transaction may take a moment.
	program.Eventually(t, time.Minute, "what is kept becomes steady", func() bool {
		transport.CloseIdleConnections() // connections are shared: they are no account's cost
		client.Kafka().Transport.(*kafka.Transport).CloseIdleConnections()
		runtime.GC()
		runtime.GC() // pools are emptied by the second one
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		before := k
		k = kept{int(m.HeapAlloc), runtime.NumGoroutine()}
		return k.goroutines == before.goroutines && max(k.heap-before.heap, before.heap-k.heap) < 64<<10
	}, func() string { return fmt.Sprintf("%+v", k) })
	end()
	if err := <-done; err != nil {
		t.Error(err)
	}
	t.Logf("%d accounts: %d KiB, %d goroutines", n, k.heap>>10, k.goroutines)
	return k
}
