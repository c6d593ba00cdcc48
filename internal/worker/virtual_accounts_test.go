package worker_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"attemptstream/internal/attempt"
	"attemptstream/internal/imocha"
	"attemptstream/internal/imochasim"
	"attemptstream/internal/imochasim/ledger"
	"attemptstream/internal/worker"
)

// An asked API counts how often it is asked.
type asked struct {
	worker.API
	n atomic.Int64
}

func (a *asked) Attempts(ctx context.Context, state attempt.State, w attempt.Window, each func(*imocha.Entry) error) error {
	a.n.Add(1)
	return a.API.Attempts(ctx, state, w, each)
}

// The key of an account comes from another file: its new client is asked from then on, within its session, and nothing is told
// twice.
func TestVirtualClientExchanged(t *testing.T) {
	inVirtualTime(t, imochasim.Config{Keys: map[string]string{"old": string(account), "new": string(account)}, Seed: 3}, func(w *virtualWorld) {
		lives := imochasim.DefaultLives(5)
		lives.Late = 0
		w.populate(account, lives, 4*time.Hour)
		w.keys[account] = "old"
		w.schedule.Lookback = 0
		var before *asked
		p := w.start(func(c *worker.Config) {
			before = &asked{API: c.Accounts[0].API}
			c.Accounts[0].API, c.Concurrency = before, 1
		})
		time.Sleep(2 * time.Hour)
		api, stop := w.api(account, "new")
		defer stop()
		after := &asked{API: api}
		p.SetAccounts([]worker.Account{{Name: account, API: after}})
		time.Sleep(time.Minute)
		last := before.n.Load()
		time.Sleep(2 * time.Hour)
		if old, now := before.n.Load(), after.n.Load(); old != last || last == 0 || now == 0 {
			t.Errorf("the client before was asked %d times, %d of them after the exchange; the new one %d times", old, old-last, now)
		}
		if n := p.Progress()[0].Commits; n == 0 {
			t.Error("nothing was committed")
		}
		p.stop()
		w.verify(account, ledger.Scope{From: w.began, To: time.Now().Add(-time.Minute), Seen: time.Now()})
	})
}

// endless is an API that never answers.
type endless struct{}

func (endless) Attempts(ctx context.Context, _ attempt.State, _ attempt.Window, _ func(*imocha.Entry) error) error {
	<-ctx.Done()
	return ctx.Err()
}

// A worker that is to end when all is read ends when what is left is removed. What is removed counts no more, however it has
// ended, and what comes counts.
func TestVirtualNothingLeft(t *testing.T) {
	inVirtualTime(t, imochasim.Config{Keys: map[string]string{"key": string(account), "key-b": "b"}, Seed: 3}, func(w *virtualWorld) {
		w.populate(account, imochasim.DefaultLives(5), time.Hour)
		w.populate("b", imochasim.DefaultLives(6), time.Hour)
		time.Sleep(2 * time.Hour)
		w.schedule.Stop = w.schedule.Start.Add(time.Hour)
		var first worker.Account
		p := w.start(func(c *worker.Config) {
			first = c.Accounts[0]
			c.Accounts = append(c.Accounts, worker.Account{Name: "hangs", API: endless{}})
		})
		running := func() bool {
			w.settle()
			select {
			case err := <-p.done:
				p.done <- err
				return false
			default:
				return true
			}
		}
		time.Sleep(time.Hour)
		if !running() {
			t.Fatal("it ended though an account was not read")
		}
		b, stop := w.api("b", "key-b")
		defer stop()
		p.SetAccounts([]worker.Account{{Name: "b", API: b}, {Name: "hangs", API: endless{}}, first})
		time.Sleep(time.Hour)
		if got := p.Progress(); !running() || len(got) != 3 || got[0].Account != "b" || got[0].Front.Before(w.schedule.Stop.Time()) {
			t.Fatalf("an account that came was not read, or the worker has ended: %+v", got)
		}
		p.SetAccounts([]worker.Account{first, {Name: "b", API: b}})
		if running() {
			t.Fatal("it goes on with nothing left to do")
		}
		p.stop()
		for _, name := range []attempt.Account{account, "b"} {
			w.verify(name, ledger.Scope{From: w.began, To: w.schedule.Stop.Time(), Seen: time.Now()})
		}
	})
}

// A stubborn API answers only when it is let, whatever becomes of who asks.
type stubborn struct {
	worker.API
	asked chan struct{}
	let   chan struct{}
}

func (s *stubborn) Attempts(ctx context.Context, state attempt.State, w attempt.Window, each func(*imocha.Entry) error) error {
	select {
	case s.asked <- struct{}{}:
	default:
	}
	<-s.let
	return s.API.Attempts(ctx, state, w, each)
}

// An account is removed and added again before its session has ended: the next one begins only after that, or two sessions
// would write with one producer.
func TestVirtualOneSessionAtATime(t *testing.T) {
	inVirtualTime(t, imochasim.Config{Seed: 3}, func(w *virtualWorld) {
		w.populate(account, imochasim.DefaultLives(5), time.Hour)
		time.Sleep(time.Hour)
		w.schedule.Lookback = 0
		var good worker.Account
		first := &stubborn{asked: make(chan struct{}, 1), let: make(chan struct{})}
		p := w.start(func(c *worker.Config) {
			good = c.Accounts[0]
			first.API = good.API
			c.Accounts[0].API = first
		})
		<-first.asked
		w.settle() // all of its first requests are under way
		p.SetAccounts([]worker.Account{{Name: "other", API: endless{}}})
		next := &asked{API: good.API}
		p.SetAccounts([]worker.Account{{Name: account, API: next}, {Name: "other", API: endless{}}})
		time.Sleep(time.Minute)
		if n := next.n.Load(); n != 0 || p.Progress()[0].Commits != 0 {
			t.Errorf("the next session has asked %d times while the last one has not ended", n)
		}
		close(first.let)
		time.Sleep(time.Minute)
		if next.n.Load() == 0 || p.Progress()[0].Commits == 0 {
			t.Error("the next session has not begun")
		}
		p.stop()
	})
}
