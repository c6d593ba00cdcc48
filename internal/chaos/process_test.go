//go:build unix

package chaos_test

import (
	"strings"
	"testing"
	"time"

	"attemptstream/internal/program"
)

// A process is the command while it runs, and after.
type process struct {
	*program.Process
	t testing.TB
	// requests that the API had had when the process began
	requests int
}

// start starts the command. It is killed at the end of the test at the latest.
func (w *world) start(args ...string) *process {
	w.t.Helper()
	path := program.Command(w.t)
	w.bury()
	w.started++
	number := w.started
	p := &process{t: w.t, requests: w.api.requests()}
	p.Process = program.Start(w.t, path, w.environment(), args...)
	w.running = append(w.running, p)
	w.t.Cleanup(func() {
		if last := w.started == number; w.t.Failed() && (last || p.Ended()) {
			w.t.Logf("the log of process %d (%v) ends:\n%s", p.PID(), p.State(), p.Tail())
		}
	})
	return p
}

// wait waits until the process ends by itself, with the given exit code.
func (p *process) wait(code int, within time.Duration) {
	p.t.Helper()
	p.Wait(code, within)
	p.discreet()
}

// says waits until the process has written all of the words in one line.
func (p *process) says(words ...string) {
	p.t.Helper()
	p.Says(patience, words...)
}

// discreet checks that the log names no person and no key.
func (p *process) discreet() {
	p.t.Helper()
	for _, secret := range []string{apiKey, "@example.com"} {
		if strings.Contains(p.Output(), secret) {
			p.t.Errorf("the log has %q in it", secret)
		}
	}
}

// eventually waits until ok; why says more where it does not come.
func eventually(t testing.TB, what string, ok func() bool, why func() string) {
	t.Helper()
	program.Eventually(t, patience, what, ok, why)
}
