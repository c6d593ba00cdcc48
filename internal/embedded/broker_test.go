package embedded_test

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"attemptstream/internal/embedded"
)

func TestBrokerInMemory(t *testing.T) {
	t.Parallel()
	b := start(t, "")
	createTopic(t, b.Addr(), "events", 2, nil)
	p := producer(t, b.Addr(), "worker")
	for _, v := range []string{"a", "b"} {
		if err := transact(testContext(t), p, kgo.TryCommit, everywhere("events", v, 2)...); err != nil {
			t.Fatal(err)
		}
		if err := transact(testContext(t), p, kgo.TryAbort, everywhere("events", v+" aborted", 2)...); err != nil {
			t.Fatal(err)
		}
	}
	mustSee(t, b.Addr(), "events", "a", "b")
	if err := errors.Join(b.Close(), b.Close()); err != nil {
		t.Fatal(err)
	}
	if conn, err := net.Dial("tcp", b.Addr()); err == nil {
		_ = conn.Close()
		t.Error("it still listens after Close")
	}
}

// groupRead reads n records as a member of a group, and commits.
func groupRead(t *testing.T, addr, group, topic string, n int) []string {
	t.Helper()
	cl := client(t, addr, kgo.ConsumerGroup(group), kgo.ConsumeTopics(topic), kgo.DisableAutoCommit(),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	defer cl.Close()
	var values []string
	for len(values) < n {
		fetches := cl.PollRecords(testContext(t), n-len(values))
		if err := fetches.Err(); err != nil {
			t.Fatal(err)
		}
		fetches.EachRecord(func(r *kgo.Record) { values = append(values, string(r.Value)) })
	}
	if err := cl.CommitUncommittedOffsets(testContext(t)); err != nil {
		t.Fatal(err)
	}
	return values
}

func TestBrokerKeepsEverything(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	compact := "compact"
	for round, stopped := range []func(*embedded.Broker){
		func(b *embedded.Broker) { stop(t, b) },
		func(b *embedded.Broker) { dir = snapshot(t, dir) }, // dies
		func(b *embedded.Broker) { dir = snapshot(t, dir) },
		func(b *embedded.Broker) { stop(t, b) },
		func(*embedded.Broker) {},
	} {
		b := start(t, dir)
		if round == 0 {
			createTopic(t, b.Addr(), "events", 1, nil)
			createTopic(t, b.Addr(), "events.state", 3, map[string]*string{"cleanup.policy": &compact})
		}
		topics, err := kadm.NewClient(client(t, b.Addr())).ListTopics(testContext(t))
		if err != nil {
			t.Fatal(err)
		}
		if len(topics) != 2 || len(topics["events.state"].Partitions) != 3 {
			t.Fatalf("topics after %d starts: %v", round, topics)
		}
		values := numbers(3*round + 3)
		p := producer(t, b.Addr(), "worker")
		for _, v := range values[3*round:] {
			records := append(everywhere("events", v, 1), everywhere("events.state", v, 3)...)
			if err := transact(testContext(t), p, kgo.TryCommit, records...); err != nil {
				t.Fatalf("start %d: %v", round, err)
			}
		}
		mustSee(t, b.Addr(), "events", values...)
		mustSee(t, b.Addr(), "events.state", values...)

		// A group reads two of every three: it goes on where it was.
		if got, want := groupRead(t, b.Addr(), "downstream", "events", 2), values[2*round:2*round+2]; !slices.Equal(got, want) {
			t.Fatalf("start %d: the group got %q, want %q", round, got, want)
		}

		// Open when the broker stops.
		if err := p.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		if err := p.ProduceSync(testContext(t), everywhere("events.state", "open", 3)...).FirstErr(); err != nil {
			t.Fatal(err)
		}
		stopped(b)
	}
}

func TestBrokerTellsWhyItCannotStart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	b := start(t, dir)
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		cfg     embedded.Config
		is      error
		mention []string
	}{
		"port in use": {
			embedded.Config{Addr: b.Addr()}, embedded.ErrAddressInUse,
			[]string{b.Addr(), "stop it", "KAFKA_BROKERS=" + b.Addr()},
		},
		"port in use, with data": {embedded.Config{Addr: b.Addr(), DataDir: filepath.Join(t.TempDir(), "new")}, embedded.ErrAddressInUse, nil},
		"locked":                 {embedded.Config{Addr: ":0", DataDir: dir}, embedded.ErrLocked, []string{dir, "DATA_DIR"}},
		"locked and in use":      {embedded.Config{Addr: b.Addr(), DataDir: dir}, embedded.ErrLocked, nil},
		"not a directory":        {embedded.Config{Addr: ":0", DataDir: file}, nil, []string{file, "DATA_DIR"}},
		"wildcard":               {embedded.Config{Addr: "0.0.0.0:0"}, nil, []string{"0.0.0.0:0", "127.0.0.1"}},
		"no port":                {embedded.Config{Addr: "localhost"}, nil, []string{"localhost", "host:port"}},
		"not ours": {embedded.Config{Addr: ":0", ListenFn: func(string, string) (net.Listener, error) {
			return nil, os.ErrPermission
		}}, os.ErrPermission, []string{"127.0.0.1:0"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			b, err := embedded.Start(test.cfg)
			if err == nil {
				stop(t, b)
				t.Fatal("it started")
			}
			if test.is != nil && !errors.Is(err, test.is) {
				t.Errorf("got %v", err)
			}
			for _, text := range test.mention {
				if !strings.Contains(err.Error(), text) {
					t.Errorf("the error does not mention %q: %v", text, err)
				}
			}
		})
	}
	stop(t, b)
	start(t, dir)
}
