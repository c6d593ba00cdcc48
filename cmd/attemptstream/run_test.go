package main

import (
	"encoding/json"
	"strings"
	"testing"

	"attemptstream/internal/embedded"
)

// Where there is no terminal, run says in its log how far it has come.
func TestRunLogsItsProgress(t *testing.T) {
	t.Parallel()
	broker, err := embedded.Start(embedded.Config{Addr: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := broker.Close(); err != nil {
			t.Error(err)
		}
	})
	_, url := simulated(t, "--since", "-2h", "--per-day", "500")
	r := start(t, map[string]string{
		"KAFKA_BROKERS": broker.Addr(), "IMOCHA_BASE_URL": url, "IMOCHA_API_KEY": "any", "IMOCHA_RATE_LIMIT": "1000", "STREAM_START_AT": "-2h",
		"ADMIN_ADDR": "",
	}, "run", "--once")
	r.wait(exitDone)
	var last struct {
		Message, Account string
		CoveredThrough   string `json:"covered_through"`
		Events           int
	}
	for line := range strings.Lines(r.err.String()) {
		if !strings.Contains(line, `"message":"progress"`) {
			continue
		}
		if err := json.Unmarshal([]byte(line), &last); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
	}
	if last.Account != "default" || last.Events == 0 || last.CoveredThrough == "" {
		t.Errorf("its last words on its progress are %+v:\n%s", last, r.err.String())
	}
}
