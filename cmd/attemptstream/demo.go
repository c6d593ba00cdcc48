package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/spf13/cobra"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"golang.org/x/sync/errgroup"

	"attemptstream/internal/attempt"
	"attemptstream/internal/config"
	"attemptstream/internal/embedded"
)

// demoOptions are the flags of demo.
type demoOptions struct {
	json     bool
	duration time.Duration
	seed     uint64
}

func (a *app) demoCommand() *cobra.Command {
	var o demoOptions
	c := &cobra.Command{
		Use:   "demo",
		Short: "See it work, with nothing to set up",
		Long: `Starts a Kafka broker in memory, a simulated iMocha in which a company lives a day in two minutes,
and the worker that run starts. Prints every event once it is committed, read back from Kafka. At
the end, after --duration or Ctrl-C, it compares what Kafka holds with what really happened: exit
status 0 says that nothing was lost and nothing told twice.

Nothing that is set up elsewhere is touched: of the settings only ADMIN_ADDR, PII_POLICY,
PII_HASH_KEY_FILE, KAFKA_TOPIC, KAFKA_PARTITIONS, KAFKA_COMPRESSION, LOG_LEVEL and LOG_FORMAT count.
The address of the status page is in the header. Colours are left out if NO_COLOR is set.`,
		Example: `  attemptstream demo
  attemptstream demo --json --duration 15s | jq .attempt.testStatus
  PII_POLICY=drop attemptstream demo`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return a.demo(c.Context(), o) },
	}
	c.Flags().BoolVar(&o.json, "json", false, "print each event's value as one line of JSON, and nothing else on standard output")
	spanFlag(c.Flags(), &o.duration, "duration", "0s", "end after this time; 0s: only when it is stopped")
	c.Flags().Uint64Var(&o.seed, "seed", 1, "of the simulated company")
	return c
}

// A demo is everything that a demo consists of.
type demo struct {
	company *company
	system  *system
	view    *view
	feed    *feed
	show    *show
	start   time.Time // the worker reads from here on
}

func (a *app) demo(ctx context.Context, o demoOptions) error {
	set, log, err := a.demoSettings()
	if err != nil {
		return err
	}
	brokerLog := log.Named("broker")
	if a.getenv("LOG_LEVEL") == "" {
		brokerLog = brokerLog.WithOptions(zap.IncreaseLevel(zapcore.ErrorLevel)) // it warns of every 20 ms that something took
	}
	broker, err := demoBroker(brokerLog)
	if err != nil {
		return err
	}
	defer func() { _ = broker.Close() }() // it was in memory, so nothing can be lost

	// The world outlives ctx, so that what is left can be read.
	alive, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	work, world := errgroup.WithContext(alive)
	view, err := a.demoView(ctx, set, log)
	if err != nil {
		return err
	}
	defer view.close()
	d := &demo{view: view, start: time.Now().Add(-demoPast).Truncate(time.Second)}
	err = d.prepare(ctx, world, work, set, broker.Addr(), o.seed, log)
	if err == nil {
		defer d.system.close()
		d.show = a.newShow(o.json)
		d.show.header(d.company.url, broker.Addr(), view.url, d.system.layout.Events.Name)
		err = d.play(ctx, world, work, o.duration)
	}
	end()
	ended := make(chan error, 1)
	go func() { ended <- work.Wait() }()
	select {
	case failed := <-ended:
		return errors.Join(err, failed)
	case <-time.After(stopTime):
		log.Warn("a part of the demo does not end; its broker is taken from it")
		return err
	}
}

// prepare founds the company and connects the worker.
func (d *demo) prepare(
	ctx, world context.Context, work *errgroup.Group, set *config.Settings, broker string, seed uint64, log *zap.Logger,
) (err error) {
	if d.company, err = found(world, work, seed); err != nil {
		return err
	}
	if set.IMocha.BaseURL, err = url.Parse(d.company.url); err != nil {
		return err
	}
	set.Kafka.Brokers = []string{broker}
	set.Stream.StartAt = attempt.InstantOf(d.start)
	if d.system, err = assemble(ctx, set, 0, d.view.meter(), log); err != nil {
		return err
	}
	if err := d.view.watch(d.system); err != nil {
		d.system.close()
		return err
	}
	d.feed = newFeed(d.system.kafka, d.system.layout)
	return nil
}

// play lets the worker run until ctx ends or the demo has lasted its time, and shows what it does.
func (d *demo) play(ctx, world context.Context, work *errgroup.Group, duration time.Duration) error {
	var limit <-chan time.Time
	if duration > 0 {
		timer := time.NewTimer(duration)
		defer timer.Stop()
		limit = timer.C
	}
	worker, stop := context.WithCancel(world)
	ended := make(chan struct{})
	work.Go(func() error {
		defer close(ended)
		return d.system.worker.Run(worker)
	})
	err := d.watch(ctx, world, limit)
	stop()
	select { // before the API and the broker end, or it would complain
	case <-ended:
	case <-time.After(stopTime):
	}
	return err
}

// demoPast is how much of the past the worker reads first: half a day of the company's life.
const demoPast = time.Minute

// demoSettings are those of a worker that keeps up with a fast life: it asks every second, and again for what is late.
func (a *app) demoSettings() (*config.Settings, *zap.Logger, error) {
	set, warnings, err := config.Load(a.env, config.NeedPII|config.NeedAdmin, time.Now())
	if err != nil {
		return nil, nil, err
	}
	if a.getenv("LOG_LEVEL") == "" {
		set.Log.Level = zapcore.WarnLevel
	}
	if a.getenv("LOG_FORMAT") == "" {
		set.Log.Format = config.Console
	}
	log, err := config.Logger(set.Log, a.err)
	if err != nil {
		return nil, nil, err
	}
	for _, w := range warnings {
		log.Warn(w.String())
	}
	set.IMocha = config.IMocha{
		Accounts:       []config.Account{{Name: attempt.DefaultAccount, Key: config.StaticSecret("demo")}},
		RequestTimeout: 10 * time.Second, RateLimit: 200, Concurrency: 6,
	}
	set.Kafka = config.Kafka{
		Topic: set.Kafka.Topic, Partitions: set.Kafka.Partitions, ReplicationFactor: 1, Compression: set.Kafka.Compression,
	}
	set.Stream = config.Stream{
		States: attempt.States(), PollInterval: time.Second, SettleDelay: time.Second,
		Lookback: time.Minute, LookbackInterval: time.Second, WindowMax: time.Minute, WindowAttempts: 100,
	}
	return set, log, nil
}

// demoBroker is a broker in memory, at the usual address if that is free.
func demoBroker(log *zap.Logger) (*embedded.Broker, error) {
	c := embedded.Config{Addr: embedded.DefaultAddr, Logger: log}
	b, err := embedded.Start(c)
	if errors.Is(err, embedded.ErrAddressInUse) {
		c.Addr = "127.0.0.1:0"
		b, err = embedded.Start(c)
	}
	return b, err
}

const (
	feedInterval    = 50 * time.Millisecond
	summaryInterval = 30 * time.Second
	// finishTime bounds how long the worker may take at the end to read what is left: some polls and look-backs.
	finishTime = 8 * time.Second
)

// watch shows what is committed until ctx or the time limit ends, or the world does because a part of it failed. Then
// it lets the company stand still, waits for the worker to have seen all of it, and gives the verdict.
func (d *demo) watch(ctx, world context.Context, limit <-chan time.Time) error {
	tick := time.NewTicker(feedInterval)
	defer tick.Stop()
	summary := time.NewTicker(summaryInterval)
	defer summary.Stop()
	began, past := time.Now(), true
	for {
		select {
		case <-world.Done():
			return nil // the part that failed says why
		case <-ctx.Done():
			return d.finish(world, tick)
		case <-limit:
			return d.finish(world, tick)
		case <-summary.C:
			d.show.summary(d.figures())
		case <-tick.C:
			if err := d.look(world); err != nil {
				return err
			}
			if past && d.progress().Through.After(began.Add(-2*time.Second)) {
				past = false
				d.show.caughtUp(d.figures(), time.Since(began))
			}
		}
	}
}

// look shows what was committed since the last look.
func (d *demo) look(ctx context.Context) error {
	events, letters, err := d.feed.poll(ctx)
	if ctx.Err() != nil {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range events {
		if err := d.show.event(e); err != nil {
			return err
		}
	}
	for _, l := range letters {
		d.show.letter(l)
	}
	return nil
}

var errDemo = errors.New("what Kafka holds is not what happened")

func (d *demo) finish(ctx context.Context, tick *time.Ticker) error {
	d.show.finishing()
	frozen := d.company.freeze()
	last := newSweep(d.system, frozen)
	complete := false
	for deadline := time.Now().Add(finishTime); !complete && time.Now().Before(deadline); {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		complete = last.done(ctx)
		// After done: what was committed before it is shown.
		if err := d.look(ctx); err != nil {
			return err
		}
	}
	v := d.company.verdict(d.start, d.feed)
	d.show.end(d.figures(), v, complete)
	if len(v.problems) > 0 {
		return fmt.Errorf("%w: %s", errDemo, v.problems[0])
	}
	return nil
}
