package main

import (
	"encoding/json"
	"maps"
	"strings"
	"testing"

	"attemptstream/internal/operate/check"
)

// testCheck asks a Kafka and an API that a worker runs with.
func testCheck(t *testing.T, w *workedStream) {
	r := start(t, w.env, "config", "--check")
	r.wait(exitDone)
	if text := r.out.String(); !strings.Contains(text, "Everything that a worker needs is there") || r.err.String() != "" {
		t.Errorf("all is well, and it says\n%s%s", text, r.err.String())
	}
	t.Log("\n" + r.out.String())

	wrong := maps.Clone(w.env)
	wrong["IMOCHA_BASE_URL"] += "/v9"
	r = start(t, wrong, "config", "--check", "--output", "json")
	r.wait(exitFailed)
	var report check.Report
	if err := json.Unmarshal([]byte(r.out.String()), &report); err != nil {
		t.Fatalf("%v: %s", err, r.out.String())
	}
	if report.OK || report.Failures() != 3 || strings.Contains(r.out.String(), "correct-horse") || !strings.Contains(r.err.String(), "3 of ") {
		t.Errorf("with a wrong address it says %+v; %s", report, r.err.String())
	}
}

// Wrong settings are no world to be asked.
func TestCheckOfWrongSettings(t *testing.T) {
	t.Parallel()
	r := start(t, map[string]string{"KAFKA_BROKERS": "nowhere", "IMOCHA_API_KEY": "secret-word"}, "config", "--check")
	r.wait(exitUsage)
	if text := r.err.String(); !strings.Contains(text, "KAFKA_BROKERS") || strings.Contains(text, "secret-word") || r.out.String() != "" {
		t.Errorf("it says\n%s", text)
	}
}
