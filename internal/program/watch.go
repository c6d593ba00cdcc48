package program

import (
	"errors"
	"os"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Kill ends the process by SIGKILL and waits for its end. It is false if the process had ended before.
func (p *Process) Kill() bool {
	if p.Ended() {
		return false
	}
	_ = p.cmd.Process.Kill() // it may have ended
	<-p.done
	return p.cmd.ProcessState.ExitCode() == -1 // by a signal
}

// Signal sends a signal to a process that has to be running.
func (p *Process) Signal(s os.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatalf("%v to %s: %v; its log ends:\n%s", s, p.name, err, p.Tail())
	}
}

// End waits until the process ends by itself, and returns its exit code.
func (p *Process) End(within time.Duration) (code int) {
	p.t.Helper()
	timer := time.NewTimer(within)
	defer timer.Stop()
	select {
	case <-p.done:
	case <-timer.C:
		p.t.Fatalf("%s has not ended within %s; its log ends:\n%s", p.name, within, p.Tail())
	}
	return p.cmd.ProcessState.ExitCode()
}

// Stop asks the process to end (SIGTERM), unless it has.
func (p *Process) Stop() {
	p.t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		p.t.Fatalf("stop %s: %v; its log ends:\n%s", p.name, err, p.Tail())
	}
}

// Wait waits until the process ends by itself, with the given exit code.
func (p *Process) Wait(code int, within time.Duration) {
	p.t.Helper()
	if got := p.End(within); got != code {
		p.t.Fatalf("%s ended with %d (%v), want %d; its log ends:\n%s", p.name, got, p.cmd.ProcessState, code, p.Tail())
	}
}

// Says waits until the process has written all of the words in one line, and returns that line.
func (p *Process) Says(within time.Duration, words ...string) (line string) {
	p.t.Helper()
	Eventually(p.t, within, p.name+" says "+strings.Join(words, ", "), func() bool {
		ended := p.Ended() // before its last words are read
		if line = p.find(words); line != "" {
			return true
		}
		if ended {
			p.t.Fatalf("%s ended (%v) and did not say %q; its log ends:\n%s", p.name, p.cmd.ProcessState, words, p.Tail())
		}
		return false
	}, p.Tail)
	return line
}

func (p *Process) find(words []string) string {
	for line := range strings.Lines(p.Output()) {
		if hasAll(line, words) {
			return strings.TrimSuffix(line, "\n")
		}
	}
	return ""
}

// StatusPage waits until a worker says where its status page is, and returns the URL, which ends with a slash.
func (p *Process) StatusPage(within time.Duration) (url string) {
	p.t.Helper()
	return address.FindString(p.Says(within, "status page", "http://"))
}

// address is that of a server of the command's own, in a line of either form of the log.
var address = regexp.MustCompile(`http://[0-9.:]+/`)

// Count is how many lines the process has written with these words in them.
func (p *Process) Count(words ...string) (n int) {
	for line := range strings.Lines(p.Output()) {
		if hasAll(line, words) {
			n++
		}
	}
	return n
}

func hasAll(line string, words []string) bool {
	return !slices.ContainsFunc(words, func(word string) bool { return !strings.Contains(line, word) })
}

// Eventually waits until ok; why says more where it does not come in time.
func Eventually(t testing.TB, within time.Duration, what string, ok func() bool, why func() string) {
	t.Helper()
	timer := time.NewTimer(within)
	defer timer.Stop()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-timer.C:
			t.Fatalf("not within %s: %s; %s", within, what, why())
		}
	}
}
