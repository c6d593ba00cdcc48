package main

import (
	"net/url"
	"os"
	"path/filepath"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"attemptstream/internal/config"
	"attemptstream/internal/metrics"
)

// An account that stays keeps its client, unless its key comes from another file. A list that cannot be taken changes nothing.
func TestRoster(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	list := func(content string) []config.Account {
		t.Helper()
		file := filepath.Join(dir, "accounts.json")
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		accounts, err := config.ReadAccounts(file, nil)
		if err != nil {
			t.Fatal(err)
		}
		return accounts
	}
	for _, name := range []string{"1", "2"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("key-"+name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	meter, err := metrics.New(metrics.Config{}, prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	right := config.IMocha{BaseURL: &url.URL{Scheme: "https", Host: "api.example"}, RequestTimeout: 1, RateLimit: 1, Concurrency: 1}
	r := newRoster(right, meter, zap.NewNop())
	take := func(content string) (apis []any) {
		t.Helper()
		accounts, _, err := r.take(list(content))
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range accounts {
			apis = append(apis, a.API)
		}
		return apis
	}
	before := take(`[{"name":"a","apiKeyFile":"1"},{"name":"b","apiKeyFile":"1"}]`) // two may share a key
	if after := take(`[{"name":"c","apiKeyFile":"2"},{"name":"b","apiKeyFile":"2"},{"name":"a","apiKeyFile":"1"}]`); after[2] != before[0] {
		t.Error("an account that stays has another client")
	} else if after[1] == before[1] {
		t.Error("an account whose key is elsewhere now has the client of before")
	}
	r.set.BaseURL = &url.URL{}
	if _, _, err := r.take(list(`[{"name":"a","apiKeyFile":"1"},{"name":"d","apiKeyFile":"1"}]`)); err == nil {
		t.Error("a client that cannot be made is taken")
	}
	r.set = right
	if after := take(`[{"name":"a","apiKeyFile":"1"}]`); after[0] != before[0] || len(r.clients) != 1 {
		t.Error("a list that was not taken has changed something")
	}
}
