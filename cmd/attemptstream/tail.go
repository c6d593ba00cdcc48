package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"attemptstream/internal/attempt"
	"attemptstream/internal/config"
	"attemptstream/internal/console"
	"attemptstream/internal/kafkatx"
	"attemptstream/internal/operate/status"
	eventtail "attemptstream/internal/operate/tail"
)

// tailFlags is what tail is asked for.
type tailFlags struct {
	from, to time.Time
	limit    int // 0: not given
	follow   bool
	account  attempt.Account
	output   string
}

// lastEvents is how many of the last events are shown where nothing else is said.
const lastEvents = 10

func (a *app) tailCommand() *cobra.Command {
	var f tailFlags
	now := time.Now()
	c := &cobra.Command{
		Use:   "tail",
		Short: "Print committed events",
		Long: `Prints events as a consumer with isolation.level=read_committed sees them, the oldest first; times
are UTC. The table has no names and no emails in it; --output json prints each event's value as it
is in Kafka, one in a line.

Without --from it prints the last events, 10 unless --limit says how many. With --from it begins
with the first event observed at or after that time, and --limit is where it stops. --follow goes on
with what is committed, in the order of its arrival, until Ctrl-C. There is no consumer group, and
nothing else in Kafka changes.`,
		Example: `  attemptstream tail
  attemptstream tail --limit 0 --follow
  attemptstream tail --from -36h --to -12h --output json | jq -r .eventId
  attemptstream tail --from 2026-11-23T21:30:00Z --limit 100 --account emea`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := f.check(now, c.Flags().Changed("limit")); err != nil {
				return usage(c, err)
			}
			return a.tail(c.Context(), f, c.Flags().Changed("limit"))
		},
	}
	timeFlag(c.Flags(), &f.from, now, "from", "", "the first event observed at or after it")
	timeFlag(c.Flags(), &f.to, now, "to", "", "no event observed at or after it")
	flagFunc(c.Flags(), &f.limit, "limit", "number", "", "how many events (without --from the last ones, 10)", parseLimit)
	c.Flags().BoolVarP(&f.follow, "follow", "f", false, "go on with events as they are committed")
	accountFlag(c.Flags(), &f.account, "only events of this account")
	outputFlag(c.Flags(), &f.output)
	return c
}

func parseLimit(text string) (int, error) {
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		return 0, errors.New("is not a number of events: want a whole number, such as 100")
	}
	return n, nil
}

// check says what cannot be meant.
func (f *tailFlags) check(now time.Time, limited bool) error {
	switch {
	case f.from.After(now):
		return fmt.Errorf("--from %s is in the future: want a time that has passed; --limit 0 --follow waits for what comes", f.from.Format(time.RFC3339))
	case !f.to.IsZero() && !f.from.IsZero() && !f.from.Before(f.to):
		return fmt.Errorf("--from %s is not before --to %s: want the earlier time first", f.from.Format(time.RFC3339), f.to.Format(time.RFC3339))
	case f.to.After(now) && !f.follow:
		return fmt.Errorf("--to %s is in the future: leave it out, or add --follow to wait for it", f.to.Format(time.RFC3339))
	case limited && f.limit == 0 && (!f.from.IsZero() || !f.follow):
		return errors.New("--limit 0 prints nothing: want 1 or more; without --from, --limit 0 --follow prints only what comes")
	case f.from.IsZero() && f.limit > eventtail.MaxLast:
		return fmt.Errorf("--limit %d is too many to be counted from the end: want at most %d, or say with --from where to begin", f.limit, eventtail.MaxLast)
	}
	return nil
}

func (a *app) tail(ctx context.Context, f tailFlags, limited bool) error {
	o, err := a.open(ctx, config.NeedKafka)
	if err != nil {
		return err
	}
	defer o.close()
	q := eventtail.Query{From: f.from, To: f.to, Follow: f.follow}
	most := 0 // no limit
	switch {
	case !f.from.IsZero():
		most = f.limit
	case limited:
		q.Last = f.limit
	default:
		q.Last = lastEvents
	}
	if f.account != "" {
		// One that does not exist looks like one that has no events.
		report, err := status.Read(ctx, o.kafka, o.layout, quiet(o.settings.Stream))
		if err == nil {
			err = report.Only(f.account)
		}
		if err != nil {
			return err
		}
		q.Match = func(r kafkatx.Record) bool {
			e, err := console.ParseEvent(r.Value)
			return err == nil && e.Account == string(f.account)
		}
	}
	p := &eventPrinter{
		w: bufio.NewWriter(a.out), json: f.output == "json", most: most, prompt: f.follow || console.IsTerminal(a.out),
		lister: console.Lister{Colours: console.ColoursFor(a.out, a.getenv("NO_COLOR")), Account: f.account == ""},
	}
	err = eventtail.Run(ctx, o.kafka, o.layout.Events, q, p.print)
	if err == nil {
		err = p.w.Flush()
	}
	// Who closes a pipe has seen enough.
	if errors.Is(err, syscall.EPIPE) || errors.Is(err, io.ErrClosedPipe) {
		return nil
	}
	return err
}

// An eventPrinter writes events, as lines of a table or as they are.
type eventPrinter struct {
	w      *bufio.Writer
	json   bool
	most   int  // events; 0: no limit
	prompt bool // somebody waits for each
	lister console.Lister

	count int
	day   string // of the last line
}

func (p *eventPrinter) print(r kafkatx.Record) error {
	if p.json {
		_, _ = p.w.Write(r.Value) // a bufio.Writer keeps its first error
		_ = p.w.WriteByte('\n')
	} else {
		p.row(r)
	}
	p.count++
	var err error
	if p.prompt || p.w.Buffered() > p.w.Size()/2 {
		err = p.w.Flush()
	}
	if err == nil && p.count == p.most {
		return eventtail.ErrEnough
	}
	return err
}

func (p *eventPrinter) row(r kafkatx.Record) {
	if p.count == 0 {
		fmt.Fprintln(p.w, p.lister.Head())
	}
	if day := r.Time.UTC().Format(time.DateOnly); day != p.day {
		p.day = day
		fmt.Fprintln(p.w, p.lister.Colours.Strong(day))
	}
	e, err := console.ParseEvent(r.Value)
	if err != nil {
		// What another program wrote there may be anything.
		fmt.Fprintf(p.w, "%s  no event: partition %d, offset %d\n", r.Time.UTC().Format(time.TimeOnly), r.Partition, r.Offset)
		return
	}
	fmt.Fprintln(p.w, p.lister.Line(&e))
}
