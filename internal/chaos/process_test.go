//go:build unix

package chaos_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A process is the command while it runs, and after.
type process struct {
	t    testing.TB
	cmd  *exec.Cmd
	log  string // a file
	done chan struct{}
	// requests that the API had had when the process began
	requests int
}

// start starts the command. It is killed at the end of the test at the latest.
func (w *world) start(args ...string) *process {
	w.t.Helper()
	path, err := binary()
	if err != nil {
		w.t.Fatal(err)
	}
	w.bury()
	w.started++
	number := w.started
	p := &process{t: w.t, log: filepath.Join(w.t.TempDir(), "log"), done: make(chan struct{}), requests: w.api.requests()}
	out, err := os.Create(p.log)
	if err != nil {
		w.t.Fatal(err)
	}
	defer out.Close()
	p.cmd = exec.Command(path, args...)
	p.cmd.Env, p.cmd.Stdout, p.cmd.Stderr, p.cmd.SysProcAttr = w.environment(), out, out, mortal()
	started := make(chan error)
	go func() {
		runtime.LockOSThread() // the process dies with this thread, which therefore stays
		defer runtime.UnlockOSThread()
		err := p.cmd.Start()
		started <- err
		if err == nil {
			_ = p.cmd.Wait() // the state says it all
			close(p.done)
		}
	}()
	if err := <-started; err != nil {
		w.t.Fatal(err)
	}
	w.running = append(w.running, p)
	w.t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		<-p.done
		if last := w.started == number; w.t.Failed() && (last || p.cmd.ProcessState.Exited()) {
			w.t.Logf("the log of process %d (%v) ends:\n%s", p.cmd.Process.Pid, p.cmd.ProcessState, p.tail())
		}
	})
	return p
}

func (p *process) ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// kill ends the process by SIGKILL and waits for its end. It is false if the process had ended before.
func (p *process) kill() bool {
	p.t.Helper()
	_ = p.cmd.Process.Kill() // it may have ended
	<-p.done
	status, ok := p.cmd.ProcessState.Sys().(syscall.WaitStatus)
	return ok && status.Signaled() && status.Signal() == syscall.SIGKILL
}

func (p *process) signal(s syscall.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatalf("%v: %v; its log ends:\n%s", s, err, p.tail())
	}
}

// wait waits until the process ends by itself, with the given exit code.
func (p *process) wait(code int, within time.Duration) {
	p.t.Helper()
	timer := time.NewTimer(within)
	defer timer.Stop()
	select {
	case <-p.done:
	case <-timer.C:
		p.t.Fatalf("the process has not ended within %s; its log ends:\n%s", within, p.tail())
	}
	if got := p.cmd.ProcessState.ExitCode(); got != code {
		p.t.Fatalf("the process ended with %d (%v), want %d; its log ends:\n%s", got, p.cmd.ProcessState, code, p.tail())
	}
	p.discreet()
}

// output is all that the process has written so far.
func (p *process) output() string {
	p.t.Helper()
	text, err := os.ReadFile(p.log)
	if err != nil {
		p.t.Fatal(err)
	}
	return string(text)
}

// says waits until the process has written all of the words in one line.
func (p *process) says(words ...string) {
	p.t.Helper()
	eventually(p.t, "the process says "+strings.Join(words, ", "), func() bool {
		for line := range strings.Lines(p.output()) {
			if containsAll(line, words) {
				return true
			}
		}
		if p.ended() {
			p.t.Fatalf("the process ended (%v) and did not say %q; its log ends:\n%s", p.cmd.ProcessState, words, p.tail())
		}
		return false
	}, p.tail)
}

// count is how many lines the process has written with these words in them.
func (p *process) count(words ...string) (n int) {
	for line := range strings.Lines(p.output()) {
		if containsAll(line, words) {
			n++
		}
	}
	return n
}

func containsAll(line string, words []string) bool {
	for _, word := range words {
		if !strings.Contains(line, word) {
			return false
		}
	}
	return true
}

// discreet checks that the log names no person and no key.
func (p *process) discreet() {
	p.t.Helper()
	for _, secret := range []string{apiKey, "@example.com"} {
		if strings.Contains(p.output(), secret) {
			p.t.Errorf("the log has %q in it", secret)
		}
	}
}

func (p *process) tail() string {
	text, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	const most = 6000
	if len(text) > most {
		_, text, _ = bytes.Cut(text[len(text)-most:], []byte("\n"))
	}
	return string(text)
}

// eventually waits until ok; why says more where it does not come.
func eventually(t testing.TB, what string, ok func() bool, why func() string) {
	t.Helper()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-timer.C:
			t.Fatalf("not within %s: %s; %s", patience, what, why())
		}
	}
}
