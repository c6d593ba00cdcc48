package stage

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"attemptstream/internal/attempt"
	"attemptstream/internal/imochasim/ledger"
	"attemptstream/internal/program"
	"attemptstream/internal/witness"
)

// A consumer listens to the events all the time, as those do who follow a stream.
type consumer struct {
	mu     sync.Mutex
	told   map[string]int                // by eventId
	latest map[attempt.Account]time.Time // when the last event was observed
}

func listen(t testing.TB, brokers []string, topic string) *consumer {
	t.Helper()
	c := &consumer{told: map[string]int{}, latest: map[attempt.Account]time.Time{}}
	client, err := kgo.NewClient(kgo.SeedBrokers(brokers...), kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.ConsumeTopics(topic),
		kgo.UnknownTopicRetries(-1), kgo.MetadataMinAge(100*time.Millisecond), kgo.MetadataMaxAge(2*time.Second), kgo.FetchMaxWait(200*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			client.PollFetches(ctx).EachRecord(c.take)
		}
	}()
	t.Cleanup(func() {
		cancel()
		<-done
		client.Close()
	})
	return c
}

func (c *consumer) take(r *kgo.Record) {
	var e struct {
		EventID string
		Account attempt.Account
	}
	if json.Unmarshal(r.Value, &e) != nil {
		return // the judge will say so
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.told[e.EventID]++
	if r.Timestamp.After(c.latest[e.Account]) {
		c.latest[e.Account] = r.Timestamp
	}
}

// behind is an account of which nothing was told that was observed after a time; empty: there is none.
func (c *consumer) behind(accounts []attempt.Account, after time.Time) attempt.Account {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, name := range accounts {
		if !c.latest[name].After(after) {
			return name
		}
	}
	return ""
}

// Progress waits until something that is observed from now on is told of every account.
func (s *Stage) Progress(workers ...*program.Process) {
	s.t.Helper()
	s.ProgressOf(s.Accounts, workers...)
}

// ProgressOf waits until something that is observed from now on is told of each of some accounts.
func (s *Stage) ProgressOf(accounts []attempt.Account, workers ...*program.Process) {
	s.t.Helper()
	now := time.Now()
	program.Eventually(s.t, Patience, "every account goes on", func() bool { return s.heard.behind(accounts, now) == "" }, func() string {
		text := fmt.Sprintf("account %s does not", s.heard.behind(accounts, now))
		for _, w := range workers {
			text += "\n" + w.Tail()
		}
		return text
	})
}

// behindTime is how far a worker may be behind that reads to the end once.
const behindTime = 2 * time.Second

// Verify ends what happens, lets one more process read to the end, and compares what is in Kafka with what happened:
// nothing is missing, there twice, unexpected or out of order, and who has followed all the time has seen the same. The
// workers have to have ended.
func (s *Stage) Verify() {
	s.t.Helper()
	to := s.Finish()
	s.Judge(to, witness.AllEvents(s.t, s.Brokers, s.Topic))
}

// Finish ends what happens and lets one more process read to the end: all before the time that it returns.
func (s *Stage) Finish() (to time.Time) {
	s.t.Helper()
	to = time.Now().Add(-behindTime)
	s.ended()
	s.Start("run", "--once").Wait(0, Patience)
	return to
}

// Judge compares events with what happened up to a time.
func (s *Stage) Judge(to time.Time, events map[attempt.Account][]ledger.Observed) {
	s.t.Helper()
	required, found, problems := 0, 0, 0
	ids := map[string]bool{}
	for _, name := range s.Accounts {
		expected := s.Sim.Expected(string(name), ledger.Scope{From: s.from, To: to, Seen: time.Now(), Gaps: s.Gaps})
		required, found = required+expected.Required(), found+len(events[name])
		for _, p := range ledger.Check(expected, events[name]) {
			if problems++; problems <= 20 {
				s.t.Errorf("account %s: %v", name, p)
			}
		}
		for _, p := range ledger.CheckLetters(expected, witness.Letters(s.t, s.Brokers, s.Topic+".dlq", name)) {
			s.t.Errorf("account %s: dead letter: %s", name, p)
		}
		for _, e := range events[name] {
			ids[e.EventID] = true
		}
	}
	s.t.Logf("%d events of %d accounts, %d required", found, len(s.Accounts), required)
	if required < 100 {
		s.t.Error("too little had to be told: the test shows nothing")
	}
	s.heard.agrees(s.t, ids)
}

// agrees holds what a consumer has seen to the events that there are.
func (c *consumer) agrees(t testing.TB, ids map[string]bool) {
	t.Helper()
	count := func() (n int) {
		c.mu.Lock()
		defer c.mu.Unlock()
		return len(c.told)
	}
	program.Eventually(t, Patience, "who follows the events has seen all", func() bool { return count() >= len(ids) },
		func() string { return fmt.Sprintf("it has seen %d of %d", count(), len(ids)) })
	c.mu.Lock()
	defer c.mu.Unlock()
	for id, n := range c.told {
		if !ids[id] || n != 1 {
			t.Errorf("who follows the events has seen %s %d times, and it is one of them: %v", id, n, ids[id])
		}
	}
}
