package state_test

import (
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"attemptstream/internal/brokertest"
	"attemptstream/internal/kafkatx"
	"attemptstream/internal/state"
)

func TestCheckpointOf(t *testing.T) {
	t.Parallel()
	for key, want := range map[string]string{
		"default/checkpoint": "default", "a.b_c-d/checkpoint": "a.b_c-d", "default/block/1": "", "checkpoint": "", "/checkpoint": "",
		"default/replay/checkpoint": "", "default/checkpoint/": "", "a b/checkpoint": "", "": "", "default/replay/r/checkpoint": "",
	} {
		if account, ok := state.CheckpointOf([]byte(key)); string(account) != want || ok != (want != "") {
			t.Errorf("key %q is the checkpoint of %q (%v), want %q", key, account, ok, want)
		}
	}
}

// A scan shows what is there, waits for what is open, and not for longer than it was told to.
func TestScan(t *testing.T) {
	brokertest.OnBoth(t, func(t *testing.T, brokers []string) {
		s := newTopic(t, brokers)
		type result struct {
			state.Scanned
			records int
			err     error
		}
		scan := func(patience time.Duration) (r result) {
			r.Scanned, r.err = state.Scan(testContext(t), s.client, s.at, patience, func(kafkatx.Record) error {
				r.records++
				return nil
			})
			return r
		}
		must := func(what string, r result, records int, hidden bool) {
			t.Helper()
			if r.err != nil || r.records != records || r.Hidden() != hidden || !hidden && r.Next < r.End {
				t.Errorf("%s: %+v, want %d records, hidden: %v", what, r, records, hidden)
			}
		}
		commit := func() {
			t.Helper()
			r := kafkatx.Record{Topic: s.at.Topic, Key: []byte("a/checkpoint"), Value: []byte("{}")}
			if err := s.producer("a").Commit(testContext(t), []kafkatx.Record{r}); err != nil {
				t.Fatal(err)
			}
		}
		must("an empty log", scan(time.Minute), 0, false)
		commit()
		must("a commit", scan(time.Minute), 1, false)
		other := s.stranger(s.at.Topic + "/other")
		produce(t, other, kafkatx.Record{Key: []byte("b/checkpoint"), Value: []byte("{}")})
		commit()
		must("an open transaction before a commit", scan(20*time.Millisecond), 1, true)
		waiting := make(chan result, 1)
		go func() { waiting <- scan(time.Minute) }()
		end(t, other, kgo.TryAbort)
		must("when it has ended", <-waiting, 2, false)
	})
}
