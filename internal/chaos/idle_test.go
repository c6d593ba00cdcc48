//go:build linux

package chaos_test

import (
	"testing"
	"time"

	"attemptstream/internal/imochasim"
	"attemptstream/internal/kafkatest"
)

// BenchmarkIdle measures what a process costs that has nothing to do, with the settings that it has by itself: its share
// of a core, over 20 seconds, after it has caught up.
//
//	go test -run '^$' -bench Idle -benchtime 1x ./internal/chaos
func BenchmarkIdle(b *testing.B) {
	const span = 20 * time.Second
	w := newWorld(b, kafkatest.Shared(b).Addrs(), imochasim.Config{}, lives(7, 1000), time.Hour)
	for name := range w.set {
		switch name {
		case "KAFKA_BROKERS", "KAFKA_TOPIC", "IMOCHA_BASE_URL", "IMOCHA_API_KEY":
		default:
			delete(w.set, name)
		}
	}
	w.set["ADMIN_ADDR"] = "127.0.0.1:0" // another one may have the port
	p := w.start("run")
	last := -1
	eventually(b, "it has read all there is", func() bool { // no request for a second
		before := last
		last = w.api.requests()
		w.pause(p, time.Second)
		return last > 0 && last == before
	}, p.Tail)
	for b.Loop() {
		cpu, requests := p.CPU(), w.api.requests()
		if !w.pause(p, span) {
			b.Fatalf("the process ended: %s", p.Tail())
		}
		b.ReportMetric(100*float64(p.CPU()-cpu)/float64(span), "%core")
		b.ReportMetric(float64(w.api.requests()-requests), "requests")
	}
	b.ReportMetric(float64(p.Resident())/(1<<20), "MiB")
}
