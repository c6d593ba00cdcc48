//go:build linux

package bench_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"attemptstream/internal/kafkatest"
	"attemptstream/internal/program"
)

// A place is a broker and an API.
type place struct {
	b       testing.TB
	brokers []string
	admin   *kadm.Client
	history history
	api     string
}

// onBrokers runs a benchmark on the embedded broker and on a real Apache Kafka.
func onBrokers(b *testing.B, h history, bench func(b *testing.B, p *place)) {
	api := startAPI(b, h)
	for _, on := range []struct {
		name    string
		brokers func(b *testing.B) []string
	}{
		{"embedded", func(b *testing.B) []string { return []string{start(b, "broker")} }},
		{"kafka", func(b *testing.B) []string { return kafkatest.Shared(b).Addrs() }},
	} {
		b.Run(on.name, func(b *testing.B) {
			p := &place{b: b, brokers: on.brokers(b), history: h, api: api}
			p.admin = kadm.NewClient(p.client())
			bench(b, p)
		})
	}
}

func (p *place) client(opts ...kgo.Opt) *kgo.Client {
	p.b.Helper()
	c, err := kgo.NewClient(append(opts, kgo.SeedBrokers(p.brokers...))...)
	if err != nil {
		p.b.Fatal(err)
	}
	p.b.Cleanup(c.Close)
	return c
}

const partitions = 6

var topicNumber atomic.Int64

// topic is the name of a topic that nobody has used.
func topic() string { return fmt.Sprintf("bench-%d-%d", os.Getpid(), topicNumber.Add(1)) }

// create makes a topic that is there when it returns. Not every client waits for one.
func (p *place) create(topic string) {
	p.b.Helper()
	ctx, cancel := context.WithTimeout(p.b.Context(), time.Minute)
	defer cancel()
	if _, err := p.admin.CreateTopic(ctx, partitions, 1, nil, topic); err != nil {
		p.b.Fatal(err)
	}
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		ends, err := p.admin.ListEndOffsets(ctx, topic)
		if err == nil && ends.Error() == nil && len(ends[topic]) == partitions {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			p.b.Fatalf("topic %s does not become ready: %v", topic, errors.Join(err, ends.Error()))
		}
	}
}

// drop deletes topics, so that a long benchmark does not fill the disk.
func (p *place) drop(topics ...string) {
	p.b.Helper()
	if _, err := p.admin.DeleteTopics(context.Background(), topics...); err != nil {
		p.b.Fatal(err)
	}
}

// holds checks that a topic has at least so many records. Control records count too, so it can be a few more.
func (p *place) holds(topic string, records int) {
	p.b.Helper()
	ends, err := p.admin.ListEndOffsets(p.b.Context(), topic)
	if err != nil {
		p.b.Fatal(err)
	}
	n := int64(0)
	ends.Each(func(o kadm.ListedOffset) { n += o.Offset })
	if n < int64(records) || n > int64(records)*11/10+1000 {
		p.b.Fatalf("topic %s has %d records, want %d and some control records", topic, n, records)
	}
}

// command is attemptstream, not started yet, with standard settings but for the limits of the API.
func (p *place) command(topic string, args ...string) *command {
	p.b.Helper()
	c := &command{Cmd: exec.Command(program.Command(p.b), args...), b: p.b}
	c.Env = []string{
		"KAFKA_BROKERS=" + strings.Join(p.brokers, ","), "KAFKA_TOPIC=" + topic,
		"KAFKA_PARTITIONS=" + strconv.Itoa(partitions), "KAFKA_REPLICATION_FACTOR=1",
		"IMOCHA_BASE_URL=" + p.api, "IMOCHA_API_KEY=key", "IMOCHA_RATE_LIMIT=100000", "IMOCHA_CONCURRENCY=8",
		"STREAM_START_AT=" + p.history.start.Format(time.RFC3339), "ADMIN_ADDR=", "LOG_LEVEL=info",
	}
	c.Stdout, c.Stderr = &c.output, &c.output
	return c
}

type command struct {
	*exec.Cmd
	b      testing.TB
	output bytes.Buffer
}

// backfill runs the command until it has read everything and returns how long that took, and the processor time.
func (p *place) backfill(topic string) (took, cpu time.Duration) {
	p.b.Helper()
	c := p.command(topic, "run", "--once")
	began := time.Now()
	if err := c.Run(); err != nil {
		p.b.Fatalf("the command failed: %v:\n%s", err, &c.output)
	}
	took = time.Since(began)
	return took, c.used()
}

// used is the processor time that the process has used, after its end.
func (c *command) used() time.Duration {
	return c.ProcessState.UserTime() + c.ProcessState.SystemTime()
}

// finish runs the command to its end and returns the most memory that it had.
func (c *command) finish() (peak int64) {
	c.b.Helper()
	if err := c.Start(); err != nil {
		c.b.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- c.Wait() }()
	// The kernel keeps the maximum, so the last look before the end is all that counts.
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	pid := strconv.Itoa(c.Process.Pid)
	for {
		select {
		case <-tick.C:
			peak = max(peak, peakOf(pid))
		case err := <-done:
			if err != nil {
				c.b.Fatalf("the command failed: %v:\n%s", err, &c.output)
			}
			return peak
		}
	}
}

// ownCPU is the processor time that this process has used.
func ownCPU() time.Duration {
	var usage syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &usage) // it cannot fail with these arguments
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// memory is the value of a line of /proc/<pid>/status in KiB, 0 when the process has ended.
func (c *command) memory(line string) int {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", c.Process.Pid))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(text), line+":")
	var kib int
	_, _ = fmt.Sscan(rest, &kib) // an ended process has no such line
	return kib
}

// cpu is the processor time that the process has used.
func (c *command) cpu() time.Duration {
	c.b.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", c.Process.Pid))
	if err != nil {
		c.b.Fatalf("%v; the command said:\n%s", err, &c.output)
	}
	// proc(5): utime and stime are fields 14 and 15, in hundredths of a second; field 2 may hold spaces, in brackets.
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	ticks := 0
	for _, field := range fields[11:13] {
		n, err := strconv.Atoi(field)
		if err != nil {
			c.b.Fatal(err)
		}
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond
}
