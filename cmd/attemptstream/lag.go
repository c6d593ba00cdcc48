package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"attemptstream/internal/config"
	"attemptstream/internal/console"
	"attemptstream/internal/operate/groups"
)

func (a *app) lagCommand() *cobra.Command {
	var names []string
	var watch bool
	var output string
	c := &cobra.Command{
		Use:   "lag",
		Short: "Show how far each consumer group of the topic is behind, in events and in time",
		Long: `Shows for every consumer group that reads the topic how many events it has not read yet and how old
the oldest of them is, in all and per partition. A group that has read everything shows 0.

kafka-consumer-groups shows more, for ever: it subtracts offsets, and in a topic that is written in
transactions commit markers and aborted records take offsets too, which no consumer is ever handed.
Here events are counted: those that were committed, and nothing else. A group is behind what it has
committed, not what it has received: one that commits every 5 s is up to 5 s of events behind.

A partition for which the group has no offset is not counted as behind: whether its events will be
read is up to auto.offset.reset of the group's consumers. Their number stands in parentheses.

Counting fetches, once, what the furthest group has not read. --watch counts only what is new from
then on.`,
		Example: `  attemptstream lag
  attemptstream lag --group billing --watch
  attemptstream lag --output json | jq '.groups[] | select(.eventsBehind > 1000) | .group'`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			for _, name := range names {
				if name == "" {
					return usage(c, errors.New("--group is empty: want a group's name, or no --group for all groups"))
				}
			}
			return a.lag(c.Context(), names, watch, output)
		},
	}
	c.Flags().StringArrayVar(&names, "group", nil, "only this group; may be given several times")
	c.Flags().BoolVar(&watch, "watch", false, "show it again every 2 s, until Ctrl-C")
	outputFlag(c.Flags(), &output)
	return c
}

// watchEvery is how often --watch looks.
const watchEvery = 2 * time.Second

func (a *app) lag(ctx context.Context, names []string, watch bool, output string) error {
	o, err := a.open(ctx, config.NeedKafka)
	if err != nil {
		return stopped(ctx, watch, err)
	}
	defer o.close()
	opts := groups.Options{Groups: names, Cache: groups.NewCache()}
	show := a.lagShower(watch, output)
	report, err := groups.Lag(ctx, o.kafka, o.layout.Events.Name, opts)
	if err != nil {
		return stopped(ctx, watch, err)
	}
	if err := show(report); err != nil || !watch {
		return err
	}
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
		report, err := groups.Lag(ctx, o.kafka, o.layout.Events.Name, opts)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil: // who watches wants to see it come back
			fmt.Fprintln(a.err, "error:", err)
			continue
		}
		if err := show(report); err != nil {
			return err
		}
	}
}

// stopped is the error of what goes on until it is stopped: to be stopped is its proper end.
func stopped(ctx context.Context, watch bool, err error) error {
	if watch && ctx.Err() != nil {
		return nil
	}
	return err
}

// Control sequences of terminals (ECMA-48 CUP, EL, ED). What is drawn over does not flicker, as a cleared screen does.
const (
	upperLeft   = "\x1b[H"
	eraseLine   = "\x1b[K"
	eraseBelow  = "\x1b[J"
	eraseScreen = "\x1b[2J"
)

// lagShower returns what shows one report after the other.
func (a *app) lagShower(watch bool, output string) func(*groups.Report) error {
	colours := console.ColoursFor(a.out, a.getenv("NO_COLOR"))
	redraw := watch && output == "table" && console.IsTerminal(a.out)
	first := true
	return func(r *groups.Report) error {
		var b bytes.Buffer
		var err error
		switch {
		case output == "json" && watch: // one in a line
			encoder := json.NewEncoder(&b)
			encoder.SetEscapeHTML(false)
			err = encoder.Encode(r)
		case output == "json":
			err = printJSON(&b, r)
		default:
			err = groups.Table(&b, r, colours)
		}
		if err != nil {
			return err
		}
		text := b.Bytes()
		switch {
		case redraw && first:
			text = redrawn(text, eraseScreen+upperLeft, height(a.out))
		case redraw:
			text = redrawn(text, upperLeft, height(a.out))
		case !first && output == "table":
			text = append([]byte("\n"), text...)
		}
		first = false
		_, err = a.out.Write(text)
		return err
	}
}

// redrawn is text that is drawn over what stood on a terminal of so many lines. What does not fit would scroll the rest away.
func redrawn(text []byte, begin string, height int) []byte {
	lines := bytes.SplitAfter(text, []byte("\n"))
	if most := max(height-2, 1); len(lines)-1 > most {
		lines = append(lines[:most:most], []byte("… --group shows one group alone\n"))
	}
	out := []byte(begin)
	for _, line := range lines {
		if line, ok := bytes.CutSuffix(line, []byte("\n")); ok {
			out = append(append(out, line...), eraseLine+"\n"...)
		}
	}
	return append(out, eraseBelow...)
}

// height is how many lines a terminal has; 24 where it does not say.
func height(w io.Writer) int {
	if f, ok := w.(*os.File); ok {
		if _, lines, err := term.GetSize(int(f.Fd())); err == nil && lines > 0 {
			return lines
		}
	}
	return 24
}
