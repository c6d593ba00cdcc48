package ownership_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"

	"attemptstream/internal/ownership"
)

// Members come, go in order, and share what there is: nobody is ever given what another one works on, and who stays keeps
// what it has.
func TestComeAndGo(t *testing.T) {
	onBrokers(t, func(t *testing.T, brokers []string) {
		w := newWorld(t, brokers, 1, 1, 1, 1, 1, 1)
		a := w.join("a")
		a.slow = 300 * time.Millisecond
		w.all("a")
		b := w.join("b")
		w.await("a and b have three each", func() bool { return len(w.has("a")) == 3 && len(w.has("b")) == 3 })
		w.join("c")
		w.await("all have two", func() bool { return len(w.has("a")) == 2 && len(w.has("b")) == 2 && len(w.has("c")) == 2 })
		kept, given := append(w.has("a"), w.has("c")...), w.has("b")
		left := time.Now()
		b.stop()
		w.all("a", "c")
		took := time.Since(left)
		if took > slack {
			t.Errorf("what a member left in order was taken over after %s", took)
		}
		w.mu.Lock()
		for _, m := range w.moves {
			if m.at.After(left) && slices.Contains(kept, m.partition) {
				t.Errorf("partition %d moved, though its owner stayed", m.partition)
			}
		}
		w.mu.Unlock()
		<-b.done
		if b.err != nil || b.Check() == nil {
			t.Errorf("a member that has left: error %v, and it may write: %v", b.err, b.Check())
		}
		w.single()
		t.Logf("%d partitions were taken over within %s", len(given), took.Round(time.Millisecond))
	})
}

// Who dies, or is cut off, is replaced when the session timeout is over. It notices by itself, at the latest by then, and has
// ended its work before another one begins it. When it can be heard again, it gets a share.
func TestCutOff(t *testing.T) {
	onBrokers(t, func(t *testing.T, brokers []string) {
		w := newWorld(t, brokers, 1, 1, 1, 1)
		a := w.join("a")
		w.all("a")
		w.join("b")
		w.await("both have two", func() bool { return len(w.has("a")) == 2 && len(w.has("b")) == 2 })
		if err := a.Confirm(t.Context()); err != nil {
			t.Fatal(err)
		}
		a.wire.sever()
		cut := time.Now()
		w.all("b")
		took := time.Since(cut)
		if took > ownership.SessionTimeout+slack {
			t.Errorf("replaced after %s", took)
		}
		if a.Check() == nil {
			t.Error("a member that has been cut off for longer than the session timeout may write")
		}
		waiting, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		if err := a.Confirm(waiting); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a member that was cut off was confirmed: %v", err)
		}
		a.wire.mend()
		w.await("both have two again", func() bool { return len(w.has("a")) == 2 && len(w.has("b")) == 2 })
		if err := a.Check(); err != nil {
			t.Error(err)
		}
		w.single()
		t.Logf("replaced after %s", took.Round(time.Millisecond))
	})
}

// What a group cannot be used for is said, and nobody who is in it notices.
func TestForeign(t *testing.T) {
	onBrokers(t, func(t *testing.T, brokers []string) {
		w := newWorld(t, brokers, 1, 1)
		foreign, err := kafka.NewConsumerGroup(kafka.ConsumerGroupConfig{ID: w.group, Brokers: brokers, Topics: []string{w.topic()},
			Dialer: &kafka.Dialer{Timeout: 3 * time.Second}, SessionTimeout: 10 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		w.create()
		for { // a coordinator may not be there yet
			_, err := foreign.Next(t.Context())
			if err == nil {
				break
			}
			if t.Context().Err() != nil {
				t.Fatal(err)
			}
		}
		a := w.join("a")
		<-a.done
		var e *ownership.ForeignError
		if !errors.As(a.err, &e) || e.Group != w.group {
			t.Fatalf("a group that something else uses: %v", a.err)
		}
		if err := foreign.Close(); err != nil {
			t.Fatal(err)
		}
		w.join("b")
		w.all("b")
		w.single()
	})
}

// A member that knows of another number of partitions gets nothing as long as the others are there, and takes nothing from
// them.
func TestOtherPartitions(t *testing.T) {
	onBrokers(t, func(t *testing.T, brokers []string) {
		w := newWorld(t, brokers, 1, 1, 1)
		w.join("a")
		w.all("a")
		b := w.join("b", func(c *ownership.Config) { c.Accounts = []int{1, 1, 1, 1} })
		b.counted()
		if err := b.Confirm(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := w.has("b"); len(got) != 0 || len(w.has("a")) != 3 {
			t.Errorf("b has %v, a has %v", got, w.has("a"))
		}
		w.single()
	})
}

// The list of accounts changes, for one member after the other: nothing moves, whoever reads it first. When all know it, the
// group is told once, and what has become uneven is evened out. A list that says nothing new tells nobody anything.
func TestAccountsChange(t *testing.T) {
	onBrokers(t, func(t *testing.T, brokers []string) {
		w := newWorld(t, brokers, 2, 2, 2, 2)
		const pause = 3 * time.Second
		quick := func(c *ownership.Config) { c.TellPause = pause }
		a := w.join("a", quick)
		w.all("a")
		b := w.join("b", quick)
		w.await("both have two", func() bool { return len(w.has("a")) == 2 && len(w.has("b")) == 2 })
		of := map[string][]int{"a": w.has("a"), "b": w.has("b")}
		moves := func() int {
			w.mu.Lock()
			defer w.mu.Unlock()
			return len(w.moves)
		}
		before := moves()
		still := func(when string) {
			t.Helper()
			if n := moves(); n != before {
				t.Errorf("%s: %d partitions were begun", when, n-before)
			}
		}
		generation := a.Generation()
		next := func() { // waits for the next generation, and until both are counted in
			t.Helper()
			for deadline := time.Now().Add(patience); a.Generation() == generation; a.counted() {
				if time.Now().After(deadline) {
					t.Fatal("the group is not told")
				}
			}
			a.counted()
			b.counted()
		}
		// Each has three accounts more, so it stays even: the new generation moves nothing.
		counts := []int{2, 2, 2, 2}
		counts[of["a"][0]], counts[of["b"][0]] = 5, 5
		a.SetAccounts(counts)
		a.SetAccounts([]int{2, 2, 2, 2}) // and back, and forth again
		a.SetAccounts(counts)
		b.SetAccounts(counts)
		next()
		time.Sleep(2500 * time.Millisecond) // for two heartbeats, in which nothing is to happen
		still("as many accounts more for both")
		if n := a.Generation(); n != generation+1 {
			t.Errorf("%d generations for one change of the list", n-generation)
		}
		// Only a reads the list that makes a's share too large.
		counts = slices.Clone(counts)
		for _, p := range of["a"] {
			counts[p] = 20
		}
		a.SetAccounts(counts)
		generation = a.Generation()
		next()
		still("one member has read the list")
		b.SetAccounts(counts)
		w.await("what is uneven is evened out", func() bool { return len(w.has("a")) == 1 && len(w.has("b")) == 3 })
		if kept := w.has("b"); !slices.Contains(kept, of["b"][0]) || !slices.Contains(kept, of["b"][1]) {
			t.Errorf("b had %v and has %v", of["b"], kept)
		}
		w.single()
	})
}
