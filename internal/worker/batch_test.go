package worker

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"attemptstream/internal/attempt"
	"attemptstream/internal/complete"
	"attemptstream/internal/event"
	"attemptstream/internal/kafkatx"
	"attemptstream/internal/topics"
)

// Who reads which entry Kafka does not take has to find that one, and not its neighbor: it is left out, and all others are told.
func TestBlame(t *testing.T) {
	t.Parallel()
	encoder, err := event.NewEncoder(event.Plain, nil)
	if err != nil {
		t.Fatal(err)
	}
	b := &batch{encoder: encoder, topics: topics.Layout{Events: topics.Topic{Name: "events", Partitions: 3}, DLQ: topics.Topic{Name: "dlq", Partitions: 2}}}
	o := event.Observation{Account: "a", State: attempt.Completed, ObservedAt: time.Unix(1_700_000_000, 0)}
	letter := func(raw string) { b.letter(&event.DeadLetter{Account: "a", State: attempt.Completed, Raw: raw}) }
	b.event(&o, &attempt.Attempt{ID: 1, Status: "Completed"})
	letter("first")
	b.event(&o, &attempt.Attempt{ID: 2, Status: "Testleft"})
	letter("second")
	b.state = []kafkatx.Record{{Topic: "state", Key: []byte("checkpoint")}}

	want := []complete.Identity{{ID: 1, Status: "Completed"}, {Raw: "first"}, {ID: 2, Status: "Testleft"}, {Raw: "second"}}
	if n := b.Len(); n != len(want)+1 {
		t.Fatalf("the piece has %d records, want %d", n, len(want)+1)
	}
	for i := range b.Len() {
		// As kafkatx has it, which knows a record by its place.
		var r kafkatx.Record
		b.Get(i, &r)
		err := fmt.Errorf("commit: %w", &kafkatx.RecordTooLargeError{Topic: r.Topic, Index: i})
		blamed, found := errors.AsType[*entryError](b.blame(err))
		switch {
		case i == len(want):
			if found || r.Topic != "state" {
				t.Errorf("a record of topic %s is blamed on %+v, want none: it is the state's", r.Topic, blamed)
			}
		case !found || blamed.entry != want[i]:
			t.Errorf("record %d is blamed on %+v, want %+v", i, blamed, want[i])
		case want[i].Raw != "" && (r.Topic != "dlq" || string(r.Value) != want[i].Raw), want[i].Raw == "" && r.Topic != "events":
			t.Errorf("record %d is %q of topic %s", i, r.Value, r.Topic)
		}
	}
	if other := errors.New("another"); b.blame(other) != other {
		t.Error("an error that is nobody's is blamed on an entry")
	}
}
