package state_test

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"attemptstream/internal/attempt"
	"attemptstream/internal/brokertest"
	"attemptstream/internal/dedupe"
	"attemptstream/internal/kafkatx"
	"attemptstream/internal/state"
)

// The keys are those of doc.go, and the values those of the packages that they come from.
func TestRecords(t *testing.T) {
	t.Parallel()
	at := state.Partition{Topic: "attempts.state", Partition: 4}
	a, err := state.Recover(t.Context(), fakeLog{}, at, "a.b-C_9")
	if err != nil {
		t.Fatal(err)
	}
	a.Index.Tell(2655161, "Completed")
	a.Index.Tell(-1, "Expired")
	a.Letters.Add(dedupe.Hash{0: 0x0a, 15: 0xff})
	records, err := a.AppendRecords([]kafkatx.Record{{Topic: "attempts"}})
	if err != nil || len(records) != 5 || records[0].Topic != "attempts" {
		t.Fatalf("%d records, %v; want the one that was there and 4 more", len(records), err)
	}
	got := map[string]string{}
	for _, r := range records[1:] {
		if r.Topic != at.Topic || r.Partition != at.Partition || r.Headers != nil || !r.Time.IsZero() {
			t.Errorf("record %q is %+v", r.Key, r)
		}
		got[string(r.Key)] = string(r.Value)
	}
	want := map[string]string{
		"a.b-C_9/checkpoint":                              `{"version":1,"account":"a.b-C_9","states":{},"trust":{},"told":2,"dead":1}`,
		"a.b-C_9/letter/0a0000000000000000000000000000ff": "\x01",
		"a.b-C_9/block/648":                               "\x01\x01\x09Completed\x01\x01\xb9\x07\x00",
		"a.b-C_9/block/-1":                                "\x01\x01\x07Expired\x01\x01\xff\x1f\x00",
	}
	if !slices.Equal(sortedKeys(got), sortedKeys(want)) {
		t.Fatalf("keys %q, want %q", sortedKeys(got), sortedKeys(want))
	}
	for key, value := range want {
		if strings.Contains(key, "/block/") {
			got[key] = got[key][:len(got[key])-4] // the checksum
		}
		if got[key] != value {
			t.Errorf("%s is %q, want %q", key, got[key], value)
		}
	}
}

// Accounts that share a partition, and whose names begin with one another, each come back as they were, with nothing of
// what was aborted or is still open.
func TestRoundTrip(t *testing.T) {
	brokertest.OnBoth(t, func(t *testing.T, brokers []string) {
		topic := newTopic(t, brokers)
		lives := map[attempt.Account]*life{}
		producers := map[attempt.Account]*kafkatx.Producer{}
		for i, name := range []attempt.Account{"a", "a.b", "ab"} {
			producers[name] = topic.producer(name)
			lives[name] = newLife(topic.recover(name), uint64(i))
		}
		empty := func() {
			t.Helper()
			a := topic.recover("a.") // begins like others, and has nothing
			if a.Index.Told() != 0 || a.Letters.Len() != 0 || len(a.Checkpoint.States) != 0 || a.Checkpoint.Account != "a." {
				t.Fatalf("the account without records has %d told, %d letters, checkpoint %+v", a.Index.Told(), a.Letters.Len(), a.Checkpoint)
			}
		}
		empty()
		canceled, cancel := context.WithCancel(t.Context())
		cancel()
		for round := range 12 {
			for name, l := range lives {
				l.change()
				if round%4 == 1 { // in vain
					if err := producers[name].Commit(canceled, l.records(t)); !errors.Is(err, kafkatx.ErrAborted) {
						t.Fatal(err)
					}
					aborted := topic.stranger("stranger/" + string(name) + topic.at.Topic)
					produce(t, aborted, l.records(t)...)
					end(t, aborted, kgo.TryAbort)
					if err := l.Rollback(); err != nil {
						t.Fatal(err)
					}
					continue
				}
				l.commit(t, producers[name])
			}
		}
		// Records of an owner that died: taking its id ends its transaction.
		left := map[attempt.Account][]kafkatx.Record{}
		for name := range lives {
			scratch := newLife(topic.recover(name), 99)
			scratch.change()
			left[name] = scratch.records(t)
		}
		for name, records := range left {
			produce(t, topic.stranger(topic.at.Topic+"/"+string(name)), records...)
		}
		for name := range lives {
			topic.producer(name)
		}
		want := map[string]string{}
		for name, l := range lives {
			l.same(t, topic.recover(name))
			maps.Copy(want, l.last)
		}
		if got := topic.committed(); !maps.Equal(got, want) {
			t.Errorf("the topic has %d keys, want %d", len(got), len(want))
		}
		empty()
		// What was recovered goes on like what was never lost.
		for name, l := range lives {
			again := newLife(topic.recover(name), 1000)
			l.rng = newLife(nil, 1000).rng
			l.change()
			again.change()
			if a, b := l.records(t), again.records(t); !slices.EqualFunc(a, b, func(x, y kafkatx.Record) bool {
				return string(x.Key) == string(y.Key) && string(x.Value) == string(y.Value)
			}) {
				t.Errorf("account %s: the next records differ after recovery", name)
			}
		}
	})
}

// An open transaction of another account holds back the last stable offset. Behind it lie records that are committed and
// must not be missed.
func TestRecoverWaitsForOthersTransactions(t *testing.T) {
	brokertest.OnBoth(t, func(t *testing.T, brokers []string) {
		topic := newTopic(t, brokers)
		p := topic.producer("ours")
		l := newLife(topic.recover("ours"), 1)
		l.change()
		l.commit(t, p)
		other := topic.stranger("other/" + topic.at.Topic)
		produce(t, other, kafkatx.Record{Key: []byte("other/checkpoint"), Value: []byte("{}")})
		l.change()
		l.commit(t, p) // behind it

		topic.producer("ours") // the next owner
		watched := &watchedReader{Reader: topic.client, reads: make(chan struct{}, 1000)}
		recovered := make(chan *state.Account, 1)
		go func() {
			a, err := state.Recover(testContext(t), watched, topic.at, "ours")
			if err != nil {
				t.Error(err)
			}
			recovered <- a
		}()
		for range 3 { // the end, up to the open transaction, and no further
			select {
			case <-watched.reads:
			case <-recovered:
				t.Fatal("recovered though committed records could not be read yet")
			}
		}
		end(t, other, kgo.TryAbort)
		if a := <-recovered; a != nil {
			l.same(t, a)
		}
		canceled, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := state.Recover(canceled, topic.client, topic.at, "ours"); !errors.Is(err, context.Canceled) {
			t.Errorf("recovery under a canceled context: %v", err)
		}
	})
}

type watchedReader struct {
	state.Reader
	reads chan struct{}
}

func (w *watchedReader) ReadCommitted(ctx context.Context, topic string, partition int, from int64, fn func(kafkatx.Record) error) (int64, error) {
	next, err := w.Reader.ReadCommitted(ctx, topic, partition, from, fn)
	w.reads <- struct{}{}
	return next, err
}

func TestRecoverOfNoTopic(t *testing.T) {
	brokertest.OnBoth(t, func(t *testing.T, brokers []string) {
		topic := newTopic(t, brokers)
		p := topic.producer("a")
		l := newLife(topic.recover("a"), 1)
		l.change()
		l.commit(t, p)
		if _, err := topic.admin.DeleteTopic(testContext(t), topic.at.Topic); err != nil {
			t.Fatal(err)
		}
		// A broker may serve what it is about to delete for a moment; what it serves is the whole of it.
		err := error(nil)
		for ctx := testContext(t); err == nil; {
			var a *state.Account
			if a, err = state.Recover(ctx, topic.client, topic.at, "a"); err == nil && a.Index.Told() == 0 {
				t.Fatal("the memory of a deleted topic is empty")
			}
		}
		if !errors.Is(err, kafkatx.ErrUnknownTopic) || !strings.Contains(err.Error(), "account a") || !strings.Contains(err.Error(), topic.at.Topic) {
			t.Errorf("recovery from a deleted topic: %v", err)
		}
	})
}

func TestChangedAndRollback(t *testing.T) {
	t.Parallel()
	a, err := state.Recover(t.Context(), fakeLog{}, state.Partition{Topic: "s"}, "a")
	if err != nil {
		t.Fatal(err)
	}
	l := newLife(a, 5)
	changed := func(when string, want bool) {
		t.Helper()
		if got, err := l.Changed(); got != want || err != nil {
			t.Fatalf("%s: changed %v, %v", when, got, err)
		}
		if records := l.records(t); len(records) > 0 != want {
			t.Fatalf("%s: %d records", when, len(records))
		}
	}
	// That nothing was read yet is worth a record too: an index never is without a checkpoint.
	changed("never committed", true)
	if err := l.Rollback(); err != nil {
		t.Fatal(err)
	}
	l.Commit() // of nothing: no records were given out since
	changed("never committed", true)
	l.Commit()
	l.Commit() // of nothing
	changed("committed", false)

	for what, change := range map[string]func(){
		"an id":       func() { l.Index.Tell(7, "Completed") },
		"a letter":    func() { l.Letters.Add(dedupe.Hash{1}) },
		"a front":     func() { l.Checkpoint.Trust.Proven++ },
		"all of them": func() { l.change() },
	} {
		before, told, letters := string(encoded(t, l.Account)), l.Index.Told(), l.Letters.Len()
		change()
		changed(what, true)
		if err := l.Rollback(); err != nil {
			t.Fatal(err)
		}
		changed(what+", rolled back", false)
		if string(encoded(t, l.Account)) != before || l.Index.Told() != told || l.Letters.Len() != letters {
			t.Fatalf("%s: rolled back, it is not what it was", what)
		}
		change()
		changed(what+" again", true)
		l.Commit()
		changed(what+", committed", false)
	}
}
