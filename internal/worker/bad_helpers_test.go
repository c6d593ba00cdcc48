package worker_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"attemptstream/internal/attempt"
	"attemptstream/internal/imochasim/ledger"
	"attemptstream/internal/state"
	"attemptstream/internal/topics"
	"attemptstream/internal/witness"
	"attemptstream/internal/worker"
)

// mustMention holds an error to what an operator has to read in it.
func mustMention(t testing.TB, err error, texts ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want one that mentions %q", texts)
	}
	for _, text := range texts {
		if !strings.Contains(err.Error(), text) {
			t.Errorf("the error does not mention %q: %v", text, err)
		}
	}
}

// A logbook is all that a worker logs.
type logbook struct {
	core zapcore.Core
	*observer.ObservedLogs
}

func newLog() *logbook {
	core, logs := observer.New(zap.DebugLevel)
	return &logbook{core, logs}
}

// use makes a worker write to the log.
func (l *logbook) use(c *worker.Config) {
	c.Log = zap.New(zapcore.NewTee(l.core, c.Log.Core())).With(zap.String("account", string(account)))
}

// has tells whether an error that is target was logged.
func (l *logbook) has(target error) bool {
	for _, e := range l.All() {
		for _, f := range e.Context {
			if err, ok := f.Interface.(error); ok && errors.Is(err, target) {
				return true
			}
		}
	}
	return false
}

// text is every line with its fields, as a person would see it.
func (l *logbook) text() string {
	encoder := zapcore.NewJSONEncoder(zap.NewProductionEncoderConfig())
	var b strings.Builder
	for _, e := range l.All() {
		line, err := encoder.EncodeEntry(e.Entry, e.Context)
		if err != nil {
			fmt.Fprintf(&b, "%s: %v\n", e.Message, err)
			continue
		}
		b.Write(line.Bytes())
	}
	return b.String()
}

// mustMention holds the log to a line in which all the texts are.
func (l *logbook) mustMention(t testing.TB, texts ...string) {
	t.Helper()
	for line := range strings.Lines(l.text()) {
		all := true
		for _, text := range texts {
			all = all && strings.Contains(line, text)
		}
		if all {
			return
		}
	}
	t.Errorf("no line of the log mentions all of %q:\n%s", texts, l.text())
}

// run runs a worker to its end, which must be a good one.
func (w *world) run(p *process) {
	w.t.Helper()
	if err := w.end(p); err != nil {
		w.t.Fatalf("the worker failed: %v; the API: %+v", err, w.sim.Stats())
	}
}

// end runs a worker to its end, and returns what it says.
func (w *world) end(p *process) error {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), patience)
	defer cancel()
	err := p.Run(ctx)
	if ctx.Err() != nil {
		w.t.Fatalf("the worker has not ended within %s: %+v; the API: %+v", patience, p.Progress(), w.sim.Stats())
	}
	return err
}

// A stage is a worker that runs beside the test.
type stage struct {
	*process
	world  *world
	stop   context.CancelFunc
	result chan error
}

// play starts a worker; it is stopped at the end of the test at the latest.
func (w *world) play(p *process) *stage {
	ctx, cancel := context.WithCancel(context.Background())
	s := &stage{p, w, cancel, make(chan error, 1)}
	done := make(chan struct{})
	go func() { defer close(done); s.result <- p.Run(ctx) }()
	w.t.Cleanup(func() { cancel(); <-done })
	return s
}

// until waits for a progress of which good is true. The worker must not end before.
func (s *stage) until(what string, good func(worker.Progress) bool) worker.Progress {
	s.world.t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	limit := time.After(patience)
	for {
		if p := s.Progress()[0]; good(p) {
			return p
		}
		select {
		case err := <-s.result:
			s.world.t.Fatalf("waiting for %s: the worker ended: %v", what, err)
		case <-limit:
			s.world.t.Fatalf("waiting for %s: %+v", what, s.Progress()[0])
		case <-tick.C:
		}
	}
}

// end stops the worker, which must end well.
func (s *stage) end() {
	s.world.t.Helper()
	s.stop()
	if err := <-s.result; err != nil {
		s.world.t.Fatalf("the worker ended with: %v", err)
	}
}

// ended waits for the worker to end by itself, and returns what it says.
func (s *stage) ended() error {
	s.world.t.Helper()
	select {
	case err := <-s.result:
		return err
	case <-time.After(patience):
		s.world.t.Fatalf("the worker does not end: %+v", s.Progress()[0])
		return nil
	}
}

// A clock is the time, moved forward as a test likes.
type clock struct{ ahead atomic.Int64 }

func (c *clock) now() time.Time            { return time.Now().Add(time.Duration(c.ahead.Load())) }
func (c *clock) advance(d time.Duration)   { c.ahead.Add(int64(d)) }
func (c *clock) use(config *worker.Config) { config.Now = c.now }
func (w *world) admin() (*kadm.Client, func()) {
	w.t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(w.brokers...))
	if err != nil {
		w.t.Fatal(err)
	}
	return kadm.NewClient(client), client.Close
}

// records is how many records the topics of events and of dead letters have.
func (w *world) records() int {
	w.t.Helper()
	n := 0
	for _, topic := range []string{w.topic, topics.DLQTopic(w.topic)} {
		records, err := witness.Records(w.t.Context(), w.brokers, topic)
		if err != nil {
			w.t.Fatal(err)
		}
		n += len(records)
	}
	return n
}

// agree holds the state topic to the events: its index knows what was told, and nothing else.
func (w *world) agree(p *process) {
	w.t.Helper()
	w.agreeOn(p, w.events())
}

func (w *world) agreeOn(p *process, events []ledger.Observed) {
	w.t.Helper()
	at := state.Partition{Topic: topics.StateTopic(w.topic), Partition: topics.StatePartition(account, p.Topics.State.Partitions)}
	memory, err := state.Recover(w.t.Context(), p.kafka, at, account)
	if err != nil {
		w.t.Fatal(err)
	}
	type entry struct {
		id     int64
		status attempt.Status
	}
	first := map[entry]bool{}
	for _, e := range events {
		first[entry{e.ID, e.Status}] = true
		if !memory.Index.Look(e.ID, e.Status).Told {
			w.t.Errorf("event %s is in the topic and not in the index", e.EventID)
		}
	}
	if told := memory.Index.Told(); told != int64(len(first)) {
		w.t.Errorf("the index holds %d, the topic has events of %d", told, len(first))
	}
	letters := witness.Letters(w.t, w.brokers, topics.DLQTopic(w.topic), account)
	if memory.Letters.Len() != len(letters) {
		w.t.Errorf("the state knows %d dead letters, the topic has %d", memory.Letters.Len(), len(letters))
	}
}

// missing are the invitations whose events are missing; anything else that is wrong fails the test.
func (w *world) missing(scope ledger.Scope) map[int64]bool {
	w.t.Helper()
	expected := w.sim.Expected(string(account), scope)
	missing := map[int64]bool{}
	for _, p := range ledger.Check(expected, witness.Events(w.t, w.brokers, w.topic, account)) {
		if p.Kind != ledger.Missing {
			w.t.Error(p)
		}
		missing[p.ID] = true
	}
	return missing
}

// lettersSay holds dead letters to saying what is wrong with them, by their bytes.
func (w *world) lettersSay(reasons map[string]string) {
	w.t.Helper()
	records, err := witness.Records(w.t.Context(), w.brokers, topics.DLQTopic(w.topic))
	if err != nil {
		w.t.Fatal(err)
	}
	said := map[string]string{}
	for _, r := range records {
		for _, h := range r.Headers {
			if h.Key == "error" {
				said[string(r.Value)] = string(h.Value)
			}
		}
	}
	for raw, want := range reasons {
		if !strings.Contains(said[raw], want) {
			w.t.Errorf("the dead letter %.100s says %q, want %q", raw, said[raw], want)
		}
	}
}
