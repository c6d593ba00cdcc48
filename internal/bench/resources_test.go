//go:build linux

package bench_test

import (
	"syscall"
	"testing"
	"time"
)

// mostMemory is what a backfill of any length may take beside its index, in KiB. The ids here lie close together, so
// that the index takes a few bits for each.
const mostMemory = 64 << 10

// BenchmarkMemory reports the most memory (VmHWM) that the command ever had during backfills of different lengths, and
// fails where that is more than is promised.
func BenchmarkMemory(b *testing.B) {
	for _, n := range []int{100_000, 1_000_000} {
		b.Run(sizes[n], func(b *testing.B) {
			h := historyOf(n)
			onBrokers(b, h, func(b *testing.B, p *place) {
				most := 0
				for b.Loop() {
					name := topic()
					most = max(most, p.peak(name))
					p.holds(name, n)
					p.drop(name, name+".state", name+".dlq")
				}
				b.ReportMetric(float64(most)/1024, "MiB")
				b.ReportMetric(0, "ns/op")
				if most > mostMemory {
					b.Errorf("the command took %d KiB at most, which is more than %d", most, mostMemory)
				}
			})
		})
	}
}

var sizes = map[int]string{100_000: "100k", 1_000_000: "1M"}

// peak runs a backfill and returns the most memory that it had, in KiB.
func (p *place) peak(topic string) int {
	p.b.Helper()
	return int(p.command(topic, "run", "--once").finish() >> 10)
}

// BenchmarkIdle reports how much of one processor the command takes while nothing happens, with standard settings, and
// how much memory.
func BenchmarkIdle(b *testing.B) {
	const settle, watch = 5 * time.Second, 30 * time.Second
	h := historyOf(1000)
	onBrokers(b, h, func(b *testing.B, p *place) {
		var used time.Duration
		memory := 0
		for b.Loop() {
			name := topic()
			c := p.command(name, "run")
			if err := c.Start(); err != nil {
				b.Fatal(err)
			}
			time.Sleep(settle)
			p.holds(name, h.attempts)
			before := c.cpu()
			time.Sleep(watch)
			used += c.cpu() - before
			memory = max(memory, c.memory("VmRSS"))
			if err := c.Process.Signal(syscall.SIGTERM); err != nil {
				b.Fatal(err)
			}
			if err := c.Wait(); err != nil {
				b.Fatalf("the command failed: %v:\n%s", err, &c.output)
			}
			p.drop(name, name+".state", name+".dlq")
		}
		b.ReportMetric(100*used.Seconds()/(watch.Seconds()*float64(b.N)), "%core")
		b.ReportMetric(float64(memory)/1024, "MiB")
		b.ReportMetric(0, "ns/op")
	})
}
