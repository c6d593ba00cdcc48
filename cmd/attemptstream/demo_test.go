package main

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"attemptstream/internal/event/eventtest"
)

const allIsWell = "Verdict: every status of every invitation was told exactly once."

// What is set up for other commands must not be touched, and what is said of events must hold.
func TestDemoJSON(t *testing.T) {
	t.Parallel()
	r := start(t, map[string]string{
		"KAFKA_BROKERS": "kafka.invalid:9092", "KAFKA_TLS_ENABLED": "true", "KAFKA_SASL_MECHANISM": "plain", "IMOCHA_BASE_URL": "https://imocha.invalid",
		"IMOCHA_API_KEY_FILE": "/nonexistent/key", "STREAM_START_AT": "2020-01-01", "PII_POLICY": "drop", "KAFKA_PARTITIONS": "2",
	}, "demo", "--json", "--duration", "3s")
	r.wait(exitDone)
	ids := map[string]bool{}
	for line := range strings.Lines(r.out.String()) {
		e, err := eventtest.Check([]byte(strings.TrimSuffix(line, "\n")))
		if err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		if ids[e.EventID] {
			t.Errorf("%s was printed twice", e.EventID)
		}
		ids[e.EventID] = true
		if e.Attempt.Name != nil || e.Attempt.Email != nil {
			t.Errorf("PII_POLICY=drop is not heeded: %s", line)
		}
	}
	if len(ids) < 20 {
		t.Errorf("%d events within 3 s, want some dozens", len(ids))
	}
	if text := r.err.String(); !strings.Contains(text, allIsWell) {
		t.Errorf("on standard error:\n%s", text)
	}
}

func TestDemoForPeople(t *testing.T) {
	t.Parallel()
	r := start(t, nil, "demo", "--seed", "3")
	r.until("it is live")
	r.cancel() // Ctrl-C
	r.wait(exitDone)
	text := r.out.String()
	for _, want := range []string{"kcat -C -b 127.0.0.1:", "TIME         INVITATION  STATUS", "  Completed     completed  ", "the company stands still", allIsWell} {
		if !strings.Contains(text, want) {
			t.Errorf("it does not say %q:\n%s", want, text)
		}
	}
	if strings.Contains(text, "\x1b") {
		t.Error("colours, though it is no terminal")
	}
	if strings.Contains(text, "@") {
		t.Errorf("email addresses are printed:\n%s", text)
	}
}

func TestDemoWithWrongSettings(t *testing.T) {
	t.Parallel()
	r := start(t, map[string]string{"PII_POLICY": "hide"}, "demo")
	r.wait(exitUsage)
	if text := r.err.String(); !strings.Contains(text, "PII_POLICY") || !strings.Contains(text, "want plain, hash or drop") {
		t.Errorf("it says\n%s", text)
	}
}

// The verdict is not good whatever is in Kafka.
func TestVerdictOnNothing(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	work, world := errgroup.WithContext(ctx)
	c, err := found(world, work, 1)
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now().Add(-demoPast)
	c.freeze()
	if v, required := c.verdict(start, &feed{}), c.expected(start).Required(); required < 20 || len(v.problems) < required {
		t.Errorf("%d problems though %d events are missing", len(v.problems), required)
	}
	cancel()
	if err := work.Wait(); err != nil {
		t.Error(err)
	}
}

func TestMergeKeepsTheOrderOfEachRow(t *testing.T) {
	t.Parallel()
	got := merge([][]int{{1, 40, 2}, nil, {3, 30, 31}, {5}}, func(a, b int) int { return a - b })
	if want := []int{1, 3, 5, 30, 31, 40, 2}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if got := merge(nil, func(a, b int) int { return a - b }); got != nil {
		t.Errorf("%v of nothing", got)
	}
}
