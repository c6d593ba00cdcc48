package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"attemptstream/internal/config"
	"attemptstream/internal/console"
	"attemptstream/internal/operate/groups"
)

func (a *app) rewindCommand() *cobra.Command {
	var group, output string
	var to time.Time
	var dry bool
	now := time.Now()
	c := &cobra.Command{
		Use:   "rewind --group G --to T [--dry-run]",
		Short: "Move a stopped consumer group to the first event observed at or after a time",
		Long: `Moves a consumer group to the first event that was observed at or after a time, in every partition
of the topic, also in those for which it has no offset. Its consumers, once started again, read on
from there. Where no event is that young it moves to the end.

The group must be stopped: while it has members, nothing is changed, and they are named. It must
have joined or committed once. --dry-run shows from where to where it would move and how many events
that is.

Nothing is told again and nothing is deleted: only the group's offsets change. To have events told
to all groups again, see attemptstream replay.`,
		Example: `  attemptstream rewind --group billing --to -36h --dry-run
  attemptstream rewind --group billing --to 2026-11-23T21:30:00Z`,
		Args:                  cobra.NoArgs,
		DisableFlagsInUseLine: true,
		RunE: func(c *cobra.Command, _ []string) error {
			switch {
			case group == "":
				return usage(c, errors.New("which group? Give it with --group; attemptstream lag shows those that there are"))
			case to.IsZero():
				return usage(c, errors.New("where to? Give a time with --to, such as 2026-11-23T21:30:00Z or -36h"))
			case to.After(time.Now()):
				return usage(c, fmt.Errorf("--to %s %w", to.Format(time.RFC3339), groups.ErrFuture))
			}
			return a.rewind(c.Context(), group, to, dry, output)
		},
	}
	c.Flags().StringVar(&group, "group", "", "the group to move")
	timeFlag(c.Flags(), &to, now, "to", "", "RFC 3339, a date, or a span before now such as -36h")
	c.Flags().BoolVar(&dry, "dry-run", false, "show what it would do, and change nothing")
	outputFlag(c.Flags(), &output)
	return c
}

func (a *app) rewind(ctx context.Context, group string, to time.Time, dry bool, output string) error {
	o, err := a.open(ctx, config.NeedKafka)
	if err != nil {
		return err
	}
	defer o.close()
	move, failed := groups.Rewind(ctx, o.kafka, o.layout.Events.Name, group, to, dry)
	if move == nil {
		return failed
	}
	// Where the broker refused some partitions, the table says which.
	if output == "json" {
		err = printJSON(a.out, move)
	} else {
		err = groups.MoveTable(a.out, move, console.ColoursFor(a.out, a.getenv("NO_COLOR")))
	}
	return errors.Join(failed, err)
}
