package main

import (
	"encoding/json"
	"strings"
	"testing"

	"attemptstream/internal/embedded"
)

func TestAuditUsage(t *testing.T) {
	t.Parallel()
	env := map[string]string{"KAFKA_BROKERS": "127.0.0.1:1", "IMOCHA_API_KEY": "any"}
	for _, c := range []struct {
		args string
		want string
	}{
		{"", "which range? want both --from and --to"},
		{"--from -2d", "which range? want both --from and --to"},
		{"--to -1d", "which range? want both --from and --to"},
		{"--from 2999-01-01 --to -1h", "--from: 2999-01-01T00:00:00Z is in the future"},
		{"--from -1d --to 2999-01-01", "--to: 2999-01-01T00:00:00Z is in the future"},
		{"--from -1h --to -2h", "is not before --to"},
		{"--from -1h --to -1h", "is not before --to"},
		{"--from yesterday --to -1h", "is not a time"},
		{"--from 1h --to -1h", "want -1h for that long before now"},
		{"--from -2h --to -1h --state done", "want completed, cancelled or expired"},
		{"--from -2h --to -1h --account a/b", "want letters"},
		{"--from -2h --to -1h --output xml", "want table or json"},
		{"--from -2h --to -1h now", "now"},
	} {
		r := start(t, env, append([]string{"audit"}, strings.Fields(c.args)...)...)
		r.wait(exitUsage)
		if text := r.err.String(); !strings.Contains(text, c.want) || !strings.Contains(text, "See: attemptstream audit --help") || r.out.String() != "" {
			t.Errorf("%s: on standard error\n%s\nwant %q", c.args, text, c.want)
		}
	}
}

// The command compares what a worker has told with what the API shows, as people and as scripts read it.
func TestAudit(t *testing.T) {
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
	_, url := simulated(t, "--since", "-4h", "--per-day", "20000", "--late", "0")
	env := map[string]string{
		"KAFKA_BROKERS": broker.Addr(), "IMOCHA_BASE_URL": url, "IMOCHA_API_KEY": "any", "IMOCHA_RATE_LIMIT": "1000", "STREAM_START_AT": "-4h",
		"ADMIN_ADDR": "", "LOG_LEVEL": "warn",
	}
	r := start(t, env, "audit", "--from", "-2h", "--to", "-1h")
	r.wait(exitFailed)
	if text := r.err.String(); !strings.Contains(text, `topic "test-attempts" does not exist`) {
		t.Errorf("without a topic: %s", text)
	}
	start(t, env, "run", "--once").wait(exitDone)

	r = start(t, env, "audit", "--from", "-3h", "--to", "-1h")
	r.wait(exitDone)
	if text := r.out.String(); !strings.Contains(text, "Clean: ") || !strings.Contains(text, "(equal)") {
		t.Errorf("the report:\n%s", text)
	}
	r = start(t, env, "audit", "--from", "-3h", "--to", "-1h", "--state", "completed", "--account", "default", "--output", "json")
	r.wait(exitDone)
	var report struct {
		Clean       bool
		States      []string
		Totals      struct{ Told int }
		Differences []any
	}
	if err := json.Unmarshal([]byte(r.out.String()), &report); err != nil {
		t.Fatalf("%v in\n%s", err, r.out.String())
	}
	if !report.Clean || len(report.States) != 1 || report.Totals.Told == 0 || report.Differences == nil {
		t.Errorf("the report:\n%s", r.out.String())
	}

	r = start(t, env, "audit", "--from", "-3h", "--to", "-1h", "--account", "emea")
	r.wait(exitFailed)
	if text := r.err.String(); !strings.Contains(text, `account "emea" is not among`) || !strings.Contains(text, "default") {
		t.Errorf("an unknown account: %s", text)
	}
	r = start(t, env, "audit", "--from", "-9d", "--to", "-8d")
	r.wait(exitFailed)
	if text := r.err.String(); !strings.Contains(text, "is covered, so there is nothing to audit") || strings.Contains(text, "Usage") {
		t.Errorf("nothing covered: %s", text)
	}
	// What happened in a place that no worker has read: the audit of another API shows that.
	_, other := simulated(t, "--since", "-4h", "--per-day", "20000", "--late", "0", "--seed", "9")
	env["IMOCHA_BASE_URL"] = other
	r = start(t, env, "audit", "--from", "-3h", "--to", "-1h")
	r.wait(exitFailed)
	if !strings.Contains(r.out.String(), "NOT clean: ") || !strings.Contains(r.out.String(), "more: --output json has all") ||
		!strings.Contains(r.err.String(), "error: the audit is not clean") {
		t.Errorf("the report:\n%s\n%s", r.out.String(), r.err.String())
	}
}
