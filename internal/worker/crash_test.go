package worker_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"attemptstream/internal/attempt"
	"attemptstream/internal/brokertest"
	"attemptstream/internal/imochasim"
	"attemptstream/internal/kafkatx"
	"attemptstream/internal/worker"
)

// crashWorld has an API so slow, and windows so narrow, that a backfill takes many transactions.
func crashWorld(t *testing.T, brokers []string) *world {
	t.Helper()
	w := newWorld(t, brokers, imochasim.Config{Latency: imochasim.Latency{Fixed: 30 * time.Millisecond}}, day, day.Add(time.Hour))
	l := lives(40)
	l.PerDay = 700
	w.populate(l)
	w.schedule.WindowMax = time.Minute
	return w
}

// oneByOne makes a worker read one window after the other.
func oneByOne(c *worker.Config) { c.Concurrency = 1 }

// patient lets a worker wait for Kafka for as long as others take, on a machine that is busy.
func patient(c *worker.Config) { c.TransactionTimeout = patience }

// A worker dies at a point of a transaction, another one takes over and finishes. Nothing is lost, nothing is told twice,
// and when the first one turns out to be alive after all, it finds that it has been replaced, says so, and does no harm.
func TestCrashAndTakeover(t *testing.T) {
	points := map[string]point{
		"after InitProducerID":               {requestInit, 1, answered},
		"InitProducerID under way":           {requestInit, 1, late},
		"after AddPartitionsToTxn":           {requestAdd, 1, answered},
		"after the first produce":            {requestProduce, 1, answered},
		"produce under way":                  {requestProduce, 3, late},
		"before the third EndTxn":            {requestCommit, 3, neverSent},
		"EndTxn sent, under way":             {requestCommit, 2, late},
		"EndTxn of the third, answer lost":   {requestCommit, 3, answerLost},
		"committed, before memory changes":   {requestCommit, 1, answered},
		"the third committed, before memory": {requestCommit, 3, answered},
	}
	brokertest.OnBoth(t, func(t *testing.T, brokers []string) {
		for name, at := range points {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				crashAndTakeOver(t, crashWorld(t, brokers), at)
			})
		}
	})
}

// The same between the pieces in which a transaction is written, and with the last of them.
func TestCrashBetweenPieces(t *testing.T) {
	points := map[string]point{
		"after the first piece":           {requestProduce, 1, answered},
		"the second piece under way":      {requestProduce, 2, late},
		"before the state's partition":    {requestAdd, 2, neverSent},
		"the second commit, under way":    {requestCommit, 2, late},
		"the second commit, answer lost":  {requestCommit, 2, answerLost},
		"the first committed, and memory": {requestCommit, 1, answered},
	}
	brokertest.OnBoth(t, func(t *testing.T, brokers []string) {
		for name, at := range points {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				w := crashWorld(t, brokers)
				w.piece = 1
				crashAndTakeOver(t, w, at)
			})
		}
	})
}

func crashAndTakeOver(t *testing.T, w *world, at point) {
	if at.kind == requestInit {
		// It has something to go on from, and something left to read when it is back.
		stop := w.schedule.Stop
		w.schedule.Stop = attempt.InstantOf(day.Add(20 * time.Minute))
		w.read()
		w.schedule.Stop = stop.Add(time.Hour)
		defer func() { w.schedule.Stop = stop }()
	}
	f := newFreezer(at)
	defer f.thaw()
	first := w.worker(f, oneByOne, patient)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	result := make(chan error, 1)
	go func() { result <- first.Run(ctx) }()
	select {
	case <-f.frozen:
	case err := <-result:
		t.Fatalf("the first worker never came to the point: %v, %+v", err, first.Progress())
	}

	w.schedule.Stop = attempt.InstantOf(day.Add(time.Hour))
	second := w.read()
	w.verify(w.scope())
	told := w.records()

	f.thaw()
	err := <-result
	if ctx.Err() != nil {
		t.Fatal("the first worker, awake again, did not end")
	}
	if at.kind == requestInit && at.fate == late {
		// Now it is the first one that has the transactional id, and nobody is left to be fenced.
		if err != nil {
			t.Errorf("the first worker, now the owner, ended with: %v", err)
		}
	} else {
		mustSayFenced(t, first, err)
		if now := w.records(); now != told {
			t.Errorf("%d records after the first worker came back, %d before", now, told)
		}
	}
	w.verify(w.scope())
	w.agree(second)
}

// mustSayFenced holds a worker that was replaced to saying so: to the operator, and to who asks how it is.
func mustSayFenced(t *testing.T, p *process, err error) {
	t.Helper()
	if !errors.Is(err, kafkatx.ErrFenced) {
		t.Fatalf("the first worker ended with %v, want ErrFenced", err)
	}
	mustMention(t, err, "account default", "another attemptstream", "has taken over", "transaction timeout", "start it again")
	if problem := p.Progress()[0].Problem; !strings.Contains(problem, "has taken over") {
		t.Errorf("its problem is %q", problem)
	}
}

// A worker whose request or answer gets lost, once or for longer than a transaction may take, goes on by itself.
func TestLostRequestsAndAnswers(t *testing.T) {
	const timeout = 3 * time.Second // of transactions
	type loss struct {
		points []point
		lasts  time.Duration
		then   error // what must have happened to a transaction; nil: all were committed all the same
	}
	losses := map[string]loss{
		"each once": {points: []point{
			{requestInit, 1, neverSent}, {requestInit, 2, answerLost},
			{requestAdd, 1, answerLost}, {requestProduce, 1, answerLost}, {requestCommit, 1, answerLost},
			{requestAdd, 4, neverSent}, {requestProduce, 4, neverSent}, {requestCommit, 4, neverSent},
		}},
		"aborted, since answers to produce stay out": {[]point{{requestProduce, 2, answerLost}}, timeout, kafkatx.ErrAborted},
		"aborted, since produce requests stay out":   {[]point{{requestProduce, 2, neverSent}}, timeout, kafkatx.ErrAborted},
		"outcome unknown, committed":                 {[]point{{requestCommit, 2, answerLost}}, timeout + time.Second, kafkatx.ErrUnknownOutcome},
		"outcome unknown, not committed":             {[]point{{requestCommit, 2, neverSent}}, timeout + time.Second, kafkatx.ErrUnknownOutcome},
	}
	brokertest.OnBoth(t, func(t *testing.T, brokers []string) {
		for name, lost := range losses {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				w := crashWorld(t, brokers)
				last := transport()
				var lossy []*loser
				for _, at := range lost.points {
					l := &loser{way: last, at: at, lasts: lost.lasts}
					last, lossy = l, append(lossy, l)
				}
				logs := newLog()
				p := w.worker(last, oneByOne, logs.use, func(c *worker.Config) { c.TransactionTimeout = timeout })
				w.run(p)
				w.verify(w.scope())
				w.agree(p)
				for _, l := range lossy {
					if l.times() == 0 {
						t.Errorf("%v was not lost: the test shows less than it should", l.at)
					}
				}
				for _, outcome := range []error{kafkatx.ErrAborted, kafkatx.ErrUnknownOutcome} {
					if had := logs.has(outcome); had != errors.Is(outcome, lost.then) {
						t.Errorf("log of %q: %v; want it only if it is %q", outcome, had, lost.then)
					}
				}
			})
		}
	})
}
