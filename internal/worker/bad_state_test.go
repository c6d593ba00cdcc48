package worker_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"attemptstream/internal/attempt"
	"attemptstream/internal/brokertest"
	"attemptstream/internal/imochasim"
	"attemptstream/internal/kafkatx"
	"attemptstream/internal/state"
	"attemptstream/internal/topics"
	"attemptstream/internal/witness"
	"attemptstream/internal/worker"
)

// A state topic that cannot be understood ends the worker before it tells anything, with where the record is and what to do.
func TestStateThatCannotBeRead(t *testing.T) {
	tests := map[string]struct {
		key, value string
		words      []string
	}{
		"checkpoint of a newer version": {"default/checkpoint", `{"version":99,"account":"default"}`,
			[]string{"version 99", "run the version that wrote it"}},
		"record of a newer version": {"default/calendar/7", "x", []string{"run the version that wrote it"}},
		"corrupt checkpoint":        {"default/checkpoint", `{"version":1,`, []string{"do not delete it", "restore the topic", "KAFKA_TOPIC"}},
		"corrupt block":             {"default/block/0", "\x01\x02\x03", []string{"do not delete it", "restore the topic", "KAFKA_TOPIC"}},
		"another account's checkpoint": {"default/checkpoint", `{"version":1,"account":"other","states":{}}`,
			[]string{"it is that of account", "restore the topic"}},
	}
	brokertest.OnBoth(t, func(t *testing.T, brokers []string) {
		for name, test := range tests {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				w := newWorld(t, brokers, imochasim.Config{}, day, day.Add(20*time.Minute))
				w.populate(lives(80))
				p := w.read()
				told := w.records()
				partition := topics.StatePartition(account, p.Topics.State.Partitions)
				offset := w.writeState(partition, test.key, test.value)

				w.schedule.Stop = attempt.InstantOf(day.Add(40 * time.Minute)) // so there is more to tell
				logs := newLog()
				broken := w.worker(nil, logs.use)
				asked := w.sim.Requests()
				err := w.end(broken)
				var record *state.RecordError
				if !errors.As(err, &record) {
					t.Fatalf("got %v", err)
				}
				mustMention(t, err, append(test.words, "account default", topics.StateTopic(w.topic), fmt.Sprintf("partition %d", partition),
					fmt.Sprintf("offset %d", offset), fmt.Sprintf("%q", test.key))...)
				logs.mustMention(t, append(test.words, "the account is not read any more")...)
				if now := w.records(); now != told {
					t.Errorf("%d records, %d before", now, told)
				}
				if more := w.sim.Requests() - asked; more > 0 {
					t.Errorf("the API was asked %d times", more)
				}
			})
		}
	})
}

// writeState writes a record as no worker would, and returns its offset.
func (w *world) writeState(partition int, key, value string) int64 {
	w.t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(w.brokers...), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		w.t.Fatal(err)
	}
	defer client.Close()
	r, err := client.ProduceSync(w.t.Context(), &kgo.Record{Topic: topics.StateTopic(w.topic), Partition: int32(partition),
		Key: []byte(key), Value: []byte(value)}).First()
	if err != nil {
		w.t.Fatal(err)
	}
	return r.Offset
}

// delete deletes a topic.
func (w *world) delete(topic string) {
	w.t.Helper()
	admin, done := w.admin()
	defer done()
	if r, err := admin.DeleteTopic(w.t.Context(), topic); err != nil || r.Err != nil {
		w.t.Fatal(err, r.Err)
	}
}

// The state topic is deleted under a worker that runs: it ends and says why. That no start creates it empty, which would tell
// everything again, is package topics' business.
func TestStateTopicDeleted(t *testing.T) {
	brokertest.OnBoth(t, func(t *testing.T, brokers []string) {
		w := newWorld(t, brokers, imochasim.Config{}, day, day.Add(20*time.Minute))
		w.populate(lives(81))
		w.schedule.Stop = 0
		logs, c := newLog(), &clock{}
		// What there is ends some seconds after the 20th minute, so when the 21st is covered nothing is left to be told.
		c.advance(-time.Since(day.Add(22 * time.Minute)))
		s := w.play(w.worker(nil, logs.use, c.use))
		s.until("everything there is", func(p worker.Progress) bool { return p.Told > 0 && p.Front.After(day.Add(21*time.Minute)) })
		told := w.records()

		w.delete(topics.StateTopic(w.topic))
		w.gone(topics.StateTopic(w.topic))
		w.add(attempt.Completed, day.Add(25*time.Minute), `{"testInvitationId":950001,"testStatus":"Completed"}`)
		c.advance(10 * time.Minute)
		err := s.ended()
		var lost *worker.StateLostError
		if !errors.As(err, &lost) || !errors.Is(err, kafkatx.ErrUnknownTopic) {
			t.Fatalf("the worker ended with: %v", err)
		}
		mustMention(t, err, "account default", topics.StateTopic(w.topic), "does not exist", "restore the topic from a copy",
			"another KAFKA_TOPIC", "do not create it empty")
		logs.mustMention(t, "the account is not read any more", topics.StateTopic(w.topic))
		if now := w.records(); now != told {
			t.Errorf("%d records after the state was lost, %d before", now, told)
		}
	})
}

// A state topic that was created anew between two sessions of a worker does not make it begin anew.
func TestStateTopicCreatedAgain(t *testing.T) {
	brokertest.OnBoth(t, func(t *testing.T, brokers []string) {
		w := newWorld(t, brokers, imochasim.Config{}, day, day.Add(20*time.Minute))
		w.populate(lives(82))
		end := w.schedule.Stop
		w.schedule.Stop = 0
		// A commit whose outcome stays unknown makes the worker begin a second session.
		lossy := &loser{way: transport(), at: point{requestCommit, 2, neverSent}, lasts: 3 * time.Second}
		way := newFreezer(point{requestInit, 1, late})
		way.way, way.from = lossy, func() bool { return lossy.times() > 0 }
		defer way.thaw()
		logs, c := newLog(), &clock{}
		c.advance(-time.Since(end.Time()))
		s := w.play(w.worker(way, logs.use, c.use, func(c *worker.Config) { c.TransactionTimeout = 2 * time.Second }))
		s.until("the first commit", func(p worker.Progress) bool { return p.Told > 0 })
		c.advance(10 * time.Minute)
		select {
		case <-way.frozen:
		case err := <-s.result:
			t.Fatalf("no second session began: %v", err)
		}
		told := w.records()
		w.delete(topics.StateTopic(w.topic))
		w.create(topics.StateTopic(w.topic), 3)
		w.emptied(topics.StateTopic(w.topic))
		way.thaw()
		err := s.ended()
		var lost *worker.StateLostError
		if !errors.As(err, &lost) {
			t.Fatalf("the worker ended with: %v", err)
		}
		mustMention(t, err, "account default", topics.StateTopic(w.topic), "restore the topic from a copy", "another KAFKA_TOPIC")
		if now := w.records(); now != told {
			t.Errorf("%d records after the state was lost, %d before", now, told)
		}
	})
}

// create creates a compacted topic, as an operator would.
func (w *world) create(topic string, partitions int32) {
	w.t.Helper()
	admin, done := w.admin()
	defer done()
	compact := "compact"
	deadline := time.After(patience)
	for {
		_, err := admin.CreateTopic(w.t.Context(), partitions, 1, map[string]*string{"cleanup.policy": &compact}, topic)
		if err == nil {
			return
		}
		select {
		case <-deadline:
			w.t.Fatal(err)
		case <-time.After(10 * time.Millisecond): // the deletion is under way
		}
	}
}

// emptied waits until the broker serves a topic that was created again, and no longer the one that it is about to delete:
// that can take seconds. The marker of a transaction that was open in the old one may be in it.
func (w *world) emptied(topic string) {
	w.t.Helper()
	w.untilEnds(topic, func(ends kadm.ListedOffsets) bool {
		empty := ends.Error() == nil && len(ends[topic]) > 0
		ends.Each(func(o kadm.ListedOffset) { empty = empty && o.Offset <= 1 })
		return empty
	})
}

// gone waits until the broker no longer serves a topic that was deleted.
func (w *world) gone(topic string) {
	w.t.Helper()
	w.untilEnds(topic, func(ends kadm.ListedOffsets) bool { return errors.Is(ends.Error(), kerr.UnknownTopicOrPartition) })
}

// untilEnds waits until the ends of a topic's partitions are good.
func (w *world) untilEnds(topic string, good func(kadm.ListedOffsets) bool) {
	w.t.Helper()
	admin, done := w.admin()
	defer done()
	ctx, cancel := context.WithTimeout(w.t.Context(), patience)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		ends, err := admin.ListEndOffsets(ctx, topic)
		if err == nil && good(ends) {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			w.t.Fatalf("the ends of topic %s are %+v: %v, %v", topic, ends, ends.Error(), err)
		}
	}
}

// The topic of events is deleted under a worker that runs: it waits and says so. Created again by a restart, it gets what
// was not told before, and nothing of what was.
func TestEventsTopicDeleted(t *testing.T) {
	brokertest.OnBoth(t, func(t *testing.T, brokers []string) {
		w := newWorld(t, brokers, imochasim.Config{}, day, day.Add(20*time.Minute))
		w.populate(lives(83))
		end := w.schedule.Stop
		w.schedule.Stop = 0
		logs, c := newLog(), &clock{}
		c.advance(-time.Since(end.Time()))
		s := w.play(w.worker(nil, logs.use, c.use))
		s.until("the first events", func(p worker.Progress) bool { return p.Told > 0 && p.Front.After(day.Add(19*time.Minute)) })
		before := map[string]bool{}
		for _, e := range witness.Events(t, brokers, w.topic, account) {
			before[e.EventID] = true
		}
		w.delete(w.topic)
		const id = 950002
		w.add(attempt.Completed, day.Add(25*time.Minute), fmt.Sprintf(`{"testInvitationId":%d,"testStatus":"Completed"}`, id))
		c.advance(10 * time.Minute)
		waiting := s.until("the problem", func(p worker.Progress) bool { return p.Problem != "" })
		mustMention(t, errors.New(waiting.Problem), w.topic, "does not exist", "create it or check its name")
		logs.mustMention(t, "transaction aborted", w.topic, "does not exist")
		s.end()

		w.schedule.Stop = attempt.InstantOf(day.Add(30 * time.Minute))
		w.read()
		told := false
		for _, e := range witness.Events(t, brokers, w.topic, account) {
			if before[e.EventID] {
				t.Errorf("%s was told before the topic was deleted, and again", e.EventID)
			}
			told = told || e.ID == id
		}
		if !told {
			t.Error("what was found after the topic was deleted has not been told")
		}
	})
}
