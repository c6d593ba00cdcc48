//go:build unix

package chaos_test

import (
	"testing"
	"time"

	"attemptstream/internal/kafkatest"
	"attemptstream/internal/witness"
)

// quiet holds the API up until the process has committed all that it had read, so that nothing is between it and Kafka.
func (w *world) quiet(p *process) {
	w.t.Helper()
	arrived := w.api.hold()
	// At most three spans of three states are read side by side, and each gives up after three tries: one more request belongs
	// to the round after it, which begins when the round has been committed.
	eventually(w.t, "what was held up is asked for again", func() bool { return w.api.requests() > arrived+3*3*3 || p.Ended() }, p.Tail)
	w.settle()
}

// deleteTopic deletes a topic and waits until it is gone.
func (w *world) deleteTopic(name string) {
	w.t.Helper()
	if res, err := w.kafka.DeleteTopic(w.t.Context(), name); err != nil || res.Err != nil {
		w.t.Fatalf("delete topic %s: %v, %v", name, err, res.Err)
	}
	eventually(w.t, "topic "+name+" is gone", func() bool {
		topics, err := w.kafka.ListTopics(w.t.Context(), name)
		return err == nil && !topics.Has(name)
	}, func() string { return "" })
}

func (w *world) createTopic(name string, partitions int32, configs map[string]*string) {
	w.t.Helper()
	if _, err := w.kafka.CreateTopic(w.t.Context(), partitions, 1, configs, name); err != nil {
		w.t.Fatal(err)
	}
}

// The topic of events is deleted under the program: it says which topic is missing and what to do, waits, and goes on when
// there is one again. What was told before it is not told again.
func TestEventsTopicDeleted(t *testing.T) {
	t.Parallel()
	const seed = 5
	w := newWorld(t, kafkatest.Shared(t).Addrs(), failing(seed, 20*time.Millisecond), lives(seed, 1500), 6*time.Hour)
	p := w.start("run", "--once")
	w.await(p, moment{kind: "answers", after: 100})
	w.quiet(p)
	before := witness.Events(t, w.brokers, w.topic, account)
	if len(before) == 0 {
		t.Fatal("nothing was told before the topic was deleted")
	}
	w.deleteTopic(w.topic)
	w.api.release()
	p.says(w.topic, "does not exist", "create it")
	w.createTopic(w.topic, 3, nil)
	p.wait(0, patience)
	for i := range before {
		before[i].Offset -= 1 << 40 // they came before those of the new topic
	}
	required, found := w.verify(before...)
	t.Logf("seed %d: %d events before the topic was deleted, %d in all, %d required", seed, len(before), found, required)
}

// The topic of checkpoint and index is deleted under the program: without it nobody knows what was told. The program says
// so and ends; and while the topic of events has events, it does not begin with an empty memory when it is started again.
func TestStateTopicDeleted(t *testing.T) {
	t.Parallel()
	const seed = 6
	w := newWorld(t, kafkatest.Shared(t).Addrs(), failing(seed, 20*time.Millisecond), lives(seed, 1500), 6*time.Hour)
	p := w.start("run")
	w.await(p, moment{kind: "answers", after: 100})
	w.quiet(p)
	before := len(witness.Events(t, w.brokers, w.topic, account))
	if before == 0 {
		t.Fatal("nothing was told before the topic was deleted")
	}
	w.deleteTopic(w.topic + ".state")
	w.api.release()
	p.wait(1, patience)
	p.says(w.topic+".state", "does not exist")
	again := w.start("run", "--once")
	again.wait(1, patience)
	again.says(w.topic+".state", "KAFKA_TOPIC")
	if after := len(witness.Events(t, w.brokers, w.topic, account)); after != before {
		t.Errorf("%d events, %d of them before the state was lost", after, before)
	}
}
