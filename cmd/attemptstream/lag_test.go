package main

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"attemptstream/internal/embedded"
	"attemptstream/internal/kafkatx"
	"attemptstream/internal/operate/groups"
	"attemptstream/internal/topics"
)

// A readStream is a stream that groups read, with events that are written by hand.
type readStream struct {
	env      map[string]string
	brokers  string
	producer *kafkatx.Producer
	admin    *kadm.Client
}

const readTopic = "test-attempts"

func startReadStream(t *testing.T) *readStream {
	t.Helper()
	broker, err := embedded.Start(embedded.Config{Addr: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := broker.Close(); err != nil {
			t.Error(err)
		}
	})
	client := kafkatx.NewClient(kafkatx.Config{Brokers: []string{broker.Addr()}})
	t.Cleanup(client.Close)
	if _, err := topics.Ensure(t.Context(), client.Kafka(), topics.Config{Topic: readTopic, Partitions: 2, ReplicationFactor: 1}); err != nil {
		t.Fatal(err)
	}
	franz, err := kgo.NewClient(kgo.SeedBrokers(broker.Addr()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(franz.Close)
	s := &readStream{
		env: map[string]string{"KAFKA_BROKERS": broker.Addr(), "LOG_LEVEL": "error"}, brokers: broker.Addr(),
		producer: client.NewProducer(kafkatx.ProducerConfig{TransactionalID: "writer"}), admin: kadm.NewClient(franz),
	}
	if err := s.producer.Init(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s
}

// write commits n events into each partition, all observed at one time.
func (s *readStream) write(t *testing.T, n int, at time.Time) {
	t.Helper()
	var records []kafkatx.Record
	for i := range 2 * n {
		records = append(records, kafkatx.Record{Topic: readTopic, Partition: i % 2, Value: []byte("{}"), Time: at})
	}
	if err := s.producer.Commit(t.Context(), records); err != nil {
		t.Fatal(err)
	}
}

// commit gives a group an offset in partition 0.
func (s *readStream) commit(t *testing.T, group string, offset int64) {
	t.Helper()
	var offsets kadm.Offsets
	offsets.AddOffset(readTopic, 0, offset, -1)
	if err := s.admin.CommitAllOffsets(t.Context(), group, offsets); err != nil {
		t.Fatal(err)
	}
}

// join lets a consumer join a group, and leave it again when leave is called.
func (s *readStream) join(t *testing.T, group string) (leave func()) {
	t.Helper()
	c, err := kgo.NewClient(kgo.SeedBrokers(s.brokers), kgo.ConsumerGroup(group), kgo.ConsumeTopics(readTopic), kgo.ClientID("billing-7"),
		kgo.DisableAutoCommit())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := c.PollFetches(ctx).Err(); err != nil {
		t.Fatal(err)
	}
	return c.Close
}

func TestLag(t *testing.T) {
	t.Parallel()
	s := startReadStream(t)
	r := start(t, s.env, "lag")
	r.wait(exitDone)
	if !strings.Contains(r.out.String(), "0 consumer groups") || !strings.Contains(r.out.String(), "One appears when") {
		t.Errorf("of a topic that nobody reads:\n%s", r.out.String())
	}

	s.write(t, 1000, time.Now().Add(-2*time.Hour))
	s.commit(t, "billing", 1001) // behind the commit marker
	s.commit(t, "mail", 0)
	r = start(t, s.env, "lag")
	r.wait(exitDone)
	for _, want := range []string{
		"2 consumer groups", "billing  has no offset for some partitions  Empty, 0 members", "PARTITION  OFFSET",
		"mail  1,000 events behind, 2h", "nobody reads", "1,000 events in partitions for which the group has no offset", "(1,000)",
	} {
		if !strings.Contains(r.out.String(), want) {
			t.Errorf("it does not say %q:\n%s", want, r.out.String())
		}
	}

	r = start(t, s.env, "lag", "--group", "mail", "--output", "json")
	r.wait(exitDone)
	var report groups.Report
	if err := json.Unmarshal([]byte(r.out.String()), &report); err != nil || len(report.Groups) != 1 || report.Groups[0].Events != 1000 {
		t.Errorf("%v: %+v\n%s", err, report, r.out.String())
	}

	r = start(t, s.env, "lag", "--group", "mial")
	r.wait(exitFailed)
	if !strings.Contains(r.err.String(), `group "mial" does not exist`) || !strings.Contains(r.err.String(), "are: billing, mail") {
		t.Errorf("an unknown group: %s", r.err.String())
	}

	env := map[string]string{"KAFKA_BROKERS": s.brokers, "KAFKA_TOPIC": "nothing"}
	r = start(t, env, "lag")
	r.wait(exitFailed)
	if !strings.Contains(r.err.String(), "check KAFKA_TOPIC") {
		t.Errorf("a topic that does not exist: %s", r.err.String())
	}
}

// --watch goes on until it is stopped, which is no failure.
func TestLagWatch(t *testing.T) {
	t.Parallel()
	s := startReadStream(t)
	s.write(t, 3, time.Now())
	s.commit(t, "mail", 0)
	lines := start(t, s.env, "lag", "--watch", "--output", "json")
	table := start(t, s.env, "lag", "--watch", "--group", "mail")
	lines.until(`"eventsBehind":3,`)
	table.until("mail  3 events behind")
	s.write(t, 4, time.Now())
	lines.until(`"eventsBehind":7,`)
	table.until("mail  7 events behind")
	for _, r := range []*running{lines, table} {
		r.cancel()
		r.wait(exitDone)
		if r.err.String() != "" {
			t.Errorf("on standard error: %s", r.err.String())
		}
	}
	for line := range strings.Lines(lines.out.String()) {
		if !json.Valid([]byte(line)) || !strings.HasSuffix(line, "\n") {
			t.Errorf("no document: %q", line)
		}
	}
	if strings.Contains(table.out.String(), "\x1b") {
		t.Errorf("control sequences where there is no terminal: %q", table.out.String())
	}
}

func TestLagUsage(t *testing.T) {
	t.Parallel()
	for want, args := range map[string][]string{
		"--group is empty":   {"lag", "--group", ""},
		"want table or json": {"lag", "--output", "xml"},
		"unknown command":    {"lag", "mail"},
	} {
		r := start(t, map[string]string{"KAFKA_BROKERS": "127.0.0.1:1"}, args...)
		r.wait(exitUsage)
		if !strings.Contains(r.err.String(), want) || !strings.Contains(r.err.String(), "See: attemptstream lag --help") {
			t.Errorf("%q: %s", args, r.err.String())
		}
	}
	r := start(t, nil, "lag", "--help")
	r.wait(exitDone)
	if !strings.Contains(r.out.String(), "kafka-consumer-groups shows more") {
		t.Errorf("its help does not say why other tools show another number:\n%s", r.out.String())
	}
}

func TestRedrawn(t *testing.T) {
	t.Parallel()
	const text = "a\nb\nc\nd\n"
	if got := string(redrawn([]byte(text), upperLeft, 24)); got != "\x1b[Ha\x1b[K\nb\x1b[K\nc\x1b[K\nd\x1b[K\n\x1b[J" {
		t.Errorf("%q", got)
	}
	got := redrawn([]byte(text), upperLeft, 4)
	if n := bytes.Count(got, []byte("\n")); n != 3 || !bytes.Contains(got, []byte("b\x1b[K\n… --group")) {
		t.Errorf("on 4 lines: %q", got)
	}
}
