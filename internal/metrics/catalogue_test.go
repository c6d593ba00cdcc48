package metrics_test

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	dto "github.com/prometheus/client_model/go"
	"go.uber.org/zap"

	"attemptstream/internal/attempt"
	"attemptstream/internal/imocha"
	"attemptstream/internal/kafkatx"
	"attemptstream/internal/metrics"
	"attemptstream/internal/schedule"
	"attemptstream/internal/worker"
)

// catalogue is the table of all metrics, made by go test ./internal/metrics -update.
const catalogue = "../../deploy/METRICS.md"

// full is a set in which everything has a value.
func full(t testing.TB) (*metrics.Set, *prometheus.Registry) {
	t.Helper()
	registry := prometheus.NewRegistry()
	s, err := metrics.New(metrics.Config{
		Build:    metrics.Build{Version: "1.2.3", Revision: "abc", GoVersion: "go1"},
		Accounts: []attempt.Account{account},
		Schedule: schedule.Settings{States: attempt.States(), PollInterval: 30 * time.Second, SettleDelay: 20 * time.Second, Lookback: time.Hour},
		Ready:    owned,
		ListOK:   func() bool { return true },
	}, registry)
	if err != nil {
		t.Fatal(err)
	}
	at := time.Unix(1_700_000_000, 0)
	p := worker.Progress{Account: account, Owned: true}
	for _, state := range attempt.States() {
		p.States = append(p.States, worker.StateProgress{State: state, Front: at, Through: at})
	}
	if err := s.Watch(func() []worker.Progress { return []worker.Progress{p} }); err != nil {
		t.Fatal(err)
	}
	lags, err := s.WatchLag(metrics.LagConfig{Log: zap.NewNop(), Lags: func(context.Context) ([]metrics.GroupLag, error) {
		return []metrics.GroupLag{group("billing", 1, 3)}, nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); lags.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-done })
	for !lags.Known() {
		time.Sleep(time.Millisecond) // until Run has asked
	}
	return s, registry
}

func gather(t testing.TB, registry *prometheus.Registry) families {
	t.Helper()
	all, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	out := families{}
	for _, f := range all {
		out[f.GetName()] = f
	}
	return out
}

// The table in deploy is what the registry says.
func TestCatalogue(t *testing.T) {
	t.Parallel()
	_, registry := full(t)
	var b bytes.Buffer
	b.WriteString("# Metrics\n\n<!-- Made by: go test ./internal/metrics -update. Do not edit. -->\n\n" +
		"What `/metrics` of `ADMIN_ADDR` shows. Beside these there are those of Go (`go_…`) and of the process (`process_…`) under their usual names.\n" +
		"Counters begin at 0 with the process; ages are `time()` minus a timestamp. Several workers report the same accounts and\n" +
		"consumer groups: take the highest of gauges, and the sum of increases.\n\n" +
		"| metric | type | labels | meaning |\n| --- | --- | --- | --- |\n")
	all := gather(t, registry)
	native := 0
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if !strings.HasPrefix(name, "attemptstream_") {
			native++
			continue
		}
		f := all[name]
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", name, strings.ToLower(f.GetType().String()), labels(f), strings.ReplaceAll(f.GetHelp(), "|", `\|`))
	}
	if native < 20 {
		t.Errorf("%d metrics of Go and of the process", native)
	}
	if flag.Lookup("update").Value.String() == "true" {
		if err := os.WriteFile(catalogue, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	old, err := os.ReadFile(catalogue)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	if !bytes.Equal(old, b.Bytes()) {
		t.Errorf("%s is stale: make it anew with go test ./internal/metrics -update", catalogue)
	}
}

// labels are those of a metric, with all their values where those are words from a list.
func labels(f *dto.MetricFamily) string {
	var names []string
	values := map[string][]string{}
	for _, m := range f.Metric {
		for _, l := range m.Label {
			if !slices.Contains(names, l.GetName()) {
				names = append(names, l.GetName())
			}
			if !slices.Contains(values[l.GetName()], l.GetValue()) {
				values[l.GetName()] = append(values[l.GetName()], l.GetValue())
			}
		}
	}
	for i, name := range names {
		names[i] = "`" + name + "`"
		if name == "outcome" || name == "status" {
			names[i] += " (" + strings.Join(values[name], ", ") + ")"
		}
	}
	return strings.Join(names, ", ")
}

// Prometheus's own linter has nothing to say, and no name is missing or another one than alerts and dashboards use.
func TestNames(t *testing.T) {
	t.Parallel()
	_, registry := full(t)
	all := gather(t, registry)
	problems, err := promlint.NewWithMetricFamilies(slices.Collect(maps.Values(all))).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		if strings.HasPrefix(p.Metric, "attemptstream_") { // others are client_golang's
			t.Errorf("%s: %s", p.Metric, p.Text)
		}
	}
	for name, want := range map[string]string{
		"build_info": "goversion revision version", "covered_through_timestamp_seconds": "account state", "front_timestamp_seconds": "account state",
		"gaps": "account state", "gap_seconds": "account state", "account_ready": "account", "ready": "",
		"requests_total": "account outcome state", "request_duration_seconds": "state", "rate_limit_wait_seconds_total": "account",
		"attempts_total": "account outcome state", "late_arrival_age_seconds": "account", "late_arrivals_near_limit_total": "account",
		"came_back_total": "account", "possibly_truncated_total": "account state", "proven_length": "account", "answer_cap": "account",
		"transactions_total": "account outcome", "transaction_duration_seconds": "", "fences_total": "account",
		"replays": "account status", "replayed_events_total": "account", "index_bytes": "account", "index_entries": "account", "dead_letters": "account",
		"settle_delay_seconds": "", "poll_interval_seconds": "", "lookback_seconds": "",
		"consumer_group_lag_events": "group partition", "consumer_group_lag_seconds": "group partition",
		"consumer_group_members": "group", "consumer_group_lag_errors_total": "",
	} {
		series := all.series(name)
		if len(series) == 0 {
			t.Errorf("there is no attemptstream_%s", name)
			continue
		}
		var got []string
		for _, l := range series[0].Label {
			got = append(got, l.GetName())
		}
		if s := strings.Join(got, " "); s != want {
			t.Errorf("attemptstream_%s has the labels %q, want %q", name, s, want)
		}
	}
	for name, want := range map[string]float64{"settle_delay_seconds": 20, "poll_interval_seconds": 30, "lookback_seconds": 3600,
		"covered_through_timestamp_seconds": 3 * 1_700_000_000} {
		if got := all.sum(t, name); got != want {
			t.Errorf("attemptstream_%s is %v, want %v", name, got, want)
		}
	}
}

// Before there is a worker nothing makes progress, and nothing is made up.
func TestNoWorkerYet(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewRegistry()
	s, err := metrics.New(metrics.Config{Accounts: []attempt.Account{account}, Ready: owned}, registry)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Watch(func() []worker.Progress { return nil }); err != nil {
		t.Fatal(err)
	}
	if all := gather(t, registry); all.sum(t, "ready") != 0 || all.series("front_timestamp_seconds") != nil {
		t.Error("it is ready, or has a front")
	}
}

// Errors are sorted by what they are, however they are wrapped.
func TestOutcomesOfErrors(t *testing.T) {
	t.Parallel()
	s, registry := full(t)
	wrapped := func(errs ...error) error { return fmt.Errorf("commit: %w", errors.Join(errs...)) }
	for _, err := range []error{nil, wrapped(kafkatx.ErrAborted), wrapped(kafkatx.ErrAborted, kafkatx.ErrRejected), wrapped(kafkatx.ErrFenced),
		wrapped(kafkatx.ErrUnknownOutcome), wrapped(kafkatx.ErrUnknownOutcome, kafkatx.ErrFenced), kafkatx.ErrNotInitialized} {
		s.Transaction(account, time.Second, err)
	}
	for _, err := range []error{nil, context.Canceled, fmt.Errorf("ask: %w", context.DeadlineExceeded), fmt.Errorf("ask: %w", &imocha.Error{Kind: imocha.Throttled}),
		errors.New("more than fits into memory")} {
		s.Request(account, attempt.Expired, time.Second, err)
	}
	all := gather(t, registry)
	for outcome, want := range map[string]float64{"committed": 1, "aborted": 3, "fenced": 1, "unknown": 2} {
		if got := all.sum(t, "transactions_total", "outcome", outcome); got != want {
			t.Errorf("%v transactions are %s, want %v", got, outcome, want)
		}
	}
	for outcome, want := range map[string]float64{"ok": 1, "canceled": 2, "throttled": 1, "unreadable": 1, "unavailable": 0} {
		if got := all.sum(t, "requests_total", "outcome", outcome); got != want {
			t.Errorf("%v requests are %s, want %v", got, outcome, want)
		}
	}
}
