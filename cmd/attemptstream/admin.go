package main

import (
	"context"
	"errors"
	"net"
	"runtime"
	"slices"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"attemptstream/internal/admin"
	"attemptstream/internal/config"
	"attemptstream/internal/metrics"
	"attemptstream/internal/operate/groups"
	"attemptstream/internal/schedule"
	"attemptstream/internal/worker"
)

// A view is what ADMIN_ADDR serves: the status page and the like, from before Kafka is reached until after the worker has
// ended. With no address it only measures.
type view struct {
	url     string // of the page; empty: there is none
	metrics *metrics.Set
	log     *zap.Logger
	worker  atomic.Pointer[worker.Worker]        // nil: there is none yet
	lag     atomic.Pointer[groups.Report]        // nil: nothing is known
	list    atomic.Pointer[config.AccountsWatch] // nil: no file is watched, or not yet
	end     context.CancelFunc
	ctx     context.Context // of all that runs beside the worker
	running errgroup.Group
}

const adminSetting = "ADMIN_ADDR"

// openView takes the address and begins to answer.
func (a *app) openView(ctx context.Context, set *config.Settings, log *zap.Logger) (*view, error) {
	if set.AdminAddr == "" {
		return newView(ctx, set, nil, log)
	}
	ln, err := listen(ctx, set.AdminAddr, adminSetting)
	if err != nil {
		return nil, err
	}
	v, err := newView(ctx, set, ln, log)
	if err != nil {
		_ = ln.Close() // nothing was served
		return nil, err
	}
	return v, nil
}

// demoView is openView, but where nobody has chosen an address any free one is good if the usual one is in use.
func (a *app) demoView(ctx context.Context, set *config.Settings, log *zap.Logger) (*view, error) {
	v, err := a.openView(ctx, set, log)
	if errors.Is(err, syscall.EADDRINUSE) && a.getenv(adminSetting) == "" {
		set.AdminAddr = "127.0.0.1:0"
		return a.openView(ctx, set, log)
	}
	return v, err
}

// newView serves on ln, nil for nowhere. It outlives ctx, until close.
func newView(ctx context.Context, set *config.Settings, ln net.Listener, log *zap.Logger) (*view, error) {
	v := &view{log: log.Named("admin")}
	settings := admin.Settings{PollInterval: set.Stream.PollInterval, SettleDelay: set.Stream.SettleDelay,
		RequestTimeout: set.IMocha.RequestTimeout}
	readiness := admin.NewReadiness(settings)
	var problem func() (string, time.Time)
	var listOK func() bool
	if set.IMocha.AccountsFile != "" {
		problem, listOK = v.listProblem, func() bool { text, _ := v.listProblem(); return text == "" }
	}
	var err error
	v.metrics, err = metrics.New(metrics.Config{
		Build:    metrics.Build{Version: version, Revision: commit(), GoVersion: runtime.Version()},
		Accounts: namesOf(set.IMocha.Accounts),
		Schedule: schedule.Settings{States: set.Stream.States, PollInterval: set.Stream.PollInterval,
			SettleDelay: set.Stream.SettleDelay, Lookback: set.Stream.Lookback},
		Ready: readiness.Of, ListOK: listOK,
	}, prometheus.NewRegistry())
	if err != nil {
		return nil, err
	}
	if err := v.metrics.Watch(v.progress); err != nil {
		return nil, err
	}
	v.ctx, v.end = context.WithCancel(context.WithoutCancel(ctx))
	if ln == nil {
		return v, nil
	}
	v.url = "http://" + addressOf(ln.Addr()) + "/"
	server := admin.New(admin.Config{
		Version: version, Topic: set.Kafka.Topic, Progress: v.progress, Settings: settings, Readiness: readiness, List: problem,
		Lookback: set.Stream.Lookback, Groups: v.groups, Metrics: v.metrics.Handler(v.log),
		Hosts: admin.HostsFor(set.AdminAddr, ln.Addr()),
	})
	v.running.Go(func() error {
		server.Run(v.ctx)
		return nil
	})
	v.running.Go(func() error {
		err := serve(v.ctx, ln, server, 0)
		if err != nil { // the worker is worth more than its page
			v.log.Error("the status page is not served any more", zap.String("setting", adminSetting), zap.Error(err))
		}
		return nil
	})
	return v, nil
}

// addressOf is where to reach a listener from this machine.
func addressOf(at net.Addr) string {
	host, port, err := net.SplitHostPort(at.String())
	if ip := net.ParseIP(host); err == nil && ip != nil && ip.IsUnspecified() {
		return net.JoinHostPort("localhost", port)
	}
	return at.String()
}

// watch shows the worker of s from now on, until s is closed. Only a view that is served asks Kafka for consumer groups.
func (v *view) watch(s *system) error {
	s.closers = append(s.closers, v.close)
	v.worker.Store(s.worker)
	if v.url == "" {
		return nil
	}
	cache := groups.NewCache()
	lag, err := v.metrics.WatchLag(metrics.LagConfig{
		Lags: func(ctx context.Context) ([]metrics.GroupLag, error) {
			report, err := groups.Lag(ctx, s.kafka, s.layout.Events.Name, groups.Options{Cache: cache, ReadBytes: lagBytes})
			if err != nil {
				return nil, err
			}
			if beyond(report) {
				cache = groups.NewCache() // the topic was created anew
			}
			v.lag.Store(report)
			return lags(report), nil
		},
		Log: v.log,
	})
	if err != nil {
		return err
	}
	v.running.Go(func() error {
		lag.Run(v.ctx)
		return nil
	})
	return nil
}

const (
	// lagBytes bounds what one look at the groups fetches in order to count events: a group that is far behind is counted
	// over some looks.
	lagBytes = 8 << 20
	// lagKept is how long the page shows the groups as they were.
	lagKept = time.Minute
)

// beyond tells whether a group stands behind the end of a partition.
func beyond(r *groups.Report) bool {
	return slices.ContainsFunc(r.Groups, func(g groups.Group) bool {
		return slices.ContainsFunc(g.Partitions, func(p groups.Partition) bool { return p.Beyond })
	})
}

// lags are the groups of a report as metrics have them, with the partitions for which they have offsets.
func lags(r *groups.Report) []metrics.GroupLag {
	var out []metrics.GroupLag
	for i := range r.Groups {
		g := &r.Groups[i]
		l := metrics.GroupLag{Group: g.Name, Members: len(g.Members)}
		for j := range g.Partitions {
			if p := &g.Partitions[j]; p.Committed != nil {
				l.Partitions = append(l.Partitions, metrics.PartitionLag{Partition: p.Partition, Events: p.Events, Seconds: p.Seconds})
			}
		}
		out = append(out, l)
	}
	return out
}

// close ends everything, and waits for it as long as requests that are under way may take. It may be called twice.
func (v *view) close() {
	v.end()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = v.running.Wait() // nothing of it returns an error
	}()
	select {
	case <-ended:
	case <-time.After(2 * lastAnswers):
		v.log.Warn("a part of the status page does not end; what it asks is taken from it")
	}
}

// follow keeps the worker's accounts those of the accounts file until ctx ends or the view is closed, and shows what is
// wrong with it.
func (v *view) follow(ctx context.Context, s *system, set config.IMocha, log *zap.Logger) {
	watch := config.NewAccountsWatch(config.WatchConfig{Path: set.AccountsFile, InForce: set.Accounts, Apply: s.roster.apply, Log: log.Named("accounts")})
	v.list.Store(watch)
	v.running.Go(func() error {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		defer context.AfterFunc(v.ctx, cancel)() // the worker may end before ctx does
		watch.Run(ctx)
		return nil
	})
}

// listProblem is what is wrong with the accounts file, and since when.
func (v *view) listProblem() (text string, since time.Time) {
	if watch := v.list.Load(); watch != nil {
		return watch.Problem()
	}
	return "", time.Time{}
}

// meter is who the worker tells what happens.
func (v *view) meter() *metrics.Set { return v.metrics }

// progress is the worker's, nothing before there is one.
func (v *view) progress() []worker.Progress {
	if w := v.worker.Load(); w != nil {
		return w.Progress()
	}
	return nil
}

// groups are the consumer groups as metrics know them, nil if nothing is known that could still be true.
func (v *view) groups() *groups.Report {
	if r := v.lag.Load(); r != nil && time.Since(r.At) <= lagKept {
		return r
	}
	return nil
}
