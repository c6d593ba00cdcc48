package tail_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"attemptstream/internal/brokertest"
	"attemptstream/internal/kafkatx"
	"attemptstream/internal/operate/tail"
)

// What is handed out is what another client's read_committed consumer sees, whatever was aborted and is open.
func TestEqualsAReadCommittedConsumer(t *testing.T) {
	brokertest.OnBoth(t, func(t *testing.T, brokers []string) {
		w := newWorld(t, brokers, 3)
		rng := rand.New(rand.NewPCG(7, 7))
		base := time.Now().Truncate(time.Millisecond)
		at := base
		producers := []*producer{w.producer(), w.producer()}
		for range 40 {
			for _, p := range producers { // their transactions overlap
				p.begin()
			}
			for range 1 + rng.IntN(3) {
				for _, p := range producers {
					var times []time.Time
					for range 1 + rng.IntN(40) {
						at = at.Add(time.Duration(rng.IntN(3)) * time.Millisecond)
						times = append(times, at)
					}
					p.write(rng.IntN(3), times...)
				}
			}
			for _, p := range producers {
				p.end(kgo.TransactionEndTry(rng.IntN(3) > 0))
			}
		}
		p := producers[0]
		p.begin()
		for partition := range 3 {
			p.write(partition, at)
		}
		p.end(kgo.TryCommit)
		open := producers[1]
		open.begin()
		for partition := range 2 { // partition 2 goes on
			open.write(partition, at)
		}
		p.begin()
		for partition := range 3 {
			p.write(partition, at.Add(time.Millisecond), at.Add(2*time.Millisecond))
		}
		p.end(kgo.TryCommit)

		all := w.settled(func(lines []line) bool {
			return slices.ContainsFunc(lines, func(l line) bool { return l.partition == 2 && l.at == at.Add(2*time.Millisecond).UnixMilli() })
		})
		if len(all) < 500 {
			t.Fatalf("only %d records: the test shows little", len(all))
		}
		w.same("all", w.run(tail.Query{From: base}, nil), all)
		for _, n := range []int{1, 2, 10, 333, len(all) - 1, len(all), tail.MaxLast} {
			w.same(fmt.Sprintf("the last %d", n), w.run(tail.Query{Last: n}, nil), all[max(0, len(all)-n):])
		}
		for _, part := range [][2]int{{len(all) / 3, len(all) / 2}, {0, len(all) / 4}, {len(all) / 2, len(all) - 1}, {len(all) / 2, len(all)/2 + 1}} {
			from, to := time.UnixMilli(all[part[0]].at), time.UnixMilli(all[part[1]].at)
			if part[0] == 0 {
				from = from.Add(-48 * time.Hour)
			}
			var want []line
			for _, l := range all {
				if l.at >= from.UnixMilli() && l.at < to.UnixMilli() {
					want = append(want, l)
				}
			}
			w.same(fmt.Sprintf("%s to %s", from, to), w.run(tail.Query{From: from, To: to}, nil), want)
			w.same(fmt.Sprintf("the last 7 of those to %s", to), w.run(tail.Query{To: to, Last: 7}, nil), lastBefore(all, to, 7))
		}
		odd := func(r kafkatx.Record) bool { return r.Offset%5 == 0 }
		var want []line
		for _, l := range all {
			if l.offset%5 == 0 {
				want = append(want, l)
			}
		}
		w.same("some", w.run(tail.Query{From: base, Match: odd}, nil), want)
		w.same("the last of some", w.run(tail.Query{Last: 9, Match: odd}, nil), want[len(want)-9:])
		enough := func(n int) error {
			if n == 5 {
				return tail.ErrEnough
			}
			return nil
		}
		w.same("the first 5", w.run(tail.Query{From: base}, enough), all[:5])

		// Retention takes the beginning away.
		offsets := kadm.Offsets{}
		offsets.AddOffset(w.topic.Name, 0, 200, -1)
		if _, err := w.admin.DeleteRecords(testContext(t), offsets); err != nil {
			t.Fatal(err)
		}
		all = w.judge()
		w.same("all that is left", w.run(tail.Query{From: base}, nil), all)
		w.same("the last ones, more than there are", w.run(tail.Query{Last: len(all) + 5}, nil), all)

		open.end(kgo.TryCommit)
		all = w.settled(func(lines []line) bool {
			n := 0
			for _, l := range lines {
				if l.at == at.Add(2*time.Millisecond).UnixMilli() {
					n++
				}
			}
			return n == 3
		})
		w.same("all, with nothing open", w.run(tail.Query{From: base}, nil), all)
		for n := 1; n < 10; n++ { // some of the same time
			w.same(fmt.Sprintf("the last %d, with nothing open", n), w.run(tail.Query{Last: n}, nil), all[len(all)-n:])
		}
	})
}

func lastBefore(all []line, to time.Time, n int) []line {
	var before []line
	for _, l := range all {
		if l.at < to.UnixMilli() {
			before = append(before, l)
		}
	}
	return before[max(0, len(before)-n):]
}

// settled is what the judge sees when it sees what was committed last: that takes some milliseconds.
func (w *world) settled(there func([]line) bool) []line {
	w.t.Helper()
	ctx := testContext(w.t)
	for ctx.Err() == nil {
		if lines := w.judge(); there(lines) {
			return lines
		}
	}
	w.t.Fatal("what was committed does not show")
	return nil
}

// Two workers whose clocks differ leave times out of order: none of them is lost at the ends of a range.
func TestTimesOutOfOrder(t *testing.T) {
	brokertest.OnBoth(t, func(t *testing.T, brokers []string) {
		w := newWorld(t, brokers, 1)
		to := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
		cl, err := kgo.NewClient(kgo.SeedBrokers(brokers...), kgo.DefaultProduceTopic(w.topic.Name))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(cl.Close)
		for _, seconds := range []int{-3, -1, 0, 1, -2, 2, 3600, -1} {
			r := &kgo.Record{Value: []byte("x"), Timestamp: to.Add(time.Duration(seconds) * time.Second)}
			if err := cl.ProduceSync(testContext(t), r).FirstErr(); err != nil {
				t.Fatal(err)
			}
		}
		var offsets []int64
		for _, l := range w.run(tail.Query{From: to.Add(-2 * time.Second), To: to}, nil) {
			offsets = append(offsets, l.offset)
		}
		// What is behind one of an hour later is not looked for.
		if !slices.Equal(offsets, []int64{1, 4}) {
			t.Errorf("offsets %v, want 1 and 4", offsets)
		}
	})
}

// Who follows sees within a second of its commit what was committed, and nothing else; the end of the context is the end.
func TestFollow(t *testing.T) {
	brokertest.OnBoth(t, func(t *testing.T, brokers []string) {
		w := newWorld(t, brokers, 3)
		p, other := w.producer(), w.producer()
		p.begin()
		p.write(1, time.Now(), time.Now())
		p.end(kgo.TryCommit)
		w.settled(func(lines []line) bool { return len(lines) == 2 })

		ctx, cancel := context.WithCancel(testContext(t))
		seen := make(chan line, 100)
		done := make(chan error, 1)
		go func() {
			done <- tail.Run(ctx, w.kafka, w.topic, tail.Query{Last: 1, Follow: true}, func(r kafkatx.Record) error {
				seen <- line{r.Time.UnixMilli(), r.Partition, r.Offset, string(r.Value)}
				return nil
			})
		}()
		next := func() line {
			t.Helper()
			select {
			case l := <-seen:
				return l
			case err := <-done:
				t.Fatalf("it ended: %v", err)
			case <-testContext(t).Done():
				t.Fatal("nothing comes")
			}
			return line{}
		}
		if l := next(); l.partition != 1 || l.offset != 1 {
			t.Fatalf("first comes %+v, want the last one that was there", l)
		}
		other.begin()
		other.write(2, time.Now())
		for i := range 5 {
			p.begin()
			p.write(0, time.Now())
			p.end(kgo.TryAbort)
			p.begin()
			p.write(i%2, time.Now())
			p.end(kgo.TryCommit)
			committed := time.Now()
			want := fmt.Sprintf("%s-%d ", w.topic.Name, p.count)
			if l := next(); !strings.HasPrefix(l.value, want) {
				t.Fatalf("it shows %.60s, want %s", l.value, want)
			}
			if took := time.Since(committed); took > time.Second {
				t.Errorf("an event showed %s after its commit", took)
			}
		}
		other.end(kgo.TryCommit)
		if l := next(); l.partition != 2 {
			t.Errorf("it shows %+v, want what was open", l)
		}
		cancel()
		if err := <-done; err != nil {
			t.Errorf("it ended with %v", err)
		}
		if len(seen) > 0 {
			t.Errorf("it shows more: %+v", <-seen)
		}
	})
}
