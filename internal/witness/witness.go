// Package witness reads for tests what is in Kafka, with a client that is not ours: franz-go, read_committed. It holds
// every event to its schema, its key and headers to the contract, and its place to the partition that Java's producer
// would choose.
//
// It shares no code with what it judges; package eventtest, which knows the schema and not the encoder, is all it uses.
package witness

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"attemptstream/internal/attempt"
	"attemptstream/internal/event/eventtest"
	"attemptstream/internal/imochasim/ledger"
)

// patience bounds every wait for Kafka.
const patience = time.Minute

// Records are the committed records of a topic, by partition and offset, as of the last stable offsets once no
// transaction is open. Of a topic that does not exist there are none. The options are for networks that are not the
// machine's own (kgo.Dialer).
func Records(ctx context.Context, brokers []string, topic string, opts ...kgo.Opt) ([]*kgo.Record, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	client, err := kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(brokers...), kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.KeepControlRecords()}, opts...)...)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	ends, err := settled(ctx, kadm.NewClient(client), topic)
	if err != nil {
		return nil, fmt.Errorf("topic %s: %w", topic, err)
	}
	starts, err := kadm.NewClient(client).ListStartOffsets(ctx, topic)
	if err != nil {
		return nil, fmt.Errorf("topic %s: %w", topic, err)
	}
	open := map[int32]int64{}
	from := map[int32]kgo.Offset{}
	ends.Each(func(o kadm.ListedOffset) {
		if start, ok := starts.Lookup(topic, o.Partition); ok && start.Offset < o.Offset {
			open[o.Partition] = o.Offset
			from[o.Partition] = kgo.NewOffset().At(start.Offset)
		}
	})
	client.AddConsumePartitions(map[string]map[int32]kgo.Offset{topic: from})
	var records []*kgo.Record
	for len(open) > 0 {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return nil, fmt.Errorf("topic %s: %w", topic, err)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			end, ok := open[r.Partition]
			if !ok {
				return
			}
			if r.Offset < end && !r.Attrs.IsControl() {
				records = append(records, r)
			}
			if r.Offset >= end-1 {
				delete(open, r.Partition)
			}
		})
	}
	slices.SortFunc(records, func(a, b *kgo.Record) int {
		if a.Partition != b.Partition {
			return int(a.Partition - b.Partition)
		}
		return int(a.Offset - b.Offset)
	})
	return records, nil
}

// settled are the ends of a topic's partitions when no transaction is open.
func settled(ctx context.Context, admin *kadm.Client, topic string) (kadm.ListedOffsets, error) {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		stable, err := admin.ListCommittedOffsets(ctx, topic)
		if err == nil {
			err = stable.Error()
		}
		if err != nil {
			return nil, err
		}
		ends, err := admin.ListEndOffsets(ctx, topic)
		if err != nil {
			return nil, err
		}
		same := true
		ends.Each(func(o kadm.ListedOffset) {
			s, ok := stable.Lookup(topic, o.Partition)
			same = same && ok && s.Offset == o.Offset
		})
		if same {
			return stable, nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil, fmt.Errorf("a transaction is still open: %w", ctx.Err())
		}
	}
}

// Events are the events of one account in a topic, each held to the contract.
func Events(t testing.TB, brokers []string, topic string, account attempt.Account, opts ...kgo.Opt) []ledger.Observed {
	t.Helper()
	return events(t, brokers, topic, func(name attempt.Account) bool { return name == account }, opts)[account]
}

// AllEvents are the events of all accounts in a topic, each held to the contract.
func AllEvents(t testing.TB, brokers []string, topic string, opts ...kgo.Opt) map[attempt.Account][]ledger.Observed {
	t.Helper()
	return events(t, brokers, topic, func(attempt.Account) bool { return true }, opts)
}

func events(t testing.TB, brokers []string, topic string, of func(attempt.Account) bool, opts []kgo.Opt) map[attempt.Account][]ledger.Observed {
	t.Helper()
	records, err := Records(t.Context(), brokers, topic, opts...)
	if err != nil {
		t.Fatalf("read the events: %v", err)
	}
	partitions := partitionsOf(t, brokers, topic, opts)
	place := kgo.StickyKeyPartitioner(nil).ForTopic(topic) // murmur2, as Java's
	out := map[attempt.Account][]ledger.Observed{}
	for _, r := range records {
		e := eventtest.Validate(t, r.Value)
		account := attempt.Account(e.Account)
		if !of(account) {
			continue
		}
		where := fmt.Sprintf("event %q at partition %d offset %d", e.EventID, r.Partition, r.Offset)
		if key := strconv.FormatInt(e.Attempt.TestInvitationID, 10); string(r.Key) != key {
			t.Fatalf("%s: key %q, want %q", where, r.Key, key)
		}
		if want := place.Partition(r, partitions); int(r.Partition) != want {
			t.Fatalf("%s: want partition %d", where, want)
		}
		if !r.Timestamp.Equal(e.ObservedAt) {
			t.Fatalf("%s: timestamp %v, want observedAt %v", where, r.Timestamp, e.ObservedAt)
		}
		headers(t, where, r, &e)
		o := ledger.Observed{
			Partition: r.Partition, Offset: r.Offset, EventID: e.EventID, State: attempt.State(e.State),
			ID: e.Attempt.TestInvitationID, Status: attempt.Status(e.Attempt.TestStatus),
			WindowStart: e.Window.Start, WindowEnd: e.Window.End, Late: e.Late,
		}
		if e.Replay != nil {
			o.ReplayID = e.Replay.ID
		}
		out[account] = append(out[account], o)
	}
	return out
}

// headers holds a record's headers to CloudEvents 1.0, binary mode, as the contract names them.
func headers(t testing.TB, where string, r *kgo.Record, e *eventtest.Event) {
	t.Helper()
	want := map[string]string{
		"ce_specversion": "1.0",
		"ce_id":          e.EventID,
		"ce_type":        "TestAttemptObserved",
		"ce_source":      "/imocha/" + e.Account + "/" + e.State,
		"ce_subject":     strconv.FormatInt(e.Attempt.TestInvitationID, 10),
		"content-type":   "application/json",
	}
	if e.Replay != nil {
		want["replay"] = e.Replay.ID
	}
	for _, h := range r.Headers {
		if h.Key == "ce_time" {
			if at, err := time.Parse(time.RFC3339, string(h.Value)); err != nil || !at.Equal(e.ObservedAt) {
				t.Fatalf("%s: header ce_time %q, want %v", where, h.Value, e.ObservedAt)
			}
			continue
		}
		value, ok := want[h.Key]
		if !ok || string(h.Value) != value {
			t.Fatalf("%s: header %s is %q, want %q", where, h.Key, h.Value, value)
		}
		delete(want, h.Key)
	}
	if len(want) > 0 {
		t.Fatalf("%s: headers are missing: %v", where, want)
	}
}

// Letters are the dead letters of one account in a topic.
func Letters(t testing.TB, brokers []string, topic string, account attempt.Account, opts ...kgo.Opt) []ledger.ObservedLetter {
	t.Helper()
	return AllLetters(t, brokers, topic, opts...)[account]
}

// AllLetters are the dead letters of all accounts in a topic.
func AllLetters(t testing.TB, brokers []string, topic string, opts ...kgo.Opt) map[attempt.Account][]ledger.ObservedLetter {
	t.Helper()
	records, err := Records(t.Context(), brokers, topic, opts...)
	if err != nil {
		t.Fatalf("read the dead letters: %v", err)
	}
	out := map[attempt.Account][]ledger.ObservedLetter{}
	for _, r := range records {
		h := map[string]string{}
		for _, header := range r.Headers {
			h[header.Key] = string(header.Value)
		}
		l := ledger.ObservedLetter{State: attempt.State(h["state"]), Raw: string(r.Value)}
		for _, end := range []struct {
			name string
			into *time.Time
		}{{"window-start", &l.WindowStart}, {"window-end", &l.WindowEnd}} {
			if *end.into, err = time.Parse(time.RFC3339, h[end.name]); err != nil {
				t.Fatalf("dead letter at offset %d: header %s: %v", r.Offset, end.name, err)
			}
		}
		if h["error"] == "" {
			t.Fatalf("dead letter at offset %d has no header error", r.Offset)
		}
		account := attempt.Account(h["account"])
		out[account] = append(out[account], l)
	}
	return out
}

func partitionsOf(t testing.TB, brokers []string, topic string, opts []kgo.Opt) int {
	t.Helper()
	client, err := kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(brokers...)}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	topics, err := kadm.NewClient(client).ListTopics(t.Context(), topic)
	if err != nil || topics[topic].Err != nil {
		t.Fatalf("look at topic %s: %v, %v", topic, err, topics[topic].Err)
	}
	return len(topics[topic].Partitions)
}
