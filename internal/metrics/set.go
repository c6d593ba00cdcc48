package metrics

import (
	"fmt"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"attemptstream/internal/attempt"
	"attemptstream/internal/schedule"
	"attemptstream/internal/worker"
)

// namespace is the prefix of all names.
const namespace = "attemptstream"

// Build is what runs.
type Build struct{ Version, Revision, GoVersion string }

// A Config is what a Set is made for.
type Config struct {
	Build    Build
	Accounts []attempt.Account // at first; see SetAccounts
	Schedule schedule.Settings // those of the worker
	// Ready says whether an account makes progress, as readiness for a load balancer does.
	Ready func(p worker.Progress, now time.Time) (ready bool, reason string)
	// ListOK says whether the list of accounts that is in force is that of its file. nil: there is no file.
	ListOK func() bool
	Now    func() time.Time // nil: time.Now
}

// A Set is all metrics of one worker, in a registry of its own. It is the worker's Meter.
type Set struct {
	config   Config
	registry *prometheus.Registry
	counters

	mu       sync.RWMutex
	accounts map[attempt.Account]bool // that have series
}

var _ worker.Meter = (*Set)(nil)

// New registers the metrics of a worker, and those of Go and of the process, in a registry that has none of them.
func New(c Config, registry *prometheus.Registry) (*Set, error) {
	if c.Now == nil {
		c.Now = time.Now
	}
	s := &Set{config: c, registry: registry, counters: newCounters(c.Schedule.States)}
	for _, collector := range append(s.counters.all(),
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		constant("build_info", "Always 1. The labels say what runs: compare them between replicas after a rollout.",
			prometheus.Labels{"version": c.Build.Version, "revision": c.Build.Revision, "goversion": c.Build.GoVersion}, 1),
		constant("settle_delay_seconds", "STREAM_SETTLE_DELAY in seconds, for rules: a front is at least so far behind the clock.",
			nil, c.Schedule.SettleDelay.Seconds()),
		constant("poll_interval_seconds", "STREAM_POLL_INTERVAL in seconds, for rules: a front moves so often.",
			nil, c.Schedule.PollInterval.Seconds()),
		constant("lookback_seconds", "STREAM_LOOKBACK in seconds, for rules: what becomes visible later than that is not found. 0: covered time is not read again.",
			nil, c.Schedule.Lookback.Seconds()),
	) {
		if err := registry.Register(collector); err != nil {
			return nil, fmt.Errorf("register metrics: %w", err)
		}
	}
	for _, state := range c.Schedule.States {
		s.requestTime.WithLabelValues(string(state))
	}
	s.SetAccounts(c.Accounts)
	if err := registry.Register(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: namespace, Name: "accounts_file_ok",
		Help: "1 if the accounts that are read are those of IMOCHA_ACCOUNTS_FILE, 0 while the file cannot be taken and the list as it was stays in force; the log says what is wrong. Always 1 without such a file."},
		func() float64 { return zeroOrOne(c.ListOK == nil || c.ListOK()) })); err != nil {
		return nil, fmt.Errorf("register metrics: %w", err)
	}
	return s, nil
}

// Watch adds what the worker's progress says. It is asked at every scrape, and must answer at once.
func (s *Set) Watch(progress func() []worker.Progress) error {
	if err := s.registry.Register(newGauges(s.config.Ready, s.config.Now, progress)); err != nil {
		return fmt.Errorf("register metrics: %w", err)
	}
	return nil
}

// constant is a metric that never changes.
func constant(name, help string, labels prometheus.Labels, value float64) prometheus.Collector {
	g := prometheus.NewGauge(prometheus.GaugeOpts{Namespace: namespace, Name: name, Help: help, ConstLabels: labels})
	g.Set(value)
	return g
}
