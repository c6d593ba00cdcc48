package worker_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"attemptstream/internal/attempt"
	"attemptstream/internal/brokertest"
	"attemptstream/internal/kafkatx"
	"attemptstream/internal/operate/replay"
	"attemptstream/internal/worker"
)

// replayWorld is a crash world that has been read, and of which most is to be told again. What is left to read is new.
func replayWorld(t *testing.T, brokers []string) (w *world, id string, from, to attempt.Instant) {
	t.Helper()
	w = crashWorld(t, brokers)
	end := w.schedule.Stop
	w.schedule.Stop = attempt.InstantOf(day.Add(40 * time.Minute))
	w.read()
	w.schedule.Stop = end
	from, to = attempt.InstantOf(day.Add(5*time.Minute)), attempt.InstantOf(day.Add(35*time.Minute))
	return w, w.ask(replay.Wish{From: from, To: to}), from, to
}

// A worker dies at a point of a transaction in the middle of a replay, another one takes over and goes on where it was. The
// first one turns out to be alive after all, and does no harm.
func TestReplayCrashAndTakeover(t *testing.T) {
	points := map[string]point{
		"between the second's partitions":      {requestAdd, 2, answered},
		"produce under way":                    {requestProduce, 3, late},
		"before the third EndTxn":              {requestCommit, 3, neverSent},
		"EndTxn sent, under way":               {requestCommit, 2, late},
		"the third committed, before memory":   {requestCommit, 3, answered},
		"EndTxn of the first, its answer lost": {requestCommit, 1, answerLost},
	}
	brokertest.OnBoth(t, func(t *testing.T, brokers []string) {
		for name, at := range points {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				w, id, from, to := replayWorld(t, brokers)
				f := newFreezer(at)
				defer f.thaw()
				var first *process
				f.from = func() bool {
					r := first.Progress()[0].Replays
					return len(r) > 0 && r[0].Told > 0
				}
				first = w.worker(f, oneByOne)
				ctx, cancel := context.WithTimeout(t.Context(), patience)
				defer cancel()
				result := make(chan error, 1)
				go func() { result <- first.Run(ctx) }()
				select {
				case <-f.frozen:
				case err := <-result:
					t.Fatalf("the first worker never came to the point: %v, %+v", err, first.Progress())
				}
				before := first.Progress()[0].Replays[0]
				second := w.read()
				check := func() {
					t.Helper()
					events := w.events()
					w.verifyEvents(w.scope(), events)
					w.agreeOn(second, events)
					w.done(events, id, from, to)
				}
				check()
				told := w.records()
				f.thaw()
				mustSayFenced(t, first, <-result)
				if now := w.records(); now != told {
					t.Errorf("%d records after the first worker came back, %d before", now, told)
				}
				if r := w.replay(id).Said; !r.StartedAt.Equal(before.StartedAt) || before.Told >= r.Told {
					t.Errorf("the replay began at %s, with %d told at the crash; in the end %s and %d", before.StartedAt, before.Told, r.StartedAt, r.Told)
				}
			})
		}
	})
}

// A worker whose requests or answers get lost in the middle of a replay goes on by itself, also where its transaction was
// aborted, so that it has to take back what it had told.
func TestReplayLostRequestsAndAnswers(t *testing.T) {
	const timeout = 3 * time.Second // of transactions
	losses := map[string]struct {
		at    point
		lasts time.Duration
		then  error
	}{
		"aborted, since produce requests stay out":   {point{requestProduce, 4, neverSent}, timeout, kafkatx.ErrAborted},
		"aborted, since answers to produce stay out": {point{requestProduce, 4, answerLost}, timeout, kafkatx.ErrAborted},
		"outcome unknown, committed":                 {point{requestCommit, 4, answerLost}, timeout + time.Second, kafkatx.ErrUnknownOutcome},
		"outcome unknown, not committed":             {point{requestCommit, 4, neverSent}, timeout + time.Second, kafkatx.ErrUnknownOutcome},
	}
	brokertest.OnBoth(t, func(t *testing.T, brokers []string) {
		for name, lost := range losses {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				w, id, from, to := replayWorld(t, brokers)
				l := &loser{way: transport(), at: lost.at, lasts: lost.lasts}
				logs := newLog()
				p := w.worker(l, oneByOne, logs.use, func(c *worker.Config) { c.TransactionTimeout = timeout })
				w.run(p)
				events := w.events()
				w.verifyEvents(w.scope(), events)
				w.agreeOn(p, events)
				w.done(events, id, from, to)
				if !logs.has(lost.then) || errors.Is(lost.then, nil) {
					t.Errorf("%q was not logged: the test shows less than it should", lost.then)
				}
			})
		}
	})
}
