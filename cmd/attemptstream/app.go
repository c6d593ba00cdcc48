package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"attemptstream/internal/config"
)

// Exit codes.
const (
	exitDone   = 0
	exitFailed = 1 // it failed, or something is missing
	exitUsage  = 2 // wrong usage or settings
)

// An app is what a command may use of the outside.
type app struct {
	env config.Environment
	out io.Writer // results
	err io.Writer // logs, progress and errors

	// variable is a variable of the environment that is no setting, or whether one is set at all; nil: none is.
	variable func(name string) string
}

// getenv is the value of an environment variable, empty if it is not set.
func (a *app) getenv(name string) string {
	if a.variable == nil {
		return ""
	}
	return a.variable(name)
}

// A usageError is a command line that cannot be carried out.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// execute runs the command that args name and returns the exit code.
func execute(ctx context.Context, a *app, args []string) int {
	root := a.root()
	root.SetArgs(args)
	root.SetOut(a.out)
	root.SetErr(a.err)
	err := root.ExecuteContext(ctx)
	var usage usageError
	var settings *config.Error
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &settings):
		fmt.Fprintln(a.err, err)
		fmt.Fprintln(a.err, "\nattemptstream config shows every setting, its value and its meaning.")
		return exitUsage
	case errors.As(err, &usage):
		fmt.Fprintln(a.err, "error:", err)
		return exitUsage
	}
	fmt.Fprintln(a.err, "error:", err)
	return exitFailed
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "attemptstream",
		Short: "Tells Kafka, exactly once, what happened to each iMocha invitation",
		Long: `attemptstream reads iMocha's "Retrieve Invites" window by window and tells Kafka, exactly once, what
happened to each invitation: completed, left, terminated, cancelled or expired.

Settings are environment variables; "attemptstream config" shows them all.`,
		Example: `  attemptstream demo                 see it work, with nothing to set up
  KAFKA_BROKERS=localhost:9092 IMOCHA_API_KEY_FILE=key attemptstream run`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return usage(c, errors.New("which command?"))
		},
	}
	root.CompletionOptions.DisableDefaultCmd = true
	for _, g := range []struct {
		title    string
		commands []*cobra.Command
	}{
		{"The worker:", []*cobra.Command{a.runCommand(), a.configCommand()}},
		{"Operating a stream:", []*cobra.Command{
			a.statusCommand(), a.lagCommand(), a.tailCommand(), a.auditCommand(), a.replayCommand(), a.rewindCommand(),
		}},
		{"Trying it:", []*cobra.Command{a.demoCommand(), a.simulateCommand()}},
	} {
		root.AddGroup(&cobra.Group{ID: g.title, Title: g.title})
		for _, c := range g.commands {
			c.GroupID = g.title
			root.AddCommand(c)
		}
	}
	root.AddCommand(a.versionCommand())
	root.SetFlagErrorFunc(usage)
	for _, c := range append(root.Commands(), root) {
		args := c.Args
		c.Args = func(c *cobra.Command, given []string) error {
			if err := args(c, given); err != nil {
				return usage(c, err)
			}
			return nil
		}
	}
	return root
}

// usage is a usageError that says where the right form is. A list of all flags would bury what is wrong.
func usage(c *cobra.Command, err error) error {
	form := "Usage: " + c.UseLine() + "\n"
	if c.HasSubCommands() {
		form = c.UsageString()
	}
	return usageError{fmt.Errorf("%w\n\n%s\nSee: %s --help", err, form, c.CommandPath())}
}

// settings loads what a command needs, and a logger. Warnings are logged.
func (a *app) settings(need config.Need) (*config.Settings, *zap.Logger, error) {
	s, warnings, err := config.Load(a.env, need, time.Now())
	if err != nil {
		for _, w := range warnings {
			fmt.Fprintln(a.err, "warning:", w)
		}
		return nil, nil, err
	}
	log, err := config.Logger(s.Log, a.err)
	if err != nil {
		return nil, nil, err
	}
	for _, w := range warnings {
		log.Warn(w.String())
	}
	return s, log, nil
}
