package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"attemptstream/internal/attempt"
	"attemptstream/internal/config"
	"attemptstream/internal/garbage"
)

func (a *app) runCommand() *cobra.Command {
	var once bool
	c := &cobra.Command{
		Use:   "run",
		Short: "Read iMocha and tell Kafka, until it is stopped",
		Long: `Reads every account's states window by window and tells Kafka once what happened to each invitation.
Runs until SIGTERM or SIGINT, then finishes or aborts its open transaction and exits 0.

Workers with the same settings share the accounts: what one leaves goes on at another one within
seconds. With one account the second worker stands by.

IMOCHA_ACCOUNTS_FILE is read again every few seconds: accounts that are added are read, and those
that are removed are not, without a restart and without a pause for the others. A file that cannot
be taken whole changes nothing. With --once the list at the start counts.`,
		Example: `  KAFKA_BROKERS=kafka-1:9092,kafka-2:9092 IMOCHA_API_KEY_FILE=/run/secrets/imocha attemptstream run
  KAFKA_BROKERS=embedded IMOCHA_API_KEY_FILE=key STREAM_START_AT=-7d attemptstream run --once`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return a.run(c.Context(), once) },
	}
	c.Flags().BoolVar(&once, "once", false, "exit 0 when all accounts have caught up, here or at other workers")
	return c
}

// garbageLimit is how much garbage may pile up: the usual 100 percent would double the memory. With half of what is in use alone, a
// backfill would take 42 MiB instead of 52, and a fourteenth more of the processor.
var garbageLimit = garbage.Limit{Percent: 50, Bytes: 16 << 20, Within: time.Second}

func (a *app) run(ctx context.Context, once bool) error {
	if a.getenv("GOGC") == "" {
		defer garbageLimit.Keep()()
	}
	a, screen := a.onScreen()
	set, log, err := a.settings(config.NeedAll)
	if err != nil {
		return err
	}
	var stop attempt.Instant
	if once {
		stop = attempt.InstantOf(time.Now().Add(-set.Stream.SettleDelay))
	}
	v, err := a.openView(ctx, set, log)
	if err != nil {
		return err
	}
	defer v.close()
	if v.url != "" {
		log.Info("status page", zap.String("url", v.url))
	}
	s, err := assemble(ctx, set, stop, v.meter(), log)
	switch {
	case err != nil && ctx.Err() != nil:
		// Nothing was begun, so being asked to stop is no failure.
		log.Info("stopped before Kafka answered", zap.Error(err))
		return nil
	case err != nil:
		return err
	}
	defer s.close()
	log.Info("attemptstream starts", zap.String("version", version), zap.Int("accounts", len(set.IMocha.Accounts)),
		zap.String("topic", set.Kafka.Topic), zap.Strings("brokers", set.Kafka.Brokers))
	if err := v.watch(s); err != nil {
		return err
	}
	if set.IMocha.AccountsFile != "" && !once {
		v.follow(ctx, s, set.IMocha, log)
	}
	defer watch(ctx, s, set.Stream, screen, log)()
	return a.work(ctx, s, log)
}

// work runs the worker, and waits for a bounded time for its end once ctx ends.
func (a *app) work(ctx context.Context, s *system, log *zap.Logger) error {
	done := make(chan error, 1)
	go func() { done <- s.worker.Run(ctx) }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	log.Info("stopping")
	select {
	case err := <-done:
		return err
	case <-time.After(stopTime):
		log.Warn("Kafka has not said how the last transaction ended: the next start settles it")
		return nil
	}
}
