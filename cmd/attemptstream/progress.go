package main

import (
	"context"
	"time"

	"go.uber.org/zap"

	"attemptstream/internal/catchup"
	"attemptstream/internal/config"
	"attemptstream/internal/console"
)

// behindTime is how far behind an account may be, beside what its settings make of it, before its progress is shown.
const behindTime = 3 * time.Minute

// onScreen is the app with a line for progress under its logs, and that line; or a itself and nil if there is no
// terminal. It is for commands that log and print nothing else on the terminal.
func (a *app) onScreen() (*app, *console.Screen) {
	if !console.IsTerminal(a.err) {
		return a, nil
	}
	terminal := a.err
	screen := console.NewScreen(terminal, func() int { return console.Width(terminal) })
	with := *a
	with.err = screen
	return &with, screen
}

// watch shows the progress of a worker until the function that it returns is called.
func watch(ctx context.Context, s *system, set config.Stream, screen *console.Screen, log *zap.Logger) (stop func()) {
	w := &catchup.Watch{
		Progress: s.worker.Progress,
		Slack:    behindTime + set.SettleDelay + set.PollInterval,
		Screen:   screen,
		Log:      log,
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx)) // the last transaction belongs to it
	done := make(chan struct{})
	go func() {
		defer close(done)
		w.Run(ctx)
	}()
	return func() {
		cancel()
		<-done
	}
}
