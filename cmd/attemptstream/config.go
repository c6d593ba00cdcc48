package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"attemptstream/internal/config"
	"attemptstream/internal/console"
	"attemptstream/internal/kafkatx"
	"attemptstream/internal/operate/check"
	"attemptstream/internal/topics"
)

func (a *app) configCommand() *cobra.Command {
	var output string
	var ask bool
	c := &cobra.Command{
		Use:   "config",
		Short: "Show every setting: its value (secrets hidden), its default, what it means",
		Long: `Shows every setting and what is wrong with it. With --check it asks Kafka and iMocha instead whether
all that a worker needs is there: brokers, topics and their settings, rights, the API keys, every
state, the clock. It may be run beside a worker: nothing is created, written or taken over. Each
state of each account is asked for once.`,
		Example: `  attemptstream config
  attemptstream config --output json
  attemptstream config --check`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if ask {
				return a.check(c.Context(), output)
			}
			now := time.Now()
			if err := config.Print(a.out, config.Describe(a.env, config.NeedAll, now), output); err != nil {
				return err
			}
			_, _, err := a.settings(config.NeedAll)
			return err
		},
	}
	c.Flags().BoolVar(&ask, "check", false, "ask Kafka and iMocha whether all that a worker needs is there")
	outputFlag(c.Flags(), &output)
	return c
}

// check asks, and fails if anything failed.
func (a *app) check(ctx context.Context, output string) error {
	set, _, err := a.settings(config.NeedAll)
	if err != nil {
		return err
	}
	to, err := reach(set.Kafka)
	if err != nil {
		return err
	}
	cfg := check.Config{
		Kafka: check.Kafka{
			Brokers: set.Kafka.Brokers, Embedded: set.Kafka.Embedded,
			Connect: func(brokers []string, timeout time.Duration) *kafkatx.Client {
				one := to
				one.Brokers, one.RequestTimeout = brokers, timeout
				return kafkatx.NewClient(one)
			},
			Topics: topics.Config{
				Topic: set.Kafka.Topic, Partitions: set.Kafka.Partitions, ReplicationFactor: set.Kafka.ReplicationFactor,
			},
		},
		IMocha: check.IMocha{
			BaseURL: set.IMocha.BaseURL.String(), States: set.Stream.States, RequestTimeout: set.IMocha.RequestTimeout,
			SettleDelay: set.Stream.SettleDelay, UserAgent: "attemptstream/" + version,
		},
	}
	for _, account := range set.IMocha.Accounts {
		cfg.IMocha.Accounts = append(cfg.IMocha.Accounts, check.Account{Name: account.Name, Key: key{account.Key}})
	}
	report := check.Run(ctx, cfg)
	if output == "json" {
		err = printJSON(a.out, report)
	} else {
		err = check.Table(a.out, report, console.ColoursFor(a.out, a.getenv("NO_COLOR")))
	}
	if n := report.Failures(); err == nil && n > 0 {
		err = fmt.Errorf("%d of %d checks failed", n, len(report.Items))
	}
	return err
}
