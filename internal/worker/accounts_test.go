package worker_test

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"attemptstream/internal/attempt"
	"attemptstream/internal/brokertest"
	"attemptstream/internal/imocha"
	"attemptstream/internal/imochasim"
	"attemptstream/internal/imochasim/ledger"
	"attemptstream/internal/ownership"
	"attemptstream/internal/topics"
	"attemptstream/internal/witness"
	"attemptstream/internal/worker"
)

// company are the accounts of these tests.
// In three partitions, a and c are in one, b and d in another, and f is alone.
var company = []attempt.Account{"a", "b", "c", "d", "f"}

// A changing world has workers whose lists of accounts change, each for itself.
type changing struct {
	*world
	logs *observer.ObservedLogs
	core zapcore.Core

	mu      sync.Mutex
	commits map[attempt.Account]int
	more    chan struct{} // closed at the next commit
}

func newChanging(t *testing.T, brokers []string) *changing {
	t.Helper()
	keys := map[string]string{}
	for _, name := range company {
		keys["key-"+string(name)] = string(name)
	}
	w := &changing{commits: map[attempt.Account]int{}, more: make(chan struct{}),
		world: newWorld(t, brokers, imochasim.Config{Keys: keys, Latency: imochasim.Latency{Fixed: 20 * time.Millisecond}}, day, day.Add(time.Hour))}
	w.core, w.logs = observer.New(zap.InfoLevel)
	w.schedule.WindowMax = time.Minute
	for _, name := range company {
		l := lives(30)
		l.PerDay = 700
		if err := w.sim.Populate(string(name), l, day, w.schedule.Stop.Time()); err != nil {
			t.Fatal(err)
		}
	}
	return w
}

// accountsOf are accounts as a worker is given them.
func (w *changing) accountsOf(names []attempt.Account) (list []worker.Account) {
	w.t.Helper()
	for _, name := range names {
		api, err := imocha.New(imocha.Config{BaseURL: w.url, Account: name, Key: imocha.StaticKey("key-" + string(name)),
			RequestTimeout: w.timeout, RateLimit: 1e6, Concurrency: 4})
		if err != nil {
			w.t.Fatal(err)
		}
		w.t.Cleanup(api.Close)
		list = append(list, worker.Account{Name: name, API: api})
	}
	return list
}

func counts(names []attempt.Account, partitions int) []int {
	n := make([]int, partitions)
	for _, name := range names {
		n[topics.StatePartition(name, partitions)]++
	}
	return n
}

// start lets a worker run that shares the accounts with others. It returns what stops it.
func (w *changing) start(name string, names []attempt.Account) (p *process, stop func()) {
	w.t.Helper()
	core := w.core.With([]zap.Field{zap.String("worker", name)})
	p = w.worker(nil, func(c *worker.Config) {
		c.Accounts, c.Concurrency = w.accountsOf(names), 4
		c.Log = brokertest.Logger(w.t).WithOptions(zap.WrapCore(func(other zapcore.Core) zapcore.Core { return zapcore.NewTee(core, other) }))
		c.Committed = w.committed
		c.Ownership = ownership.New(ownership.Config{Kafka: c.Kafka.Kafka(), Group: ownership.GroupID(c.Topics.Events.Name),
			Topic: c.Topics.State.Name, Accounts: counts(names, c.Topics.State.Partitions), ClientID: name, Log: c.Log,
			TellPause: time.Hour}) // shares that are evened out would be moves, too
	})
	ctx, cancel := context.WithCancel(w.t.Context())
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			w.t.Errorf("worker %s ended with %v", name, err)
		}
	})
	w.t.Cleanup(stop)
	return p, stop
}

// set gives a worker another list.
func (w *changing) set(p *process, names []attempt.Account) {
	w.t.Helper()
	p.SetAccounts(w.accountsOf(names))
	p.Ownership.(*ownership.Group).SetAccounts(counts(names, p.Topics.State.Partitions))
	var rows []attempt.Account
	for _, progress := range p.Progress() {
		rows = append(rows, progress.Account)
	}
	if !slices.Equal(rows, names) {
		w.t.Errorf("a worker with the list %v reports of %v", names, rows)
	}
}

func (w *changing) committed(c worker.Commit) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.commits[c.Account]++
	close(w.more)
	w.more = make(chan struct{})
}

func (w *changing) committedOf(name attempt.Account) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.commits[name]
}

// until waits until something is so, which it looks at after each commit of any account.
func (w *changing) until(what string, ok func() bool) {
	w.t.Helper()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	for {
		w.mu.Lock()
		more := w.more
		w.mu.Unlock()
		if ok() {
			return
		}
		select {
		case <-more:
		case <-timer.C:
			w.t.Fatalf("not within %s: %s", patience, what)
		}
	}
}

// after waits for so many commits more of an account.
func (w *changing) after(n int, name attempt.Account) {
	w.t.Helper()
	n += w.committedOf(name)
	w.until("commits of "+string(name), func() bool { return w.committedOf(name) >= n })
}

// said is how often the log says something of an account.
func (w *changing) said(message string, name attempt.Account) int {
	return w.logs.FilterMessage(message).FilterField(zap.String("account", string(name))).Len()
}

const (
	takenOver = "account taken over"
	givenUp   = "account given up"
)

// readTo tells whether one of the workers has an account and has read it up to a time.
func readTo(name attempt.Account, end time.Time, workers ...*process) bool {
	for _, p := range workers {
		for _, progress := range p.Progress() {
			if progress.Account == name && progress.Owned && !progress.Front.Before(end) {
				return true
			}
		}
	}
	return false
}

// owned is how many accounts a worker has taken over.
func owned(p *process) (n int) {
	for _, progress := range p.Progress() {
		if progress.Owned {
			n++
		}
	}
	return n
}

// verifyAll compares each account's events with what happened to it.
func (w *changing) verifyAll(scope ledger.Scope) {
	w.t.Helper()
	all := witness.AllEvents(w.t, w.brokers, w.topic)
	for _, name := range company {
		expected := w.sim.Expected(string(name), scope)
		problems := ledger.Check(expected, all[name])
		if len(problems) > 0 || expected.Required() == 0 {
			w.t.Errorf("account %s: %d problems, the first: %v; %d events, %d required", name, len(problems), problems[:min(1, len(problems))], len(all[name]), expected.Required())
		}
	}
}

// alternates checks that each worker has given an account up before it took it over again.
func (w *changing) alternates() {
	w.t.Helper()
	type key struct{ worker, account any }
	has := map[key]bool{}
	for _, e := range w.logs.All() {
		k := key{e.ContextMap()["worker"], e.ContextMap()["account"]}
		switch e.Message {
		case takenOver:
			if has[k] {
				w.t.Errorf("%v took over account %v twice", k.worker, k.account)
			}
			has[k] = true
		case givenUp:
			has[k] = false
		}
	}
}

// Accounts are added, removed and added again while others run, at two workers one after the other. What stays keeps its
// session, whoever has it; what is removed tells nothing more and has no row; what comes again goes on where it was; and in the
// end everything is told, and nothing twice.
func TestAccountsComeAndGo(t *testing.T) {
	brokertest.OnBoth(t, func(t *testing.T, brokers []string) {
		w := newChanging(t, brokers)
		end := w.schedule.Stop.Time()
		w.schedule.Stop = 0
		scope := ledger.Scope{From: day, To: end}
		p, stopP := w.start("p", company[:3])
		q, stopQ := w.start("q", company[:3])
		w.until("the accounts are shared", func() bool { return owned(p) > 0 && owned(q) > 0 && owned(p)+owned(q) == 3 })
		sessions := map[attempt.Account]int{}
		for _, name := range company[:3] {
			sessions[name] = w.said(takenOver, name)
		}

		both := func(names ...attempt.Account) {
			w.t.Helper()
			for _, one := range []*process{p, q} {
				w.set(one, names)
				w.after(1, "a")
			}
		}
		gone := w.said(givenUp, "b")
		// b goes, d comes, and the order is another one.
		both("d", "c", "a")
		w.until("b is given up, d is read", func() bool { return w.said(givenUp, "b") > gone && w.committedOf("d") > 0 })
		last := w.committedOf("b")
		w.after(5, "a")
		if n := w.committedOf("b"); n != last {
			t.Errorf("%d transactions of an account that was removed", n-last)
		}
		// b comes again, d goes and comes again at once.
		both(company...)
		both("a", "b", "c", "f")
		random := rand.New(rand.NewPCG(1, 2))
		for range 6 {
			names := slices.DeleteFunc(slices.Clone(company), func(name attempt.Account) bool { return name != "a" && name != "c" && random.IntN(2) == 0 })
			both(names...)
			for _, one := range []*process{p, q} { // gone and back before the work on them has ended
				w.set(one, []attempt.Account{"c", "a"})
				w.set(one, names)
			}
		}
		both(company...)
		for _, name := range company {
			w.until("all are read again: "+string(name), func() bool { return readTo(name, end, p, q) })
		}
		for _, name := range []attempt.Account{"a", "c"} {
			if n := w.said(takenOver, name); n != sessions[name] {
				t.Errorf("account %s, which stayed, has begun %d more sessions", name, n-sessions[name])
			}
		}
		if w.said(takenOver, "b") <= sessions["b"] || w.said(takenOver, "d") < 2 {
			t.Error("b or d did not begin again")
		}
		stopP()
		stopQ()
		w.alternates()
		scope.Seen = time.Now()
		w.verifyAll(scope)
	})
}
