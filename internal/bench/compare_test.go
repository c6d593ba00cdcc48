//go:build linux

package bench_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"

	"attemptstream/internal/kafkatest"
)

// A contestant is a way to have the same events in Kafka.
type contestant struct {
	name   string // in the raw figures
	writer string // of finished events; empty: the command
	title  string
	goal   string // with zstd
}

const (
	whole     = "attemptstream"
	reference = "franz-tx" // all ratios are to this one
	control   = "franz-tx-again"
)

var contestants = []contestant{
	{whole, "", "attemptstream, from the API to the commit", "≥ 1.00 ×, CPU ≤ 1.50 ×"},
	{"kafkatx", "kafkatx", "its kafkatx alone, transactional", "≥ 1.30 ×"},
	{reference, reference, "franz-go, transactional", ""},
	{control, reference, "franz-go, transactional, once more (A/A)", "1.00 × but for noise"},
	{"franz-idempotent", "franz-idempotent", "franz-go, idempotent", ""},
	{"kafka-go", "kafka-go", "kafka-go's Writer, plain", ""},
}

var compressions = []string{"zstd", "lz4", "none"}

const contestantRole = "contestant"

// A contest is all of the raw figures of a run.
type contest struct {
	Began      time.Time `json:"began"`
	Broker     string    `json:"broker"`
	Go         string    `json:"go"`
	Processors int       `json:"processors"`
	Events     int       `json:"events"`
	EventBytes float64   `json:"event_bytes"` // of key, value and headers
	Turns      []turn    `json:"turns"`
}

// A turn is one contestant's, in one round.
type turn struct {
	Round       int     `json:"round"`
	Place       int     `json:"place"` // in the order of the round
	Compression string  `json:"compression"`
	Contestant  string  `json:"contestant"`
	Load        float64 `json:"load"` // of the machine, over the minute before
	Seconds     float64 `json:"seconds"`
	PerSecond   float64 `json:"events_per_second"`
	CPU         float64 `json:"cpu_ns_per_event"`
	Allocs      float64 `json:"allocs_per_event,omitempty"`
	AllocBytes  float64 `json:"alloc_bytes_per_event,omitempty"`
	Peak        int64   `json:"peak_bytes"`
}

// TestCompare lets the command and clients of Kafka have the same events in a Kafka, in interleaved rounds, as many as
// ATTEMPTSTREAM_BENCH_ROUNDS says, and writes bench.md, bench.json and bench.svg to ATTEMPTSTREAM_BENCH_FOLDER. It judges
// nothing but that all events are there. .ci/bench runs it.
func TestCompare(t *testing.T) {
	rounds, err := strconv.Atoi(os.Getenv("ATTEMPTSTREAM_BENCH_ROUNDS"))
	if err != nil {
		t.Skip("a benchmark: ATTEMPTSTREAM_BENCH_ROUNDS says how many rounds, .ci/bench runs it")
	}
	folder := os.Getenv("ATTEMPTSTREAM_BENCH_FOLDER")
	if folder == "" {
		folder = t.TempDir()
	}
	h := historyOf(attempts(t, 1_000_000))
	p := &place{b: t, history: h, api: startAPI(t, h)}
	broker := "the embedded broker"
	if os.Getenv("ATTEMPTSTREAM_BENCH_BROKER") == "embedded" {
		p.brokers = []string{start(t, "broker")}
	} else {
		kafka := kafkatest.Shared(t)
		p.brokers, broker = kafka.Addrs(), "Apache Kafka "+kafka.Version()
	}
	p.admin = kadm.NewClient(p.client())
	c := p.compare(broker, rounds, compressions)
	text, err := json.MarshalIndent(c, "", "\t")
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{"bench.json": append(text, '\n'), "bench.md": c.table(), "bench.svg": c.plot()} {
		if err := os.WriteFile(filepath.Join(folder, name), content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// TestCompareBriefly holds the benchmark to working, with few events.
func TestCompareBriefly(t *testing.T) {
	h := historyOf(2000)
	p := &place{b: t, history: h, api: startAPI(t, h), brokers: []string{start(t, "broker")}}
	p.admin = kadm.NewClient(p.client())
	c := p.compare("the embedded broker", 1, []string{"zstd"})
	for _, turn := range c.Turns {
		if turn.PerSecond <= 0 || turn.CPU <= 0 || turn.Peak <= 0 || turn.Allocs <= 0 && turn.Contestant != whole {
			t.Errorf("something was not measured: %+v", turn)
		}
	}
	if len(c.Turns) != len(contestants) {
		t.Errorf("%d turns, want one of each of %d", len(c.Turns), len(contestants))
	}
}

// compare plays the rounds. In each, every contestant has one turn with each compression; who begins changes from round
// to round, so that none has always the same one before it.
func (p *place) compare(broker string, rounds int, compressions []string) *contest {
	records := p.capture()
	c := &contest{Began: time.Now().UTC().Truncate(time.Second), Broker: broker, Go: runtime.Version(), Processors: runtime.NumCPU(), Events: len(records)}
	for _, r := range records {
		c.EventBytes += float64(len(r.Key)+len(r.Value)) / float64(len(records))
		for _, h := range r.Headers {
			c.EventBytes += float64(len(h.Key)+len(h.Value)) / float64(len(records))
		}
	}
	events := finish(p.b, records)
	records = nil // what follows is measured without them
	runtime.GC()
	allocs := map[string]figures{}
	for round := range rounds {
		for i := range compressions {
			compression := compressions[(i+round)%len(compressions)]
			for place := range contestants {
				who := contestants[(place+round)%len(contestants)]
				load := loadAverage()
				var f figures
				if who.writer == "" {
					a, ok := allocs[compression]
					if !ok {
						a = p.allocations(compression)
						allocs[compression] = a
					}
					f = p.reads(compression)
					f.Allocs, f.Bytes = a.Allocs, a.Bytes
				} else {
					f = p.writes(who.writer, compression, events, c.Events)
				}
				n := float64(c.Events)
				c.Turns = append(c.Turns, turn{Round: round + 1, Place: place + 1, Compression: compression, Contestant: who.name, Load: load,
					Seconds: f.Took.Seconds(), PerSecond: n / f.Took.Seconds(), CPU: float64(f.CPU.Nanoseconds()) / n,
					Allocs: f.Allocs, AllocBytes: f.Bytes, Peak: f.Peak})
				p.b.Logf("round %d of %d, %s, %s: %.0f events/s, %.2f µs of CPU for each, %d MiB, load %.1f", round+1, rounds, compression, who.name,
					n/f.Took.Seconds(), float64(f.CPU.Nanoseconds())/n/1e3, f.Peak>>20, load)
			}
		}
	}
	return c
}

// reads lets the command read the history from the API, from the start of its process to its end.
func (p *place) reads(compression string) (f figures) {
	p.b.Helper()
	name := topic()
	c := p.command(name, "run", "--once")
	c.Env = append(c.Env, "KAFKA_COMPRESSION="+compression)
	began := time.Now()
	f.Peak = c.finish()
	f.Took, f.CPU = time.Since(began), c.used()
	p.holds(name, p.history.attempts)
	p.drop(name, name+".state", name+".dlq")
	return f
}

// writes lets a client write the finished events.
func (p *place) writes(writer, compression, events string, n int) (f figures) {
	p.b.Helper()
	t := task{Contestant: writer, Brokers: p.brokers, Topic: topic(), Compression: compression, Records: events}
	p.create(t.Topic)
	defer p.drop(t.Topic)
	text, err := json.Marshal(t)
	if err != nil {
		p.b.Fatal(err)
	}
	cmd := exec.CommandContext(p.b.Context(), os.Args[0], string(text))
	var out, problem bytes.Buffer
	cmd.Env, cmd.Stdout, cmd.Stderr = append(slices.Clone(os.Environ()), roleVariable+"="+contestantRole), &out, &problem
	if err := cmd.Run(); err != nil {
		p.b.Fatalf("%s failed: %v: %s", writer, err, strings.TrimSpace(problem.String()))
	}
	if err := json.Unmarshal(out.Bytes(), &f); err != nil {
		p.b.Fatalf("%s says %q: %v", writer, &out, err)
	}
	p.holds(t.Topic, n)
	return f
}

// loadAverage is how many processes wanted to run, over the last minute.
func loadAverage() float64 {
	text, _ := os.ReadFile("/proc/loadavg") // without it, zero
	load, _, _ := strings.Cut(string(text), " ")
	f, _ := strconv.ParseFloat(load, 64)
	return f
}
