package metrics_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"attemptstream/internal/metrics"
)

// answers is a Kafka that answers, fails or keeps silent about its groups.
type answers struct {
	mu     sync.Mutex
	groups []metrics.GroupLag
	err    error
	silent bool
}

// become changes what is answered.
func (a *answers) become(groups []metrics.GroupLag, err error, silent bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.groups, a.err, a.silent = groups, err, silent
}

func (a *answers) ask(ctx context.Context) ([]metrics.GroupLag, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.silent {
		a.mu.Unlock()
		<-ctx.Done()
		a.mu.Lock()
		return nil, context.Cause(ctx)
	}
	return a.groups, a.err
}

// group has lags of so many events; a negative one is not known in seconds.
func group(name string, members int, events ...int64) metrics.GroupLag {
	g := metrics.GroupLag{Group: name, Members: members}
	for i, n := range events {
		g.Partitions = append(g.Partitions, metrics.PartitionLag{Partition: i, Events: max(n, -n), Seconds: 2.5 * float64(n)})
	}
	return g
}

// watchLag runs a LagWatch in virtual time and a test beside it.
func watchLag(t *testing.T, test func(t *testing.T, a *answers, p *process, logs *observer.ObservedLogs)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		core, logs := observer.New(zap.DebugLevel)
		a := &answers{}
		p := &process{w: &world{T: t}, registry: prometheus.NewRegistry()}
		var err error
		if p.Set, err = metrics.New(metrics.Config{Ready: owned}, p.registry); err != nil {
			t.Fatal(err)
		}
		lags, err := p.WatchLag(metrics.LagConfig{Lags: a.ask, Log: zap.New(core)})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); lags.Run(ctx) }()
		synctest.Wait()
		test(t, a, p, logs)
		cancel()
		<-done
	})
}

func TestLagOfGroups(t *testing.T) {
	watchLag(t, func(t *testing.T, a *answers, p *process, _ *observer.ObservedLogs) {
		lags := []metrics.GroupLag{group("billing", 2, 0, 7, -3), group("au\xffdit", 0, 4)}
		a.become(lags, nil, false)
		time.Sleep(20 * time.Second)
		_, f := p.scrape()
		for _, c := range []struct {
			name, group, partition string
			want                   float64
		}{
			{"consumer_group_lag_events", "billing", "0", 0}, {"consumer_group_lag_events", "billing", "1", 7},
			{"consumer_group_lag_seconds", "billing", "0", 0}, {"consumer_group_lag_seconds", "billing", "1", 17.5},
			{"consumer_group_lag_events", "au\uFFFDdit", "0", 4},
		} {
			if got := f.sum(t, c.name, "group", c.group, "partition", c.partition); got != c.want {
				t.Errorf("%s of %s, %s is %v, want %v", c.name, c.group, c.partition, got, c.want)
			}
		}
		if f.sum(t, "consumer_group_members", "group", "billing") != 2 || f.sum(t, "consumer_group_members", "group", "au\uFFFDdit") != 0 {
			t.Error("the groups have other numbers of members")
		}
		if f.sum(t, "consumer_group_lag_events", "partition", "2") != 3 || f.series("consumer_group_lag_seconds", "partition", "2") != nil {
			t.Error("a lag that is known in events alone is not shown as such")
		}
		a.become(lags[:1], nil, false)
		time.Sleep(20 * time.Second)
		if _, f = p.scrape(); f.series("consumer_group_members", "group", "au\uFFFDdit") != nil {
			t.Error("a group that is gone is still shown")
		}
	})
}

// A reader that takes a new group every time must not make series without end, and those that have members are shown.
func TestLagOfTooManyGroups(t *testing.T) {
	watchLag(t, func(t *testing.T, a *answers, p *process, logs *observer.ObservedLogs) {
		var lags []metrics.GroupLag
		for i := range 1000 {
			lags = append(lags, group(fmt.Sprintf("console-%04d", i), 0, 1))
		}
		a.become(append(lags, group("zeta", 1, 3)), nil, false)
		time.Sleep(20 * time.Second)
		_, f := p.scrape()
		if n := len(f.series("consumer_group_members")); n != 200 || f.sum(t, "consumer_group_lag_events", "group", "zeta") != 3 {
			t.Errorf("%d groups are shown, or not the one with members", n)
		}
		if logs.FilterMessageSnippet("attemptstream lag shows all").Len() != 1 {
			t.Errorf("it is not said once that groups are left out: %v", logs.All())
		}
	})
}

// Kafka fails or keeps silent: scrapes go on at once (scrape sees to it), the last lags are shown for a minute, and the log
// has a line a minute.
func TestLagIsNotKnown(t *testing.T) {
	for name, fail := range map[string]func(*answers){
		"fails":        func(a *answers) { a.become(nil, errors.New("no coordinator"), false) },
		"keeps silent": func(a *answers) { a.become(nil, nil, true) },
	} {
		t.Run(name, func(t *testing.T) {
			watchLag(t, func(t *testing.T, a *answers, p *process, logs *observer.ObservedLogs) {
				lags := []metrics.GroupLag{group("billing", 1, 7)}
				a.become(lags, nil, false)
				time.Sleep(16 * time.Second)
				fail(a)
				time.Sleep(45 * time.Second)
				_, f := p.scrape()
				if f.sum(t, "consumer_group_lag_events") != 7 || f.sum(t, "consumer_group_lag_errors_total") < 1 {
					t.Error("the last lag is gone within a minute, or the failure was not counted")
				}
				time.Sleep(10 * time.Minute)
				if _, f = p.scrape(); f.series("consumer_group_lag_events") != nil || f.series("consumer_group_members") != nil {
					t.Error("a lag is shown that nobody knows")
				}
				failures := f.sum(t, "consumer_group_lag_errors_total")
				if failures < 10 || failures > 45 {
					t.Errorf("%v failures in about 11 minutes", failures)
				}
				if lines := logs.FilterMessageSnippet("is not known").Len(); lines < 7 || lines > 11 {
					t.Errorf("%d lines in about 11 minutes: want one a minute", lines)
				}
				if name == "keeps silent" && !strings.Contains(fmt.Sprint(logs.All()[0].ContextMap()), "no answer within 30s") {
					t.Errorf("the log does not say which time passed: %v", logs.All()[0].ContextMap())
				}
				a.become(lags, nil, false)
				time.Sleep(time.Minute)
				if _, f = p.scrape(); f.sum(t, "consumer_group_lag_events") != 7 {
					t.Error("the lag does not come back")
				}
			})
		})
	}
}
