package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"attemptstream/internal/attempt"
	"attemptstream/internal/config"
	"attemptstream/internal/console"
	"attemptstream/internal/operate/replay"
	"attemptstream/internal/state"
)

// A replaying is what replay was asked for.
type replaying struct {
	from, to    time.Time
	states      []attempt.State
	account     attempt.Account
	missingOnly bool
	detach      bool
	list        bool
	cancel      string
	output      string
	now         time.Time
}

func (a *app) replayCommand() *cobra.Command {
	g := &replaying{now: time.Now()}
	c := &cobra.Command{
		Use:   "replay --from T [--to T] | --list | --cancel ID",
		Short: "Have a time range told again, or what is missing of it",
		Long: `Asks the running workers to read a time range of iMocha again and to tell every attempt in it again,
once, with the eventId that it was told with first, and "replay" filled in. Workers do it beside
their other work, with at most half of IMOCHA_RATE_LIMIT; several replays wait for each other. A
worker that dies meanwhile takes up where it was.

--missing-only tells only what never was told; it may begin before the time that was ever read. Only
what is covered can be told again. Gaps are passed over and counted: what is in them is told when it
can be read.

It waits and shows progress. Ctrl-C ends the waiting, not the replay: see --cancel. Exit status: 0
all is told, 1 something could not be read, or the replay was refused. Times are RFC 3339, a date,
or a span before now.`,
		Example: `  attemptstream replay --from -36h
  attemptstream replay --from 2026-11-01 --to 2026-11-08 --state completed --account emea
  attemptstream replay --from -30d --missing-only --detach
  attemptstream replay --list
  attemptstream replay --cancel 20261125T001500Z-4f2a`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := g.check(c.Flags().Changed); err != nil {
				return usage(c, err)
			}
			return a.replay(c.Context(), g)
		},
	}
	f := c.Flags()
	timeFlag(f, &g.from, g.now, "from", "", "where the range begins")
	timeFlag(f, &g.to, g.now, "to", "", "where it ends; the end itself does not belong to it (default: as far as all is covered)")
	statesFlag(f, &g.states, "only this state: completed, cancelled or expired; may be repeated (default: all that are read)")
	accountFlag(f, &g.account, "only this account (default: all)")
	f.BoolVar(&g.missingOnly, "missing-only", false, "tell only what never was told")
	f.BoolVar(&g.detach, "detach", false, "do not wait for the end")
	f.BoolVar(&g.list, "list", false, "show the replays that wait, run, or ended not long ago")
	f.StringVar(&g.cancel, "cancel", "", "end the replay with this `id`")
	outputFlag(f, &g.output)
	return c
}

// check says what cannot be meant.
func (g *replaying) check(changed func(string) bool) error {
	var about []string
	for _, name := range []string{"from", "to", "state", "missing-only"} {
		if changed(name) {
			about = append(about, "--"+name)
		}
	}
	switch {
	case g.list && changed("cancel"):
		return errors.New("--list and --cancel do not go together: want one of them")
	case (g.list || changed("cancel")) && len(about) > 0:
		return fmt.Errorf("%s makes no sense with --list and --cancel: they are about replays that were asked for before", about[0])
	case g.list && g.detach:
		return errors.New("--list waits for nothing: want it without --detach")
	case g.list:
		return nil
	case changed("cancel") && g.cancel == "":
		return errors.New("--cancel: which one? attemptstream replay --list shows the ids")
	case changed("cancel") && g.account != "":
		return errors.New("--cancel ends the replay for all its accounts: want it without --account")
	case changed("cancel"):
		return nil
	case g.from.IsZero():
		return errors.New("which range? want --from, such as --from -36h; or --list, or --cancel with an id")
	case g.from.After(g.now):
		return fmt.Errorf("--from %s is in the future: want a time that has passed, such as -36h", g.from.Format(time.RFC3339))
	case g.to.After(g.now):
		return fmt.Errorf("--to %s is in the future: want a time that has passed, or no --to for all that is covered", g.to.Format(time.RFC3339))
	case !g.to.IsZero() && !g.from.Before(g.to):
		return fmt.Errorf("--from %s is not before --to %s: want the earlier time first", g.from.Format(time.RFC3339), g.to.Format(time.RFC3339))
	}
	return nil
}

func (g *replaying) wish() replay.Wish {
	w := replay.Wish{Account: g.account, States: g.states, From: attempt.InstantOf(g.from), MissingOnly: g.missingOnly}
	if !g.to.IsZero() {
		w.To = attempt.InstantOf(g.to.Add(time.Second - time.Nanosecond)) // what begins within the last second belongs to the range
	}
	return w
}

// lookTime bounds the first look at the state topic, which holds the index of all that was told.
const lookTime = 2 * time.Minute

func (a *app) replay(ctx context.Context, g *replaying) error {
	a, screen := a.onScreen()
	o, err := a.open(ctx, config.NeedKafka)
	if err != nil {
		return err
	}
	defer o.close()
	bounded, cancel := context.WithTimeoutCause(ctx, lookTime, fmt.Errorf("the state topic could not be read within %s", lookTime))
	defer cancel()
	board, err := replay.Look(bounded, o.kafka, o.layout, g.account)
	if err != nil {
		return err
	}
	if g.list {
		return a.listReplays(board.Replays(""), g.output)
	}
	var requests []state.Request
	if g.cancel != "" {
		requests, err = board.Cancellation(g.cancel)
	} else {
		requests, err = board.Requests(g.wish(), g.now)
	}
	if err != nil {
		return err
	}
	if err := board.Ask(ctx, o.kafka.Kafka(), requests...); err != nil {
		return err
	}
	for _, q := range requests {
		said := "replay requested"
		if q.Cancelled {
			said = "end of the replay requested"
		}
		o.log.Info(said, zap.String("replay", q.ID), zap.String("account", string(q.Account)), zap.Stringer("from", q.From), zap.Stringer("to", q.To))
	}
	id := requests[0].ID
	if g.detach {
		_, err := fmt.Fprintln(a.out, id)
		return err
	}
	replays, err := a.awaitReplay(ctx, board, id, screen, o.log)
	switch {
	case err != nil && ctx.Err() != nil:
		o.log.Info("the waiting has ended, the replay has not; to end it: attemptstream replay --cancel "+id, zap.String("replay", id))
		return nil
	case err != nil:
		return err
	}
	if err := a.listReplays(replays, g.output); err != nil {
		return err
	}
	if g.cancel == "" && !replay.Complete(replays) {
		return fmt.Errorf("not all of the range has been told: see above, and attemptstream replay --list")
	}
	return nil
}

func (a *app) listReplays(replays []*replay.Replay, output string) error {
	rows := replay.Rows(replays)
	if output == "json" {
		return printJSON(a.out, rows)
	}
	return replay.Table(a.out, rows, console.ColoursFor(a.out, a.getenv("NO_COLOR")))
}

const (
	// hearTime is how long it may take until a worker that runs has heard of a request.
	hearTime = 10 * time.Second
	// replayLogInterval is how often the log says how far a replay has come, where there is no terminal.
	replayLogInterval = 30 * time.Second
)

// awaitReplay waits for the end of a replay, and shows how far it has come.
func (a *app) awaitReplay(
	ctx context.Context, board *replay.Board, id string, screen *console.Screen, log *zap.Logger,
) ([]*replay.Replay, error) {
	began, logged := time.Now(), time.Now()
	warned := map[attempt.Account]bool{}
	if screen != nil {
		defer screen.Show("")
	}
	return board.Follow(ctx, id, func(replays []*replay.Replay) {
		for _, r := range replays {
			if !r.Taken && !warned[r.Account] && time.Since(began) > hearTime {
				warned[r.Account] = true
				log.Warn("no worker has heard of the request yet: does one run, and read this account? It waits in Kafka until then",
					zap.String("account", string(r.Account)), zap.String("replay", id))
			}
		}
		switch {
		case screen != nil:
			screen.Show(replay.Bar(replays, screen.Width()))
		case time.Since(logged) > replayLogInterval:
			logged = time.Now()
			share, told := replay.Share(replays)
			log.Info("replaying", zap.String("replay", id), zap.Int("percent", int(100*share)), zap.Int64("told", told))
		}
	})
}
