package config_test

import (
	"os"
	"reflect"
	"slices"
	"testing"

	"attemptstream/internal/config"
)

// The environment of the process, as envconfig reads it, is read as one that was passed in.
func TestProcess(t *testing.T) { // not parallel: there is one environment
	env := enough("IMOCHA_RATE_LIMIT", "7.5", "KAFKA_TLS_ENABLED", "true", "STREAM_STATES", "expired", "ADMIN_ADDR", "", "LOG_FORMAT", "", "LOG_LEVEL", "debug", "PII_POLICI", "x")
	for _, e := range config.Describe(config.FromMap(nil), 0, now) {
		value, ok := env[e.Name]
		t.Setenv(e.Name, value)
		if !ok {
			os.Unsetenv(e.Name) // until the test's end
		}
	}
	t.Setenv("PII_POLICI", "x")
	process, err := config.Process()
	if err != nil {
		t.Fatal(err)
	}
	got, warnings, err := config.Load(process, config.NeedAll, now)
	if err != nil {
		t.Fatal(err)
	}
	want, wantWarnings := load(t, env)
	if got.IMocha.Accounts[0].Key.IsSet() != true || got.IMocha.RateLimit != 7.5 || got.AdminAddr != "" || got.Log.Format != config.JSON {
		t.Errorf("got %+v", got)
	}
	got.IMocha.Accounts, want.IMocha.Accounts = nil, nil
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if !slices.Contains(warnings, wantWarnings[0]) || len(wantWarnings) != 1 {
		t.Errorf("warnings %v, want %v in them", warnings, wantWarnings)
	}
	entries := config.Describe(process, config.NeedAll, now)
	if wantEntries := config.Describe(config.FromMap(env), config.NeedAll, now); !reflect.DeepEqual(entries, wantEntries) {
		t.Errorf("got  %+v\nwant %+v", entries, wantEntries)
	}
}
