package kafkatest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
)

// The shell becomes the JVM. Before, it leaves a watchdog behind that reads from a pipe of ours: a line says that the
// JVM has ended and been waited for; the end of the pipe says that this process has ended first. (A signal at the
// parent's death would exist on Linux only, and be sent at the death of the thread.)
const watchdog = `dir=$1; shift; exec 3<&0 </dev/null
{ read -r _ <&3 || { kill -9 $$; sleep 1; rm -rf "$dir"; rmdir "$(dirname "$dir")"; }; } 2>/dev/null &
exec "$@" 3<&-`

// process is a JVM that does not outlive this process.
type process struct {
	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended
	err  error         // how, once done
}

// startProcess starts a command whose output is appended to a log. dir is removed when this process dies before it.
func startProcess(dir, log string, command []string) (*process, error) {
	out, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	cmd := exec.Command("sh", append([]string{"-c", watchdog, "sh", dir}, command...)...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = r, out, out
	if err := cmd.Start(); err != nil {
		w.Close()
		return nil, err
	}
	p := &process{cmd: cmd, done: make(chan struct{})}
	go func() {
		defer close(p.done)
		p.err = cmd.Wait()
		_, _ = w.WriteString("\n") // nobody reads where the watchdog was killed too
		w.Close()
	}()
	return p, nil
}

func (p *process) running() bool {
	if p == nil {
		return false
	}
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// kill ends the process at once and waits for that.
func (p *process) kill() {
	if p != nil {
		_ = p.cmd.Process.Kill()
		<-p.done
	}
}

// stop asks the process to end and waits for that.
func (p *process) stop(ctx context.Context) error {
	if !p.running() {
		return nil
	}
	if err := p.cmd.Process.Signal(signalStop); err != nil {
		return err
	}
	select {
	case <-p.done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("the broker does not stop: %w", context.Cause(ctx))
	}
}
