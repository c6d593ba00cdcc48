package program

import (
	"bytes"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
)

// Environment is settings, by their names, as Start takes them.
func Environment(settings map[string]string) (env []string) {
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		env = append(env, name+"="+settings[name])
	}
	return env
}

// A Process is a command while it runs, and after.
type Process struct {
	t    testing.TB
	name string
	cmd  *exec.Cmd
	out  string // a file, of standard output
	log  string // a file, of standard error
	done chan struct{}
}

// Start starts the command at path with this environment and nothing of the test binary's. It is killed at the end of the
// test at the latest.
func Start(t testing.TB, path string, env []string, args ...string) *Process {
	t.Helper()
	dir := t.TempDir()
	p := &Process{t: t, name: filepath.Base(path), out: filepath.Join(dir, "out"), log: filepath.Join(dir, "log"), done: make(chan struct{})}
	if len(args) > 0 {
		p.name += " " + args[0]
	}
	out, err := os.Create(p.out)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	log, err := os.Create(p.log)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	p.cmd = exec.Command(path, args...)
	p.cmd.Env, p.cmd.Stdout, p.cmd.Stderr, p.cmd.SysProcAttr = append(slices.Clone(env), "GORACE=halt_on_error=1"), out, log, mortal()
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
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill() // it may have ended
		<-p.done
	})
	return p
}

// PID is the process's id.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Done is closed when the process has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Ended tells whether the process has ended.
func (p *Process) Ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// State is how the process has ended; nil while it runs.
func (p *Process) State() *os.ProcessState {
	if !p.Ended() {
		return nil
	}
	return p.cmd.ProcessState
}

// Stdout is what the process has written to standard output so far.
func (p *Process) Stdout() string { return p.read(p.out) }

// Log is what the process has written to standard error so far.
func (p *Process) Log() string { return p.read(p.log) }

// Output is all that the process has written so far.
func (p *Process) Output() string { return p.Stdout() + p.Log() }

func (p *Process) read(file string) string {
	p.t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		p.t.Fatal(err)
	}
	return string(text)
}

// Tail is the end of the log, for messages.
func (p *Process) Tail() string {
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
