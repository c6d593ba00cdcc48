//go:build unix

package secured_test

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"attemptstream/internal/attempt"
	"attemptstream/internal/imochasim"
)

// patience bounds every wait.
const patience = time.Minute

// settings are an environment.
type settings map[string]string

func (s settings) and(pairs ...string) settings {
	all := maps.Clone(s)
	for i := 0; i < len(pairs); i += 2 {
		all[pairs[i]] = pairs[i+1]
	}
	return all
}

var numbers atomic.Int64

// newTopic is a name that no other test has.
func newTopic() string { return fmt.Sprintf("secured-%d", numbers.Add(1)) }

// api is a simulated API of one account in which some invitations were lived.
func api(t testing.TB) (*imochasim.Simulator, settings) {
	t.Helper()
	sim, err := imochasim.New(imochasim.Config{Keys: map[string]string{apiKey: string(attempt.DefaultAccount)}})
	if err != nil {
		t.Fatal(err)
	}
	lives := imochasim.DefaultLives(1)
	lives.PerDay = 500
	now := time.Now()
	if err := sim.Populate(string(attempt.DefaultAccount), lives, now.Add(-4*time.Hour), now.Add(-time.Minute)); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(sim)
	t.Cleanup(server.Close)
	t.Cleanup(server.CloseClientConnections)
	return sim, settings{
		"IMOCHA_BASE_URL": server.URL, "IMOCHA_API_KEY": apiKey, "IMOCHA_RATE_LIMIT": "1000", "STREAM_START_AT": "-5h",
		"STREAM_LOOKBACK": "0", "ADMIN_ADDR": "", "KAFKA_PARTITIONS": "2", "KAFKA_REPLICATION_FACTOR": "1",
	}
}

// file writes a file of the test's.
func file(t testing.TB, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// An output takes what a process prints, and tells when a text was in it.
type output struct {
	mu      sync.Mutex
	text    bytes.Buffer
	changed chan struct{} // closed and made anew with each write
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.changed != nil {
		close(o.changed)
	}
	o.changed = make(chan struct{})
	return o.text.Write(p)
}

// now is what was printed, and what is closed by more.
func (o *output) now() (string, <-chan struct{}) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.changed == nil {
		o.changed = make(chan struct{})
	}
	return o.text.String(), o.changed
}

// A process is the command while it runs, and after.
type process struct {
	t    testing.TB
	args []string
	cmd  *exec.Cmd
	out  output // both streams
	done chan struct{}
	took time.Duration
}

// start starts the command with nothing but these settings.
func start(t testing.TB, s settings, args ...string) *process {
	t.Helper()
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	p := &process{t: t, args: args, cmd: exec.Command(path, args...), done: make(chan struct{})}
	p.cmd.Env = []string{"GORACE=halt_on_error=1"}
	for name, value := range s {
		p.cmd.Env = append(p.cmd.Env, name+"="+value)
	}
	p.cmd.Stdout, p.cmd.Stderr = &p.out, &p.out
	began := time.Now()
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.done)
		_ = p.cmd.Wait() // the state says it all
		p.took = time.Since(began)
	}()
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		<-p.done
		p.keepsSecrets(s)
	})
	return p
}

// keepsSecrets searches what was printed for what must not be.
func (p *process) keepsSecrets(s settings) {
	p.t.Helper()
	text, _ := p.out.now()
	for _, secret := range []string{password, apiKey, s["KAFKA_SASL_PASSWORD"]} {
		if secret != "" && strings.Contains(text, secret) {
			p.t.Errorf("%q prints a secret:\n%s", p.args, text)
		}
	}
}

// until waits until all the texts have been printed.
func (p *process) until(texts ...string) {
	p.t.Helper()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	for {
		text, more := p.out.now()
		if missing := lacks(text, texts); missing == "" {
			return
		}
		select {
		case <-more:
		case <-p.done:
			if text, _ = p.out.now(); lacks(text, texts) != "" {
				p.t.Fatalf("%q ended without %q:\n%s", p.args, lacks(text, texts), text)
			}
		case <-timer.C:
			p.t.Fatalf("%q does not say %q:\n%s", p.args, lacks(text, texts), text)
		}
	}
}

func lacks(text string, wanted []string) string {
	for _, w := range wanted {
		if !strings.Contains(text, w) {
			return w
		}
	}
	return ""
}

// wait waits for the end, which must be with this exit code and these words.
func (p *process) wait(code int, words ...string) string {
	p.t.Helper()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-p.done:
	case <-timer.C:
		text, _ := p.out.now()
		p.t.Fatalf("%q does not end:\n%s", p.args, text)
	}
	text, _ := p.out.now()
	if got := p.cmd.ProcessState.ExitCode(); got != code {
		p.t.Fatalf("%q ended with %d, want %d:\n%s", p.args, got, code, text)
	}
	if missing := lacks(text, words); missing != "" {
		p.t.Errorf("%q does not say %q:\n%s", p.args, missing, text)
	}
	return text
}

// stop asks the process to end, unless it has.
func (p *process) stop() {
	p.t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		p.t.Fatal(err)
	}
}
