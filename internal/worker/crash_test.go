package worker_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"attemptstream/internal/attempt"
	"attemptstream/internal/imochasim"
	"attemptstream/internal/kafkatx"
	"attemptstream/internal/worker"
)

// crashWorld has an API so slow, and windows so narrow, that a backfill takes many transactions.
func crashWorld(t *testing.T, brokers []string) *world {
	t.Helper()
	w := newWorld(t, brokers, imochasim.Config{Latency: imochasim.Latency{Fixed: 10 * time.Millisecond}}, day, day.Add(time.Hour))
	w.populate(lives(40))
	w.schedule.WindowMax = time.Minute
	return w
}

// A worker dies at a point of a transaction, another one takes over and finishes. Nothing is lost, nothing is told twice,
// and when the first one turns out to be alive after all, it finds that it has been replaced, says so, and does no harm.
func TestCrashAndTakeover(t *testing.T) {
	points := map[string]point{
		"after InitProducerID":               {requestInit, 1, answered},
		"InitProducerID under way":           {requestInit, 1, late},
		"after AddPartitionsToTxn":           {requestAdd, 1, answered},
		"after the first produce":            {requestProduce, 1, answered},
		"produce under way":                  {requestProduce, 3, late},
		"after a produce of the third":       {requestProduce, 3, answerLost},
		"before the first EndTxn":            {requestCommit, 1, neverSent},
		"before the third EndTxn":            {requestCommit, 3, neverSent},
		"EndTxn sent, under way":             {requestCommit, 2, late},
		"EndTxn sent, its answer lost":       {requestCommit, 1, answerLost},
		"EndTxn of the third, answer lost":   {requestCommit, 3, answerLost},
		"committed, before memory changes":   {requestCommit, 1, answered},
		"the third committed, before memory": {requestCommit, 3, answered},
	}
	onBrokers(t, func(t *testing.T, brokers []string) {
		for name, at := range points {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				crashAndTakeOver(t, crashWorld(t, brokers), at)
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
	first := w.worker(f)
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
	const timeout = 4 * time.Second // of transactions
	type loss struct {
		point
		lasts time.Duration
		then  error // what must have happened to a transaction; nil: it was committed all the same
	}
	losses := map[string]loss{}
	for kind, nth := range map[string]int{requestInit: 1, requestAdd: 3, requestProduce: 3, requestCommit: 3} {
		losses[kind+" request"] = loss{point: point{kind, nth, neverSent}}
		losses[kind+" answer"] = loss{point: point{kind, nth, answerLost}}
	}
	losses["aborted after answers to produce stay out"] = loss{point{requestProduce, 2, answerLost}, timeout, kafkatx.ErrAborted}
	losses["aborted after produce requests stay out"] = loss{point{requestProduce, 2, neverSent}, timeout, kafkatx.ErrAborted}
	losses["outcome unknown, committed"] = loss{point{requestCommit, 2, answerLost}, timeout + time.Second, kafkatx.ErrUnknownOutcome}
	losses["outcome unknown, not committed"] = loss{point{requestCommit, 2, neverSent}, timeout + time.Second, kafkatx.ErrUnknownOutcome}
	onBrokers(t, func(t *testing.T, brokers []string) {
		for name, lost := range losses {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				w := crashWorld(t, brokers)
				lossy := &loser{way: transport(), at: lost.point, lasts: lost.lasts}
				logs := newLog()
				p := w.worker(lossy, logs.use, func(c *worker.Config) { c.TransactionTimeout = timeout })
				w.run(p)
				w.verify(w.scope())
				w.agree(p)
				if lossy.times() == 0 {
					t.Fatal("nothing was lost: the test shows nothing")
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
