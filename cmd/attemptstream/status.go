package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"attemptstream/internal/attempt"
	"attemptstream/internal/config"
	"attemptstream/internal/console"
	"attemptstream/internal/operate/groups"
	"attemptstream/internal/operate/status"
	"attemptstream/internal/ownership"
)

func (a *app) statusCommand() *cobra.Command {
	var account attempt.Account
	var output string
	c := &cobra.Command{
		Use:   "status",
		Short: "Show how far each account has been read: covered through, front, gaps, ages, counts",
		Long: `Says per account and state how far iMocha has been read, and what is wrong, from Kafka alone: it
does not matter whether a worker runs, and a worker does not notice. The account that needs somebody
most stands first. Which worker has which account, the group of the workers says. Times are UTC.

It reports and judges nothing by its exit code: 0 also when accounts are in trouble. Scripts read
--output json.`,
		Example: `  KAFKA_BROKERS=kafka-1:9092 attemptstream status
  attemptstream status --account emea
  attemptstream status --output json | jq '.accounts[] | select(.alarm == "act") | .account'`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return a.status(c.Context(), account, output) },
	}
	accountFlag(c.Flags(), &account, "only this account")
	outputFlag(c.Flags(), &output)
	return c
}

func (a *app) status(ctx context.Context, account attempt.Account, output string) error {
	o, err := a.open(ctx, config.NeedKafka)
	if err != nil {
		return err
	}
	defer o.close()
	report, err := status.Read(ctx, o.kafka, o.layout, quiet(o.settings.Stream))
	if err != nil {
		return err
	}
	// Who has what is worth a line, and no error: the right to describe the group may be missing.
	if workers, err := owners(ctx, o); err != nil {
		o.log.Warn("which worker has which account is not known", zap.Error(err))
	} else {
		report.Own(workers, o.layout.State.Partitions)
	}
	if account != "" {
		if err := report.Only(account); err != nil {
			return err
		}
	}
	if output == "json" {
		return printJSON(a.out, report)
	}
	return status.Table(a.out, report, console.ColoursFor(a.out, a.getenv("NO_COLOR")))
}

// owners are the workers and what each has.
func owners(ctx context.Context, o *opened) ([]status.Worker, error) {
	members, err := groups.Members(ctx, o.kafka, ownership.GroupID(o.layout.Events.Name), o.layout.State.Name)
	if err != nil {
		return nil, err
	}
	workers := []status.Worker{}
	for _, m := range members {
		workers = append(workers, status.Worker{ClientID: m.ClientID, Host: m.Host, Partitions: m.Partitions})
	}
	return workers, nil
}

// quiet is how long a worker that is at work may commit nothing: its fronts move every poll interval.
func quiet(set config.Stream) time.Duration {
	return behindTime + set.SettleDelay + 2*set.PollInterval
}

// printJSON writes a report for scripts.
func printJSON(w io.Writer, report any) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(report); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return nil
}
