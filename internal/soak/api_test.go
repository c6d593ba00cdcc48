//go:build linux

package soak_test

import (
	"fmt"
	"strings"
	"time"

	"attemptstream/internal/program"
)

// An api is the simulated API while it runs, and what it takes to start it again: everything in it follows from its
// arguments, so that one that is started again knows what happened.
type api struct {
	*program.Simulation
	args []string
}

func (w *world) startAPI() *api {
	w.t.Helper()
	var keys []string
	for _, name := range accounts() {
		keys = append(keys, name+"="+keyOf(name))
	}
	a := &api{args: []string{
		"--seed", "5", "--since", w.since.Format(time.RFC3339), "--speed", fmt.Sprint(speed), "--per-day", fmt.Sprint(perDay),
		"--late", "0.02", "--late-by", (speed * w.lateBy).String(), "--faults", "0.02", "--jitter", "20ms", "--keys", strings.Join(keys, ","), "--addr",
	}}
	a.Simulation = program.Simulate(w.t, w.path, patience, append(a.args, "127.0.0.1:0")...)
	return a
}

// restart starts an API that was killed at the same address.
func (w *world) restart(a *api) {
	w.t.Helper()
	a.Simulation = program.Simulate(w.t, w.path, patience, append(a.args, strings.TrimPrefix(a.URL, "http://"))...)
}
