package main

import (
	"fmt"
	"net/http"

	"go.uber.org/zap"

	"attemptstream/internal/attempt"
	"attemptstream/internal/config"
	"attemptstream/internal/imocha"
	"attemptstream/internal/metrics"
	"attemptstream/internal/ownership"
	"attemptstream/internal/topics"
	"attemptstream/internal/worker"
)

// A roster is the accounts of a worker, each with its client. Whoever has to know when they change is told by it.
type roster struct {
	set     config.IMocha
	meter   *metrics.Set
	clients map[attempt.Account]client
	shared  *http.Transport // of all clients: accounts that poll by turns need few connections
	turns   *turns          // on shared

	worker     *worker.Worker
	group      *ownership.Group
	partitions int // of the state topic
	log        *zap.Logger
}

// A client is an account's.
type client struct {
	account config.Account
	api     *imocha.Client
}

// mostIdle bounds the connections to the API that are kept though nobody uses them at the moment. A thousand accounts that poll
// every 30 s need some tens, and each takes 25 KiB.
const mostIdle = 64

func newRoster(set config.IMocha, meter *metrics.Set, log *zap.Logger) *roster {
	shared := imocha.NewTransport(max(mostIdle, set.Concurrency))
	return &roster{set: set, meter: meter, clients: map[attempt.Account]client{}, shared: shared, turns: takeTurns(shared), log: log}
}

// take makes the clients of a list: those of accounts that stay are the same, unless the key comes from another file. Nothing
// has changed if there is an error. Requests under way go on.
func (r *roster) take(list []config.Account) (accounts []worker.Account, said []zap.Field, err error) {
	clients := make(map[attempt.Account]client, len(list))
	var added, keys []string
	for _, a := range list {
		c, stays := r.clients[a.Name]
		if !stays || !c.account.Same(a) {
			api, err := newAPI(r.set, a, func(c *imocha.Config) { c.Waited, c.Transport = r.meter.Waited(a.Name), r.turns })
			if err != nil {
				return nil, nil, err
			}
			if stays {
				keys = append(keys, string(a.Name))
			} else {
				added = append(added, string(a.Name))
			}
			c = client{a, api}
		}
		clients[a.Name] = c
		accounts = append(accounts, worker.Account{Name: a.Name, API: c.api})
	}
	var removed []string
	for name := range r.clients {
		if _, stays := clients[name]; !stays {
			removed = append(removed, string(name))
		}
	}
	r.clients = clients
	said = []zap.Field{zap.Int("accounts", len(list)), named("added", added), named("removed", removed), named("other_key_file", keys)}
	return accounts, said, nil
}

// mostNames bounds how many accounts a line of the log names.
const mostNames = 20

func named(key string, names []string) zap.Field {
	if more := len(names) - mostNames; more > 0 {
		names = append(names[:mostNames:mostNames], fmt.Sprintf("and %d more", more))
	}
	return zap.Strings(key, names)
}

// apply puts another list in force, whole or not at all.
func (r *roster) apply(list []config.Account) error {
	accounts, said, err := r.take(list)
	if err != nil {
		return err
	}
	r.meter.SetAccounts(namesOf(list)) // first, so that nothing of a new account goes uncounted
	r.worker.SetAccounts(accounts)
	r.group.SetAccounts(r.counts(list))
	r.log.Info("the list of accounts has changed", said...)
	return nil
}

// counts are how many accounts are in each partition of the state topic.
func (r *roster) counts(list []config.Account) []int {
	counts := make([]int, r.partitions)
	for _, a := range list {
		counts[topics.StatePartition(a.Name, r.partitions)]++
	}
	return counts
}

func (r *roster) close() { r.shared.CloseIdleConnections() }

func namesOf(list []config.Account) []attempt.Account {
	names := make([]attempt.Account, len(list))
	for i, a := range list {
		names[i] = a.Name
	}
	return names
}
