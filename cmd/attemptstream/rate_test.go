package main

import (
	"encoding/json"
	"testing"

	"attemptstream/internal/embedded"
)

// Audits and replays leave half of IMOCHA_RATE_LIMIT to what is new: an API that allows little more than half of it never
// has to send one of them away.
func TestHalfOfTheRateIsLeft(t *testing.T) {
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
	_, url := simulated(t, "--since", "-4h", "--per-day", "2000", "--late", "0", "--rate-limit", "60")
	env := map[string]string{
		"KAFKA_BROKERS": broker.Addr(), "IMOCHA_BASE_URL": url, "IMOCHA_API_KEY": "any", "IMOCHA_RATE_LIMIT": "50", "STREAM_START_AT": "-4h",
		"STREAM_LOOKBACK": "0", "ADMIN_ADDR": "", "LOG_LEVEL": "warn",
	}
	answered := func() (ok, throttled int64) {
		var stats struct{ Requests map[string]int64 }
		if err := json.Unmarshal([]byte(get(t, url+"/stats")), &stats); err != nil {
			t.Fatal(err)
		}
		for outcome, n := range stats.Requests {
			if outcome == "ok" {
				ok += n
			} else {
				throttled += n
			}
		}
		return ok, throttled
	}
	start(t, env, "run", "--once").wait(exitDone)
	env["IMOCHA_RATE_LIMIT"], env["STREAM_WINDOW_MAX"] = "100", "2m"
	for _, work := range [][][]string{
		{{"audit", "--from", "-3h", "--to", "-1h"}},
		{{"replay", "--from", "-3h", "--to", "-1h", "--detach"}, {"run", "--once"}},
	} {
		before, _ := answered()
		for _, args := range work {
			start(t, env, args...).wait(exitDone)
		}
		// At the full rate, 40 requests a second too many use up the burst of 60 that is allowed within 150.
		if after, throttled := answered(); throttled > 0 || after-before < 170 {
			t.Errorf("%v: %d requests were answered, %d were not: want at least 170, and none sent away", work, after-before, throttled)
		}
	}
}
