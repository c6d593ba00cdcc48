package main

import (
	"encoding/json"
	"strings"
	"testing"

	"attemptstream/internal/embedded"
	"attemptstream/internal/operate/replay"
)

// Somebody asks for replays, looks at them, ends them; with a worker that carries them out, and without.
func TestReplayCommand(t *testing.T) {
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
	_, url := simulated(t, "--since", "-2h", "--per-day", "2000")
	env := map[string]string{
		"KAFKA_BROKERS": broker.Addr(), "IMOCHA_BASE_URL": url, "IMOCHA_API_KEY": "any", "IMOCHA_RATE_LIMIT": "1000",
		"STREAM_START_AT": "-2h", "ADMIN_ADDR": "",
	}
	run := func(code int, says string, args ...string) *running {
		t.Helper()
		r := start(t, env, append([]string{"replay"}, args...)...)
		r.wait(code)
		if said := r.out.String() + r.err.String(); !strings.Contains(said, says) {
			t.Errorf("replay %v does not say %q:\n%s", args, says, said)
		}
		return r
	}
	run(exitFailed, "attemptstream run creates the topics", "--from", "-1h")
	start(t, env, "run", "--once").wait(exitDone)
	for _, c := range []struct {
		says string
		args []string
	}{
		{"want --from", nil},
		{"is in the future", []string{"--from", "2100-01-01"}},
		{"--to 2100-01-01T00:00:00Z", []string{"--from", "-1h", "--to", "2100-01-01"}},
		{"want the earlier time", []string{"--from", "-1h", "--to", "-2h"}},
		{"want completed", []string{"--from", "-1h", "--state", "lost"}},
		{"do not go together", []string{"--list", "--cancel", "x"}},
		{"--from makes no sense", []string{"--cancel", "x", "--from", "-1h"}},
		{"which one?", []string{"--cancel", ""}},
		{"attemptstream replay --help", []string{"now"}},
	} {
		run(exitUsage, c.says, c.args...)
	}
	run(exitFailed, "not all of the range is covered", "--from", "-3h")
	run(exitFailed, `nothing of account "emea", or of any other`, "--from", "-1h", "--account", "emea")
	run(exitFailed, `there is no replay "x"`, "--cancel", "x")
	run(exitDone, "No replay is remembered", "--list")

	// Nobody carries it out: it waits, and so does who does not say otherwise.
	waits := strings.TrimSpace(run(exitDone, "", "--from", "-1h", "--detach").out.String())
	run(exitDone, "no worker has heard of it yet", "--list")
	waiting := start(t, env, "replay", "--from", "-90m", "--to", "-30m", "--state", "expired,completed")
	select {
	case <-waiting.err.has("replay requested"):
	case <-waiting.done:
		t.Fatalf("it did not wait:\n%s", waiting.err.String())
	}
	waiting.cancel()
	waiting.wait(exitDone)
	if !strings.Contains(waiting.err.String(), "to end it: attemptstream replay --cancel") {
		t.Errorf("who waited was told:\n%s", waiting.err.String())
	}
	run(exitDone, "end of the replay requested", "--cancel", waits, "--detach")
	worker := start(t, env, "run")
	r := run(exitDone, "100 %", "--from", "-100m", "--to", "-10m", "--missing-only")
	if strings.Contains(r.out.String(), "passed over") {
		t.Errorf("something was passed over:\n%s", r.out.String())
	}
	run(exitFailed, "ended already: cancelled", "--cancel", waits)
	var rows []replay.Row
	if err := json.Unmarshal([]byte(run(exitDone, "", "--list", "--output", "json").out.String()), &rows); err != nil {
		t.Fatal(err)
	}
	if len(rows) != 3 || rows[0].Status != "cancelled" || rows[1].Status != "done" || rows[1].Told == 0 || rows[2].Told != 0 || rows[2].Known == 0 {
		t.Errorf("the list is %+v", rows)
	}
	worker.cancel()
	worker.wait(exitDone)
}
