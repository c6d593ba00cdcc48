package ownership_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest"

	"attemptstream/internal/embedded"
	"attemptstream/internal/kafkatest"
	"attemptstream/internal/ownership"
)

func TestMain(m *testing.M) { os.Exit(kafkatest.Main(m)) }

const (
	// patience bounds every wait.
	patience = 2 * time.Minute
	// slack is for a machine that is busy with other things.
	slack = 15 * time.Second
)

// onBrokers runs a test on the embedded broker, and on a real Apache Kafka if there is one.
func onBrokers(t *testing.T, test func(t *testing.T, brokers []string)) {
	t.Helper()
	t.Parallel()
	t.Run("embedded", func(t *testing.T) {
		t.Parallel()
		b, err := embedded.Start(embedded.Config{Addr: "127.0.0.1:0"})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := b.Close(); err != nil {
				t.Error(err)
			}
		})
		test(t, []string{b.Addr()})
	})
	t.Run("kafka", func(t *testing.T) {
		t.Parallel()
		test(t, kafkatest.Shared(t).Addrs())
	})
}

var groupNumber atomic.Int64

// A world is a group in which members come and go.
type world struct {
	t        *testing.T
	brokers  []string
	group    string
	accounts []int

	mu      sync.Mutex
	owners  map[int]string // by partition
	overlap []string       // what two members worked on at once
	moves   []move
	changed chan struct{}
}

// A move is a partition that a member has begun to work on.
type move struct {
	partition int
	to        string
	at        time.Time
}

func newWorld(t *testing.T, brokers []string, accounts ...int) *world {
	return &world{t: t, brokers: brokers, accounts: accounts, owners: map[int]string{}, changed: make(chan struct{}),
		group: fmt.Sprintf("group-%d-%d", os.Getpid(), groupNumber.Add(1))}
}

// A wire is a member's way to Kafka, which can be cut: nothing passes, in neither direction, and nobody is told.
type wire struct {
	*kafka.Transport
	mu  sync.Mutex
	cut chan struct{} // closed when the wire is whole
}

func newWire() *wire {
	w := &wire{cut: make(chan struct{}), Transport: &kafka.Transport{DialTimeout: 3 * time.Second, MetadataTTL: time.Second}}
	close(w.cut)
	return w
}

func (w *wire) RoundTrip(ctx context.Context, addr net.Addr, req kafka.Request) (kafka.Response, error) {
	if err := w.pass(ctx); err != nil {
		return nil, err
	}
	res, err := w.Transport.RoundTrip(ctx, addr, req)
	if lost := w.pass(ctx); lost != nil {
		return nil, lost
	}
	return res, err
}

func (w *wire) pass(ctx context.Context) error {
	w.mu.Lock()
	cut := w.cut
	w.mu.Unlock()
	select {
	case <-cut:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (w *wire) sever() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cut = make(chan struct{})
}

func (w *wire) mend() {
	w.mu.Lock()
	defer w.mu.Unlock()
	close(w.cut)
}

// A member is one worker's membership.
type member struct {
	*ownership.Group
	w    *world
	name string
	wire *wire
	stop context.CancelFunc
	done chan struct{}
	err  error
	slow time.Duration // how long the end of its work on a partition takes
}

func (w *world) join(name string, change ...func(*ownership.Config)) *member {
	w.t.Helper()
	m := &member{w: w, name: name, wire: newWire(), done: make(chan struct{})}
	c := ownership.Config{
		Kafka: &kafka.Client{Addr: kafka.TCP(w.brokers...), Transport: m.wire},
		Group: w.group, Topic: w.group + ".state", Accounts: w.accounts, ClientID: name, Log: w.logger(name),
	}
	for _, f := range change {
		f(&c)
	}
	m.Group = ownership.New(c)
	ctx, cancel := context.WithCancel(context.Background())
	m.stop = cancel
	go func() {
		defer close(m.done)
		m.err = m.Run(ctx, m.own)
	}()
	w.t.Cleanup(func() {
		cancel()
		<-m.done
		m.wire.CloseIdleConnections()
	})
	return m
}

func (w *world) logger(name string) *zap.Logger {
	if os.Getenv("ATTEMPTSTREAM_TEST_LOG") == "" {
		return zap.NewNop()
	}
	return zaptest.NewLogger(w.t).Named(name)
}

func (m *member) own(ctx context.Context, partition int) {
	m.w.begin(m.name, partition)
	<-ctx.Done()
	time.Sleep(m.slow)
	m.w.end(m.name, partition)
}

func (w *world) begin(name string, partition int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if before := w.owners[partition]; before != "" {
		w.overlap = append(w.overlap, fmt.Sprintf("partition %d: %s and %s", partition, before, name))
	}
	w.owners[partition] = name
	w.moves = append(w.moves, move{partition, name, time.Now()})
	w.tell()
}

func (w *world) end(name string, partition int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.owners[partition] == name {
		delete(w.owners, partition)
	}
	w.tell()
}

func (w *world) tell() {
	close(w.changed)
	w.changed = make(chan struct{})
}

// has are the partitions of a member.
func (w *world) has(name string) (partitions []int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for p, owner := range w.owners {
		if owner == name {
			partitions = append(partitions, p)
		}
	}
	slices.Sort(partitions)
	return partitions
}

// await waits until something is so.
func (w *world) await(what string, ok func() bool) {
	w.t.Helper()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	for {
		w.mu.Lock()
		changed := w.changed
		w.mu.Unlock()
		if ok() {
			return
		}
		select {
		case <-changed:
		case <-timer.C:
			w.mu.Lock()
			defer w.mu.Unlock()
			w.t.Fatalf("not within %s: %s; the owners are %v", patience, what, w.owners)
		}
	}
}

// all waits until each partition has an owner of those.
func (w *world) all(names ...string) {
	w.t.Helper()
	w.await(fmt.Sprintf("%v have all partitions", names), func() bool {
		n := 0
		for _, name := range names {
			n += len(w.has(name))
		}
		return n == len(w.accounts)
	})
}

// single checks that nothing had two owners at a time.
func (w *world) single() {
	w.t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.overlap) > 0 {
		w.t.Errorf("two members at once: %v", w.overlap)
	}
}

func (w *world) topic() string { return w.group + ".state" }

// create creates the topic, which only members that are no workers of ours need.
func (w *world) create() {
	w.t.Helper()
	client := &kafka.Client{Addr: kafka.TCP(w.brokers...), Timeout: 10 * time.Second}
	_, err := client.CreateTopics(w.t.Context(), &kafka.CreateTopicsRequest{Topics: []kafka.TopicConfig{{Topic: w.topic(), NumPartitions: len(w.accounts), ReplicationFactor: 1}}})
	if err != nil {
		w.t.Fatal(err)
	}
}

// counted waits until the group has counted the member in.
func (m *member) counted() {
	m.w.t.Helper()
	ctx, cancel := context.WithTimeout(m.w.t.Context(), patience)
	defer cancel()
	if err := m.Confirm(ctx); err != nil {
		m.w.t.Fatalf("%s is no member: %v", m.name, err)
	}
}
