// Command attemptstream tells Kafka, exactly once, what happened to each iMocha invitation. README.md has its use.
//
// This package knows arguments, environment, signals and exit codes: a file for each command, and how the parts are put
// together. What they do is in internal/.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"attemptstream/internal/config"
)

func main() {
	// The first signal ends the work in order; stop lets a second one end the process at once.
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	env, err := config.Process()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(exitUsage)
	}
	os.Exit(execute(ctx, &app{env: env, out: os.Stdout, err: os.Stderr, variable: os.Getenv}, os.Args[1:]))
}
