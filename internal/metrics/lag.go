package metrics

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
)

const (
	// lagEvery is the pause between two looks at the groups, lagTime how long a look may take.
	lagEvery = 15 * time.Second
	lagTime  = 30 * time.Second
	// lagKept is how long the last lags are shown when no newer ones can be had.
	lagKept = time.Minute
	// lagQuiet is how long the same complaint is not repeated in the log.
	lagQuiet = time.Minute
	// mostGroups bounds the series: who reads with a new group every time makes one more of each for every reading.
	mostGroups = 200
)

// A GroupLag is how far a consumer group of the events is behind.
type GroupLag struct {
	Group      string
	Members    int
	Partitions []PartitionLag // for which it has an offset: nobody knows whether it will read others
}

// A PartitionLag is how far a group is behind in one partition.
type PartitionLag struct {
	Partition int
	Events    int64
	Seconds   float64 // negative: not known
}

// A LagConfig is what a LagWatch needs.
type LagConfig struct {
	// Lags asks Kafka. It is called by one goroutine.
	Lags func(context.Context) ([]GroupLag, error)
	Log  *zap.Logger
	Now  func() time.Time // nil: time.Now
}

// A LagWatch asks for the lag of consumer groups while it runs, and shows what it knows.
type LagWatch struct {
	config LagConfig

	mu    sync.Mutex
	lags  []GroupLag
	asked time.Time // when lags were asked for; zero: never

	complained map[string]time.Time // by what was said
	suppressed map[string]int

	errors                   prometheus.Counter
	events, seconds, members *prometheus.Desc
}

// WatchLag adds the lag of consumer groups, which is known as long as the LagWatch runs.
func (s *Set) WatchLag(c LagConfig) (*LagWatch, error) {
	if c.Now == nil {
		c.Now = time.Now
	}
	w := &LagWatch{
		config:     c,
		complained: map[string]time.Time{},
		suppressed: map[string]int{},
		errors: prometheus.NewCounter(prometheus.CounterOpts{Namespace: namespace, Name: "consumer_group_lag_errors_total",
			Help: "How often Kafka did not say how far consumer groups are behind. While it grows, their lag is not known; the log says why."}),
		events: desc("consumer_group_lag_events",
			"Events that the group has not committed yet, without transaction markers. While it grows, the group's consumers are too slow, or stand still.",
			labelGroup, labelPartition),
		seconds: desc("consumer_group_lag_seconds",
			"Seconds since the oldest event that the group has not committed yet was observed, 0 if there is none.",
			labelGroup, labelPartition),
		members: desc("consumer_group_members", "Consumers in the group. 0 with a lag: nobody reads for it.", labelGroup),
	}
	if err := s.registry.Register(w); err != nil {
		return nil, fmt.Errorf("register metrics: %w", err)
	}
	return w, nil
}

// Run asks again and again until ctx ends.
func (w *LagWatch) Run(ctx context.Context) {
	timer := time.NewTimer(lagEvery)
	defer timer.Stop()
	for {
		w.look(ctx)
		timer.Reset(lagEvery)
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
	}
}

// look asks once.
func (w *LagWatch) look(ctx context.Context) {
	bounded, cancel := context.WithTimeoutCause(ctx, lagTime, fmt.Errorf("no answer within %s", lagTime))
	defer cancel()
	lags, err := w.config.Lags(bounded)
	switch {
	case ctx.Err() != nil:
		return
	case err != nil:
		w.errors.Inc()
		w.complain("the lag of consumer groups is not known; it is asked for again", zap.Error(err))
		return
	}
	lags, left := clean(lags)
	if left > 0 {
		w.complain("there are more consumer groups than have metrics; attemptstream lag shows all", zap.Int("left_out", left))
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lags, w.asked = lags, w.config.Now()
}

// clean makes of groups what can be series: text that is UTF-8, no group twice, and not too many, those with members first.
func clean(lags []GroupLag) (kept []GroupLag, left int) {
	kept = slices.Clone(lags)
	for i := range kept {
		kept[i].Group = strings.ToValidUTF8(kept[i].Group, "\uFFFD")
	}
	slices.SortStableFunc(kept, func(a, b GroupLag) int { return strings.Compare(a.Group, b.Group) })
	kept = slices.CompactFunc(kept, func(a, b GroupLag) bool { return a.Group == b.Group })
	if left = len(kept) - mostGroups; left <= 0 {
		return kept, 0
	}
	slices.SortStableFunc(kept, func(a, b GroupLag) int { return min(b.Members, 1) - min(a.Members, 1) })
	return kept[:mostGroups], left
}

// complain logs, unless it did less than a minute ago. Only Run calls it.
func (w *LagWatch) complain(text string, fields ...zap.Field) {
	now := w.config.Now()
	if last, ok := w.complained[text]; ok && now.Sub(last) < lagQuiet {
		w.suppressed[text]++
		return
	}
	if n := w.suppressed[text]; n > 0 {
		fields = append(fields, zap.Int("suppressed", n))
	}
	w.complained[text], w.suppressed[text] = now, 0
	w.config.Log.Warn(text, fields...)
}

// Groups are the last lags, which must not be changed; none if they are too old to be true.
func (w *LagWatch) Groups() []GroupLag {
	lags, _ := w.known()
	return lags
}

// Known tells whether Groups are known.
func (w *LagWatch) Known() bool {
	_, known := w.known()
	return known
}

func (w *LagWatch) known() ([]GroupLag, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.asked.IsZero() || w.config.Now().Sub(w.asked) > lagKept {
		return nil, false
	}
	return w.lags, true
}

// Describe sends all descriptors.
func (w *LagWatch) Describe(ch chan<- *prometheus.Desc) {
	ch <- w.errors.Desc()
	ch <- w.events
	ch <- w.seconds
	ch <- w.members
}

// Collect sends the last lags.
func (w *LagWatch) Collect(ch chan<- prometheus.Metric) {
	ch <- w.errors
	for _, g := range w.Groups() {
		ch <- prometheus.MustNewConstMetric(w.members, prometheus.GaugeValue, float64(g.Members), g.Group)
		for _, p := range g.Partitions {
			partition := strconv.Itoa(p.Partition)
			ch <- prometheus.MustNewConstMetric(w.events, prometheus.GaugeValue, float64(p.Events), g.Group, partition)
			if p.Seconds >= 0 {
				ch <- prometheus.MustNewConstMetric(w.seconds, prometheus.GaugeValue, p.Seconds, g.Group, partition)
			}
		}
	}
}
