package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"time"

	"github.com/spf13/cobra"

	"attemptstream/internal/attempt"
	"attemptstream/internal/config"
	"attemptstream/internal/console"
	"attemptstream/internal/imocha"
	"attemptstream/internal/operate/audit"
	"attemptstream/internal/schedule"
)

// An auditing is what audit was asked for.
type auditing struct {
	from, to time.Time
	states   []attempt.State
	account  attempt.Account
	output   string
	now      time.Time
}

func (a *app) auditCommand() *cobra.Command {
	g := &auditing{now: time.Now()}
	c := &cobra.Command{
		Use:   "audit --from T --to T",
		Short: "Compare a time range of iMocha with the topic: what is missing, what was told twice",
		Long: `Reads the range from iMocha again and the committed events from Kafka, and compares them by
invitation and status. What seems to be missing is looked for once more before it is reported: in
older events, in iMocha, in newer events.

The report says what was compared, with counts, a digest of both sides, and every attempt that
differs, by id and status: it has no names and no email addresses. With --output json it holds all
of them, and can be filed.

It takes at most half of IMOCHA_RATE_LIMIT, since the worker needs the rest. Only time that a worker
has covered is audited; what is not covered is named. Exit status: 0 all is well; 1 something is
missing, was told twice, or could not be audited. Times are RFC 3339, a date, or a span before now,
and are cut to whole seconds.`,
		Example: `  attemptstream audit --from -7d --to -1d
  attemptstream audit --from 2026-11-01 --to 2026-11-02 --state completed --account emea
  attemptstream audit --from -30d --to -1h --output json > audit.json`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return a.audit(c, g) },
	}
	f := c.Flags()
	timeFlag(f, &g.from, g.now, "from", "", "where the range begins: RFC 3339, a date, or a span before now")
	timeFlag(f, &g.to, g.now, "to", "", "where it ends; the end itself does not belong to it")
	statesFlag(f, &g.states, "only this state: completed, cancelled or expired; may be repeated (default: STREAM_STATES)")
	accountFlag(f, &g.account, "only this account (default: all)")
	outputFlag(f, &g.output)
	return c
}

// span is the range that was asked for.
func (g *auditing) span() (schedule.Span, error) {
	s := schedule.Span{From: attempt.InstantOf(g.from), Until: attempt.InstantOf(g.to)}
	switch {
	case g.from.IsZero() || g.to.IsZero():
		return s, errors.New("which range? want both --from and --to, such as --from -7d --to -1d")
	case g.from.After(g.now):
		return s, fmt.Errorf("--from: %s is in the future: want the past, such as -7d", g.from.Format(time.RFC3339))
	case g.to.After(g.now):
		return s, fmt.Errorf("--to: %s is in the future: want a time that has passed, such as -1h", g.to.Format(time.RFC3339))
	case s.Empty():
		return s, fmt.Errorf("--from %s is not before --to %s: want a range of at least a second", s.From, s.Until)
	}
	return s, nil
}

func (a *app) audit(c *cobra.Command, g *auditing) error {
	span, err := g.span()
	if err != nil {
		return usage(c, err)
	}
	if a.getenv("GOGC") == "" {
		debug.SetGCPercent(garbageLimit.Percent)
	}
	ctx := c.Context()
	a, screen := a.onScreen()
	o, err := a.open(ctx, config.NeedIMocha|config.NeedStream)
	if err != nil {
		return err
	}
	defer o.close()
	accounts, closeAll, err := auditAccounts(o.settings.IMocha, g.account)
	if err != nil {
		return err
	}
	defer closeAll()
	if len(g.states) == 0 {
		g.states = o.settings.Stream.States
	}
	progress := &audit.Progress{}
	watched, stop := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		progress.Watch(watched, screen, o.log)
	}()
	report, err := audit.Run(ctx, audit.Config{
		Accounts: accounts, States: g.states, Range: span,
		Kafka: o.kafka, Topics: o.layout,
		WindowMax: o.settings.Stream.WindowMax, WindowAttempts: o.settings.Stream.WindowAttempts,
		Version: version + " (commit " + commit() + ")", Progress: progress, Log: o.log.Named("audit"),
	})
	stop()
	<-done
	switch {
	case err != nil && ctx.Err() != nil:
		return fmt.Errorf("stopped before its end, so the audit has shown nothing: %w", ctx.Err())
	case err != nil:
		return err
	}
	return errors.Join(a.file(report, g.output), report.Close())
}

// errNotClean is the end of an audit that found something.
var errNotClean = errors.New("the audit is not clean: see its report")

// file writes a report. The error is errNotClean where something is wrong.
func (a *app) file(report *audit.Report, output string) error {
	write := report.JSON
	if output == "table" {
		colours := console.ColoursFor(a.out, a.getenv("NO_COLOR"))
		write = func(w io.Writer) error { return report.Table(w, colours) }
	}
	if err := write(a.out); err != nil {
		return err
	}
	if !report.Clean {
		return errNotClean
	}
	return nil
}

// auditAccounts are the accounts to audit, all or one, with clients that leave half of what is allowed to the worker.
func auditAccounts(set config.IMocha, only attempt.Account) (accounts []audit.Account, closeAll func(), err error) {
	var clients []*imocha.Client
	closeAll = func() {
		for _, c := range clients {
			c.Close()
		}
	}
	var known []attempt.Account
	for _, a := range set.Accounts {
		known = append(known, a.Name)
		if only != "" && a.Name != only {
			continue
		}
		client, err := newAPI(beside(set), a)
		if err != nil {
			closeAll()
			return nil, nil, err
		}
		clients = append(clients, client)
		accounts = append(accounts, audit.Account{Name: a.Name, API: client})
	}
	if len(accounts) == 0 {
		return nil, nil, fmt.Errorf("account %q is not among the settings' accounts: want one of %v", only, known)
	}
	return accounts, closeAll, nil
}
