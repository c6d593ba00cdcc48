//go:build unix

package misuse_test

import (
	"context"
	"encoding/json"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"attemptstream/internal/attempt"
	"attemptstream/internal/imochasim/ledger"
	"attemptstream/internal/kafkatest"
	"attemptstream/internal/program"
	"attemptstream/internal/stage"
	"attemptstream/internal/witness"
)

// addPartitions does what kafka-topics.sh --alter --partitions does.
func addPartitions(t testing.TB, s *stage.Stage, topic string, to int) {
	t.Helper()
	if _, err := s.Admin.UpdatePartitions(t.Context(), to, topic); err != nil {
		t.Fatal(err)
	}
	await(t, s, topic, to)
}

// await waits until a topic has so many partitions.
func await(t testing.TB, s *stage.Stage, topic string, partitions int) {
	t.Helper()
	program.Eventually(t, stage.Patience, "the topic has its partitions", func() bool {
		topics, err := s.Admin.ListTopics(t.Context(), topic)
		return err == nil && len(topics[topic].Partitions) == partitions && topics[topic].Err == nil
	}, func() string { return topic })
}

// place is the partition of a key, by murmur2 as Java's.
func place(key string, partitions int) int32 {
	return int32(kgo.StickyKeyPartitioner(nil).ForTopic("").Partition(&kgo.Record{Key: []byte(key)}, partitions))
}

// stays are the accounts whose partition is the same with two numbers of partitions, and the others.
func stays(accounts []attempt.Account, from, to int) (staying, moved []attempt.Account) {
	for _, name := range accounts {
		if place(string(name), from) == place(string(name), to) {
			staying = append(staying, name)
		} else {
			moved = append(moved, name)
		}
	}
	return staying, moved
}

// recreate deletes a topic and creates it with so many partitions, and nothing in them.
func recreate(t testing.TB, s *stage.Stage, topic string, partitions int, policy string) {
	t.Helper()
	if _, err := s.Admin.DeleteTopics(t.Context(), topic); err != nil {
		t.Fatal(err)
	}
	program.Eventually(t, stage.Patience, "the topic is there again", func() bool {
		res, err := s.Admin.CreateTopic(t.Context(), int32(partitions), 1, map[string]*string{"cleanup.policy": &policy}, topic)
		return err == nil && res.Err == nil
	}, func() string { return topic })
	await(t, s, topic, partitions)
}

// rewrite does what a restore from a copy does: it deletes a topic, creates it with so many partitions, and writes each of its
// records into the partition that where says.
func rewrite(t testing.TB, s *stage.Stage, topic string, partitions int, where func(*kgo.Record) int32) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), stage.Patience)
	defer cancel()
	copied, err := witness.Records(ctx, s.Brokers, topic)
	if err != nil {
		t.Fatal(err)
	}
	recreate(t, s, topic, partitions, "compact")
	client, err := kgo.NewClient(kgo.SeedBrokers(s.Brokers...), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	for _, r := range copied {
		to := &kgo.Record{Topic: topic, Partition: where(r), Key: r.Key, Value: r.Value, Headers: r.Headers, Timestamp: r.Timestamp}
		client.Produce(ctx, to, func(_ *kgo.Record, err error) {
			if err != nil {
				t.Error(err)
			}
		})
	}
	if err := client.Flush(ctx); err != nil {
		t.Fatal(err)
	}
}

// accountOf is the account that a record of the state topic is about.
func accountOf(r *kgo.Record) string {
	name, _, _ := strings.Cut(string(r.Key), "/")
	return name
}

// An administrator adds partitions to the state topic while a worker runs. It goes on. One that is started then is given
// nothing beside it, and alone it tells of no account whose memory it would not find: it names them. Put back as it was, the
// topic serves all accounts again.
func TestStatePartitionsAdded(t *testing.T) {
	t.Parallel()
	s := stage.New(t, kafkatest.Shared(t).Addrs(), 6)
	topic := s.Topic + ".state"
	a := s.Start("run")
	s.Progress(a)
	addPartitions(t, s, topic, 6)
	s.Progress(a)
	b := s.Start("run")
	b.Says(stage.Patience, `"level":"error"`, "another number of partitions", `"partitions":6`, `"others":3`)
	s.Progress(a, b)
	stage.Stop(a)
	staying, moved := stays(s.Accounts, 3, 6)
	if len(moved) == 0 || len(staying) == 0 {
		t.Fatalf("of the accounts %v stay and %v move: the test shows nothing", staying, moved)
	}
	for _, name := range moved {
		b.Says(stage.Patience, `"level":"error"`, `"account":"`+string(name)+`"`, topic, "had another number of partitions", "KAFKA_TOPIC")
	}
	s.ProgressOf(staying, b)
	b.Signal(syscall.SIGTERM)
	b.Wait(1, stage.StopTime) // it has failed for some
	rewrite(t, s, topic, 3, func(r *kgo.Record) int32 { return place(accountOf(r), 3) })
	c := s.Start("run")
	s.Progress(c)
	stage.Stop(c)
	s.Verify()
}

// A state topic is restored from a copy with fewer partitions than it had, each record by its own key, as tools do that know
// no better: no account is told without all of its memory.
func TestStateScattered(t *testing.T) {
	t.Parallel()
	s := stage.New(t, kafkatest.Shared(t).Addrs(), 6)
	topic := s.Topic + ".state"
	a := s.Start("run")
	s.Progress(a)
	stage.Stop(a)
	rewrite(t, s, topic, 2, func(r *kgo.Record) int32 { return place(string(r.Key), 2) })
	b := s.Start("run")
	for _, name := range s.Accounts {
		b.Says(stage.Patience, `"account":"`+string(name)+`"`, `"level":"error"`)
	}
	b.Wait(1, stage.Patience)
	if n := b.Count(`"logger":"admin"`); n > 0 {
		t.Errorf("it ends by itself and complains of its status page:\n%s", b.Tail())
	}
	rewrite(t, s, topic, 3, func(r *kgo.Record) int32 { return place(accountOf(r), 3) })
	c := s.Start("run")
	s.Progress(c)
	stage.Stop(c)
	s.Verify()
}

// An administrator adds partitions to the topic of events. Workers place by the number that there was when they started, and
// by the new one when they are started again: nothing is lost, and what is told of an invitation by one worker is in order.
func TestEventPartitionsAdded(t *testing.T) {
	t.Parallel()
	const before, after = 3, 5
	s := stage.New(t, kafkatest.Shared(t).Addrs(), 2)
	a := s.Start("run")
	s.Progress(a)
	addPartitions(t, s, s.Topic, after)
	s.Progress(a)
	b := s.Start("run")
	b.Says(stage.Patience, `"level":"warn"`, s.Topic, "has 5 partitions, KAFKA_PARTITIONS is 3")
	stage.Stop(a)
	s.Progress(b)
	stage.Stop(b)
	to := s.Finish()
	records, err := witness.Records(t.Context(), s.Brokers, s.Topic)
	if err != nil {
		t.Fatal(err)
	}
	events := map[attempt.Account][]ledger.Observed{}
	anew := 0
	for _, r := range records {
		name, o := observed(t, r)
		old, new := place(string(r.Key), before), place(string(r.Key), after)
		// All that has the same two places is in order in the first and then in the second.
		o.Partition, o.Offset = old*after+new, r.Offset
		switch r.Partition {
		case old:
		case new:
			o.Offset += 1 << 40
			anew++
		default:
			t.Errorf("event %s is in partition %d, want %d or %d", o.EventID, r.Partition, old, new)
		}
		events[name] = append(events[name], o)
	}
	if anew == 0 {
		t.Error("nothing was placed by the new number of partitions: the test shows nothing")
	}
	s.Judge(to, events)
}

// observed is an event as it was found.
func observed(t testing.TB, r *kgo.Record) (attempt.Account, ledger.Observed) {
	t.Helper()
	var e struct {
		EventID, Account, State string
		Window                  struct{ Start, End time.Time }
		Late                    bool
		Attempt                 struct {
			TestInvitationID int64
			TestStatus       attempt.Status
		}
	}
	if err := json.Unmarshal(r.Value, &e); err != nil {
		t.Fatal(err)
	}
	return attempt.Account(e.Account), ledger.Observed{
		EventID: e.EventID, State: attempt.State(e.State), ID: e.Attempt.TestInvitationID, Status: e.Attempt.TestStatus,
		WindowStart: e.Window.Start, WindowEnd: e.Window.End, Late: e.Late,
	}
}

// Somebody deletes the topic of events and creates it with fewer partitions. The worker says which partition is missing and
// what to do, and after a new start it goes on: what was told before is not told again.
func TestEventPartitionsFewer(t *testing.T) {
	t.Parallel()
	s := stage.New(t, kafkatest.Shared(t).Addrs(), 1)
	a := s.Start("run")
	s.Progress(a)
	told := map[string]bool{}
	for _, e := range witness.Events(t, s.Brokers, s.Topic, s.Accounts[0]) {
		told[e.EventID] = true
	}
	if len(told) == 0 {
		t.Fatal("nothing was told before: the test shows nothing")
	}
	recreate(t, s, s.Topic, 1, "delete")
	a.Says(stage.Patience, `"level":"warn"`, s.Topic, "does not exist", "fewer partitions, start this program again")
	stage.Stop(a)
	b := s.Start("run")
	program.Eventually(t, stage.Patience, "the worker goes on", func() bool { return len(witness.Events(t, s.Brokers, s.Topic, s.Accounts[0])) > 20 }, b.Tail)
	stage.Stop(b)
	for _, e := range witness.Events(t, s.Brokers, s.Topic, s.Accounts[0]) {
		if told[e.EventID] {
			t.Errorf("%s is told again", e.EventID)
		}
		told[e.EventID] = true
	}
}
