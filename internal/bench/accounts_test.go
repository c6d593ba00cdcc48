//go:build linux

package bench_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"attemptstream/internal/program"
	"attemptstream/internal/state"
	"attemptstream/internal/witness"
)

// BenchmarkAccounts reports what accounts cost in which nothing happens: what the command has and uses with n of them, and how
// long it takes until all are taken over and caught up, at first (ready-s) and when it is started again on a state topic that
// holds what some hours of polls have left in it (again-s). What is said per account is the difference to a command with one.
func BenchmarkAccounts(b *testing.B) {
	h := historyOf(20)
	onBrokers(b, h, func(b *testing.B, p *place) {
		for _, form := range []struct {
			accounts int
			poll     time.Duration
		}{{100, 30 * time.Second}, {1000, 30 * time.Second}, {100, time.Second}} {
			b.Run(fmt.Sprintf("%dx%s", form.accounts, form.poll), func(b *testing.B) {
				p := *p
				p.b = b
				for b.Loop() {
					one := p.idle(1, form.poll)
					many := p.idle(form.accounts, form.poll)
					many.report(b, one, form.accounts)
				}
			})
		}
	})
}

// idleness is what a command has and uses while nothing happens.
type idleness struct {
	ready, again                            time.Duration
	peak, resident, heap, goroutines, files float64
	cpu, requests, transactions             float64 // a second
	page, status, metrics                   served
}

// served is an answer of the status page.
type served struct {
	bytes int
	took  time.Duration
}

func (i *idleness) report(b *testing.B, one *idleness, n int) {
	each := func(of func(*idleness) float64) float64 { return (of(i) - of(one)) / float64(n-1) }
	b.ReportMetric(i.ready.Seconds(), "ready-s")
	b.ReportMetric(i.again.Seconds(), "again-s")
	b.ReportMetric(i.peak/(1<<20), "peak-MiB")
	b.ReportMetric(each(func(i *idleness) float64 { return i.resident / 1024 }), "KiB/account")
	b.ReportMetric(each(func(i *idleness) float64 { return i.heap / 1024 }), "heap-KiB/account")
	b.ReportMetric(each(func(i *idleness) float64 { return i.goroutines }), "goroutines/account")
	b.ReportMetric(each(func(i *idleness) float64 { return i.files }), "files/account")
	b.ReportMetric(100*i.cpu, "%core")
	b.ReportMetric(i.requests, "requests/s")
	b.ReportMetric(i.transactions, "transactions/s")
	b.ReportMetric(float64(i.metrics.bytes)/1024, "metrics-KiB")
	b.ReportMetric(float64(i.metrics.took.Milliseconds()), "metrics-ms")
	b.ReportMetric(float64(i.status.bytes)/1024, "status-KiB")
	b.ReportMetric(float64(i.status.took.Milliseconds()), "status-ms")
	b.ReportMetric(0, "ns/op")
	b.Logf("%d accounts: %+v", n, *i)
}

// idle runs the command with n accounts: until they have caught up, for a while, and once more from where it was.
func (p *place) idle(n int, poll time.Duration) *idleness {
	p.b.Helper()
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("account-%04d", i)
	}
	name := topic()
	env := append(p.command(name).Env, "IMOCHA_API_KEY=", "STREAM_POLL_INTERVAL="+poll.String(), "ADMIN_ADDR=127.0.0.1:0",
		"IMOCHA_RATE_LIMIT=5", "IMOCHA_CONCURRENCY=4", "LOG_LEVEL=info",
		"IMOCHA_ACCOUNTS_FILE="+program.AccountsFile(p.b, names, func(string) string { return "key" }))
	i := &idleness{}
	w, ready := p.startIdle(env)
	i.ready = ready
	i.watch(w, max(poll, 10*time.Second))
	w.end()
	p.age(name+".state", 200)
	w, i.again = p.startIdle(env)
	i.peak = max(i.peak, float64(w.peak()))
	w.end()
	p.drop(name, name+".state", name+".dlq")
	return i
}

// watch takes the figures over so long, after as long a time to become steady.
func (i *idleness) watch(w *watched, span time.Duration) {
	time.Sleep(span + 5*time.Second)
	before, cpu, began := w.metrics(), w.CPU(), time.Now()
	time.Sleep(span)
	after, seconds := w.metrics(), time.Since(began).Seconds()
	i.cpu = (w.CPU() - cpu).Seconds() / seconds
	i.requests = (after["attemptstream_requests_total"] - before["attemptstream_requests_total"]) / seconds
	i.transactions = (after["attemptstream_transactions_total"] - before["attemptstream_transactions_total"]) / seconds
	i.heap, i.goroutines = after["go_memstats_heap_inuse_bytes"], after["go_goroutines"]
	i.resident, i.peak, i.files = float64(w.Resident()), float64(w.peak()), float64(w.files())
	_, i.metrics = w.get("metrics")
	_, i.status = w.get("status")
	_, i.page = w.get("")
}

// watched is a command whose status page is asked.
type watched struct {
	*program.Process
	b   testing.TB
	url string
}

// startIdle starts the command and waits until it is ready: all accounts have caught up.
func (p *place) startIdle(env []string) (*watched, time.Duration) {
	p.b.Helper()
	began := time.Now()
	w := &watched{Process: program.Start(p.b, program.Command(p.b), env, "run"), b: p.b}
	var line struct {
		URL string `json:"url"`
	}
	if err := json.Unmarshal([]byte(w.Says(time.Minute, `"status page"`)), &line); err != nil {
		p.b.Fatal(err)
	}
	w.url = line.URL
	for tick := time.Tick(50 * time.Millisecond); ; <-tick {
		res, err := http.Get(w.url + "readyz")
		if err != nil {
			p.b.Fatal(err)
		}
		_ = res.Body.Close() // of some words
		if res.StatusCode == http.StatusOK {
			return w, time.Since(began)
		}
		if w.Ended() || time.Since(began) > 10*time.Minute {
			p.b.Fatalf("not all accounts have caught up; the log ends:\n%s", w.Tail())
		}
	}
}

// age writes every checkpoint so many times again, each in a batch of its own, as that many polls would.
func (p *place) age(topic string, polls int) {
	p.b.Helper()
	found, err := witness.Records(p.b.Context(), p.brokers, topic)
	if err != nil {
		p.b.Fatal(err)
	}
	last := map[string]*kgo.Record{}
	for _, r := range found {
		if _, ok := state.CheckpointOf(r.Key); ok {
			last[string(r.Key)] = r
		}
	}
	const one = 3 << 9 // bytes: no room for a second record
	client := p.client(kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerBatchMaxBytes(one), kgo.ProducerLinger(0),
		kgo.ProducerBatchCompression(kgo.ZstdCompression()))
	var failed kgo.FirstErrPromise
	for range polls {
		for _, r := range last {
			client.Produce(p.b.Context(), &kgo.Record{Topic: topic, Partition: r.Partition, Key: r.Key, Value: r.Value}, failed.Promise())
		}
	}
	if err := failed.Err(); err != nil {
		p.b.Fatal(err)
	}
}

func (w *watched) end() {
	w.b.Helper()
	w.Stop()
	w.Wait(0, time.Minute)
}

func (w *watched) get(path string) (string, served) {
	w.b.Helper()
	began := time.Now()
	res, err := http.Get(w.url + path)
	if err != nil {
		w.b.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		w.b.Fatalf("%s answers %s, %v", path, res.Status, err)
	}
	return string(text), served{len(text), time.Since(began)}
}

// metrics are the sums of all series of each name.
func (w *watched) metrics() map[string]float64 {
	w.b.Helper()
	text, _ := w.get("metrics")
	sums := map[string]float64{}
	for lines := bufio.NewScanner(strings.NewReader(text)); lines.Scan(); {
		series, value, ok := cutLast(lines.Text(), " ")
		if !ok || strings.HasPrefix(series, "#") {
			continue
		}
		name, _, _ := strings.Cut(series, "{")
		if v, err := strconv.ParseFloat(value, 64); err == nil {
			sums[name] += v
		}
	}
	return sums
}

func cutLast(s, sep string) (before, after string, found bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}

// peak is the most memory that the process has had, in bytes.
func (w *watched) peak() int64 { return peakOf(strconv.Itoa(w.PID())) }

// files is how many files and connections the process has open.
func (w *watched) files() int {
	w.b.Helper()
	open, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", w.PID()))
	if err != nil {
		w.b.Fatal(err)
	}
	return len(open)
}
