package main

import (
	"time"

	"github.com/spf13/cobra"

	"attemptstream/internal/config"
)

func (a *app) configCommand() *cobra.Command {
	var output string
	c := &cobra.Command{
		Use:   "config",
		Short: "Show every setting: its value (secrets hidden), its default, what it means",
		Example: `  attemptstream config
  attemptstream config --output json`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			now := time.Now()
			if err := config.Print(a.out, config.Describe(a.env, config.NeedAll, now), output); err != nil {
				return err
			}
			_, _, err := a.settings(config.NeedAll)
			return err
		},
	}
	outputFlag(c.Flags(), &output)
	return c
}
