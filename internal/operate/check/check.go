package check

import (
	"context"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"attemptstream/internal/attempt"
	"attemptstream/internal/imocha"
	"attemptstream/internal/kafkatx"
	"attemptstream/internal/topics"
)

// Config is what is to be checked.
type Config struct {
	Kafka  Kafka
	IMocha IMocha
	Now    func() time.Time // nil: time.Now
}

// Kafka says where Kafka is.
type Kafka struct {
	Brokers  []string
	Embedded bool // the broker is the worker's, and there while it runs
	// Connect makes a client that knows only these brokers, with RequestTimeout as given and without MetadataTopics.
	Connect func(brokers []string, timeout time.Duration) *kafkatx.Client
	Topics  topics.Config
}

// IMocha says how the API is asked.
type IMocha struct {
	BaseURL        string
	Accounts       []Account
	States         []attempt.State
	RequestTimeout time.Duration
	SettleDelay    time.Duration // how far the clocks may differ depends on it
	UserAgent      string
}

// An Account is one account of iMocha.
type Account struct {
	Name attempt.Account
	Key  imocha.KeySource
}

// Run looks at everything. It ends early only with ctx; items then say so.
func Run(ctx context.Context, cfg Config) *Report {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	r := &Report{At: cfg.Now().UTC()}
	accounts := make([]attempt.Account, len(cfg.IMocha.Accounts))
	for i, a := range cfg.IMocha.Accounts {
		accounts[i] = a.Name
	}
	var ofKafka, ofIMocha items
	var both sync.WaitGroup
	both.Go(func() { checkKafka(ctx, &cfg.Kafka, accounts, &ofKafka) })
	both.Go(func() { checkIMocha(ctx, &cfg.IMocha, cfg.Now, &ofIMocha) })
	both.Wait()
	r.Items = append(ofKafka, ofIMocha...)
	r.OK = r.Failures() == 0
	return r
}

// items are collected by one goroutine.
type items []Item

func (l *items) add(i Item) { *l = append(*l, i) }

// each runs a function for every i below n, some side by side. The functions answer with items, which come in order.
func each(n, atOnce int, f func(i int) Item) items {
	out := make(items, n)
	var g errgroup.Group
	g.SetLimit(atOnce)
	for i := range n {
		g.Go(func() error {
			began := time.Now()
			out[i] = f(i)
			out[i].Took = time.Since(began).Milliseconds()
			return nil
		})
	}
	_ = g.Wait() // none of them fails
	return out
}

func ok(of, name, format string, args ...any) Item {
	return Item{Of: of, Name: name, Result: OK, Detail: fmt.Sprintf(format, args...)}
}

func notice(of, name, format string, args ...any) Item {
	return Item{Of: of, Name: name, Result: Notice, Detail: fmt.Sprintf(format, args...)}
}

func failed(of, name, format string, args ...any) Item {
	return Item{Of: of, Name: name, Result: Failed, Detail: fmt.Sprintf(format, args...)}
}

func skipped(of, name, format string, args ...any) Item {
	return Item{Of: of, Name: name, Result: Skipped, Detail: fmt.Sprintf(format, args...)}
}
