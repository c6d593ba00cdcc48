package main

import (
	"fmt"

	"attemptstream/internal/config"
	"attemptstream/internal/imocha"
)

// key is an account's key for its client, which asks again when the API refuses it.
type key struct{ secret config.Secret }

func (k key) Key() (string, error) { return k.secret.Read() }

// newAPI is an account's client, as the settings say. change may alter what they say.
func newAPI(set config.IMocha, account config.Account, change ...func(*imocha.Config)) (*imocha.Client, error) {
	c := imocha.Config{
		BaseURL: set.BaseURL.String(), Account: account.Name, Key: key{account.Key}, RequestTimeout: set.RequestTimeout,
		RateLimit: set.RateLimit, Concurrency: set.Concurrency, UserAgent: "attemptstream/" + version,
	}
	for _, f := range change {
		f(&c)
	}
	client, err := imocha.New(c)
	if err != nil {
		return nil, fmt.Errorf("account %s: %w", account.Name, err)
	}
	return client, nil
}

// beside is what may be asked of the API by what goes on beside a worker's own work: half of all, so that what is new does
// not wait.
func beside(set config.IMocha) config.IMocha {
	set.RateLimit /= 2
	set.Concurrency = max(1, set.Concurrency/2)
	return set
}
