//go:build linux

package soak_test

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"attemptstream/internal/imochasim/ledger"
	"attemptstream/internal/program"
)

// An api is the simulated API while it runs, and what it takes to start it again: everything in it follows from its
// arguments, so that one that is started again knows what happened.
type api struct {
	args    []string
	process *program.Process
	url     string
}

func (w *world) startAPI() *api {
	w.t.Helper()
	var keys []string
	for _, name := range accounts() {
		keys = append(keys, name+"="+keyOf(name))
	}
	a := &api{args: []string{
		"simulate", "--seed", "5", "--since", w.since.Format(time.RFC3339), "--speed", fmt.Sprint(speed), "--per-day", fmt.Sprint(perDay),
		"--late", "0.02", "--late-by", (speed * w.lateBy).String(), "--faults", "0.02", "--jitter", "20ms", "--keys", strings.Join(keys, ","), "--addr",
	}}
	a.process = program.Start(w.t, w.path, []string{}, append(a.args, "127.0.0.1:0")...)
	a.url = a.process.Says(patience, "http://127.0.0.1:")
	return a
}

// restart starts an API that was killed at the same address.
func (w *world) restart(a *api) {
	w.t.Helper()
	a.process = program.Start(w.t, w.path, []string{}, append(a.args, strings.TrimPrefix(a.url, "http://"))...)
	a.process.Says(patience, a.url)
}

// happened is what has happened in an account by now.
func (w *world) happened(account string) []ledger.Entry {
	w.t.Helper()
	res, err := http.Get(w.api.url + "/ledger?account=" + account)
	if err != nil {
		w.t.Fatal(err)
	}
	defer res.Body.Close()
	entries, err := ledger.Read(res.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return entries
}
