package audit_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kgo"

	"attemptstream/internal/attempt"
	"attemptstream/internal/brokertest"
	"attemptstream/internal/event"
	"attemptstream/internal/imocha"
	"attemptstream/internal/imochasim"
	"attemptstream/internal/kafkatx"
	"attemptstream/internal/operate/audit"
	"attemptstream/internal/schedule"
	"attemptstream/internal/topics"
	"attemptstream/internal/witness"
	"attemptstream/internal/worker"
)

// patience bounds every wait.
const patience = 2 * time.Minute

const account = attempt.DefaultAccount

// A world is a simulated API, and topics in which a worker tells what it shows.
type world struct {
	t       testing.TB
	brokers []string
	topic   string
	layout  topics.Layout
	kafka   *kafkatx.Client
	sim     *imochasim.Simulator
	url     string

	schedule schedule.Settings
	timeout  time.Duration     // of requests
	stop     func()            // the audit that runs
	accounts []attempt.Account // the API key of each is its name
}

var topicNumber atomic.Int64

// newWorld has an API that behaves as sim says, of which a worker is to read the time from start to end.
func newWorld(t testing.TB, brokers []string, sim imochasim.Config, start, end time.Time) *world {
	t.Helper()
	s, err := imochasim.New(sim)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	t.Cleanup(server.CloseClientConnections)
	w := &world{
		t: t, brokers: brokers, sim: s, url: server.URL, timeout: time.Minute, accounts: []attempt.Account{account},
		schedule: schedule.Settings{
			States: attempt.States(), Start: attempt.InstantOf(start), Stop: attempt.InstantOf(end),
			PollInterval: time.Second, WindowMax: 24 * time.Hour, WindowAttempts: 1000,
		},
	}
	w.connect()
	return w
}

// connect makes topics of its own.
func (w *world) connect() {
	w.t.Helper()
	w.topic = fmt.Sprintf("audit-%d-%d", os.Getpid(), topicNumber.Add(1))
	ctx, cancel := context.WithTimeout(w.t.Context(), patience)
	defer cancel()
	admin := kafkatx.NewClient(kafkatx.Config{Brokers: w.brokers})
	defer admin.Close()
	var err error
	if w.layout, err = topics.Ensure(ctx, admin.Kafka(), topics.Config{Topic: w.topic, Partitions: 3, ReplicationFactor: 1}); err != nil {
		w.t.Fatal(err)
	}
	w.kafka = kafkatx.NewClient(kafkatx.Config{Brokers: w.brokers, MetadataTopics: w.layout.Names()})
	w.t.Cleanup(w.kafka.Close)
}

// populate plays lives in the time that is to be read, and a little beyond its ends.
func (w *world) populate(lives imochasim.Lives) {
	w.t.Helper()
	const beyond = 10 * time.Second
	for _, a := range w.accounts {
		if err := w.sim.Populate(string(a), lives, w.schedule.Start.Time().Add(-beyond), w.schedule.Stop.Time().Add(beyond)); err != nil {
			w.t.Fatal(err)
		}
	}
}

// client is one of the API.
func (w *world) client(account attempt.Account) *imocha.Client {
	w.t.Helper()
	api, err := imocha.New(imocha.Config{BaseURL: w.url, Account: account, Key: imocha.StaticKey(string(account)), RequestTimeout: w.timeout,
		RateLimit: 1e6, Concurrency: 8})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(api.Close)
	return api
}

// newWorker is a worker that tells what the API shows.
func (w *world) newWorker() *worker.Worker {
	w.t.Helper()
	encoder, err := event.NewEncoder(event.Plain, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	var accounts []worker.Account
	for _, a := range w.accounts {
		accounts = append(accounts, worker.Account{Name: a, API: w.client(a)})
	}
	return worker.New(worker.Config{
		Accounts: accounts, Kafka: w.kafka, Topics: w.layout, Events: encoder,
		Schedule: w.schedule, Concurrency: 8, Compression: kafka.Zstd, TransactionTimeout: 20 * time.Second, Log: brokertest.Logger(w.t),
	})
}

// tell runs a worker until it has told everything.
func (w *world) tell() {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), patience)
	defer cancel()
	if err := w.newWorker().Run(ctx); err != nil || ctx.Err() != nil {
		w.t.Fatalf("the worker failed: %v, %v", err, ctx.Err())
	}
}

// records are the committed ones of a topic.
func (w *world) records(topic string) []*kgo.Record {
	w.t.Helper()
	records, err := witness.Records(w.t.Context(), w.brokers, topic)
	if err != nil {
		w.t.Fatal(err)
	}
	return records
}

// told is how often each id and status was told.
func (w *world) told() map[string]int {
	w.t.Helper()
	count := map[string]int{}
	for _, r := range w.records(w.topic) {
		e := parse(w.t, r)
		count[e.name()]++
	}
	return count
}

// copy is the same API with topics that are copies of w's, changed.
func (w *world) copy(change ...func(records []*kgo.Record) []*kgo.Record) *world {
	w.t.Helper()
	c := *w
	c.connect()
	for i, name := range w.layout.Names() { // events, state, dead letters
		records := w.records(name)
		if i < len(change) && change[i] != nil {
			records = change[i](records)
		}
		c.write(c.layout.Names()[i], kgo.TryCommit, records...)
	}
	return &c
}

// write writes records, each to its partition, in a transaction that ends as end says.
func (w *world) write(topic string, end kgo.TransactionEndTry, records ...*kgo.Record) {
	w.t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(w.brokers...), kgo.TransactionalID(fmt.Sprintf("%s-%d", topic, topicNumber.Add(1))),
		kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.MaxBufferedRecords(100_000))
	if err != nil {
		w.t.Fatal(err)
	}
	defer cl.Close()
	ctx, cancel := context.WithTimeout(w.t.Context(), patience)
	defer cancel()
	if err := cl.BeginTransaction(); err != nil {
		w.t.Fatal(err)
	}
	copies := make([]*kgo.Record, len(records))
	for i, r := range records {
		copies[i] = &kgo.Record{Topic: topic, Partition: r.Partition, Key: r.Key, Value: r.Value, Headers: r.Headers, Timestamp: r.Timestamp}
	}
	if len(copies) > 0 {
		if err := cl.ProduceSync(ctx, copies...).FirstErr(); err != nil {
			w.t.Fatal(err)
		}
	}
	if err := cl.EndTransaction(ctx, end); err != nil {
		w.t.Fatal(err)
	}
}

// A filed is a report as it is filed.
type filed struct {
	audit.Report
	Differences []audit.Line
	table       string
}

// audit audits a range.
func (w *world) audit(from, to attempt.Instant, change ...func(*audit.Config)) *filed {
	w.t.Helper()
	f, err := w.tryAudit(from, to, change...)
	if err != nil {
		w.t.Fatal(err)
	}
	return f
}

func (w *world) tryAudit(from, to attempt.Instant, change ...func(*audit.Config)) (*filed, error) {
	w.t.Helper()
	dir := w.t.TempDir()
	var accounts []audit.Account
	for _, a := range w.accounts {
		accounts = append(accounts, audit.Account{Name: a, API: w.client(a)})
	}
	c := audit.Config{
		Accounts: accounts, States: attempt.States(),
		Range: schedule.Span{From: from, Until: to}, Kafka: w.kafka, Topics: w.layout,
		WindowMax: 24 * time.Hour, WindowAttempts: 1000, Version: "test", Patience: time.Second, TempDir: dir, Log: brokertest.Logger(w.t),
	}
	ctx, cancel := context.WithTimeout(w.t.Context(), patience)
	defer cancel()
	w.stop = cancel
	for _, f := range change {
		f(&c)
	}
	report, err := audit.Run(ctx, c)
	f := &filed{}
	if err == nil {
		f = w.file(report)
	}
	if left, _ := os.ReadDir(dir); len(left) > 0 {
		w.t.Errorf("the audit left files: %v", left)
	}
	return f, err
}

// file writes a report in both forms, and reads it back.
func (w *world) file(report *audit.Report) *filed {
	w.t.Helper()
	f := &filed{}
	var text, table bytes.Buffer
	if err := report.JSON(&text); err != nil {
		w.t.Fatal(err)
	}
	if err := report.Table(&table, noColours); err != nil {
		w.t.Fatal(err)
	}
	if err := report.Close(); err != nil {
		w.t.Fatal(err)
	}
	decoder := json.NewDecoder(&text)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(f); err != nil {
		w.t.Fatalf("%v in the report:\n%s", err, &text)
	}
	f.table = table.String()
	for _, personal := range []string{"@example.", "mail"} {
		if strings.Contains(f.table, personal) {
			w.t.Fatalf("the report has an address in it:\n%s", f.table)
		}
	}
	return f
}

// clean fails the test unless nothing is wrong and something was compared.
func (f *filed) clean(t testing.TB) {
	t.Helper()
	if !f.Clean || !f.Digests.Equal || f.Totals.Told == 0 || f.Totals.Shown != f.Totals.Told || !strings.HasPrefix(f.Verdict, "Clean") {
		t.Fatalf("the report is not clean, or shows nothing:\n%s", f.table)
	}
}

// of are the lines of a kind: id and status, sorted.
func (f *filed) of(k audit.Kind) []string {
	var out []string
	for _, l := range f.Differences {
		if l.Kind == k && l.ID != nil {
			out = append(out, fmt.Sprintf("%d:%s", *l.ID, l.Status))
		} else if l.Kind == k {
			out = append(out, l.Letter)
		}
	}
	slices.Sort(out)
	return out
}

// wants compares the lines of a kind.
func (f *filed) wants(t testing.TB, k audit.Kind, want ...string) {
	t.Helper()
	slices.Sort(want)
	if got := f.of(k); !slices.Equal(got, want) {
		t.Errorf("%s: %v, want %v in\n%s", k, got, want, f.table)
	}
}

// ago is a whole second some time ago.
func ago(d time.Duration) time.Time { return time.Now().Add(-d).Truncate(time.Second) }
