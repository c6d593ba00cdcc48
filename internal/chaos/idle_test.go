//go:build linux

package chaos_test

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
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
	}, p.tail)
	for b.Loop() {
		cpu, requests := p.cpu(), w.api.requests()
		if !w.pause(p, span) {
			b.Fatalf("the process ended: %s", p.tail())
		}
		b.ReportMetric(100*float64(p.cpu()-cpu)/float64(span), "%core")
		b.ReportMetric(float64(w.api.requests()-requests), "requests")
	}
	b.ReportMetric(float64(p.resident())/(1<<20), "MiB")
}

// cpu is the processor time that the process has had.
func (p *process) cpu() time.Duration {
	p.t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	if err != nil {
		p.t.Fatal(err)
	}
	// The name, in parentheses, may have spaces in it. Fields 14 and 15 are the times in user and kernel mode, in
	// hundredths of a second on every Linux (USER_HZ).
	fields := bytes.Fields(text[bytes.LastIndexByte(text, ')')+1:])
	var ticks int64
	for _, field := range fields[11:13] {
		n, err := strconv.ParseInt(string(field), 10, 64)
		if err != nil {
			p.t.Fatal(err)
		}
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond
}

// resident is how much memory the process has, in bytes.
func (p *process) resident() int64 {
	p.t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", p.cmd.Process.Pid))
	if err != nil {
		p.t.Fatal(err)
	}
	pages, err := strconv.ParseInt(string(bytes.Fields(text)[1]), 10, 64)
	if err != nil {
		p.t.Fatal(err)
	}
	return pages * int64(os.Getpagesize())
}
