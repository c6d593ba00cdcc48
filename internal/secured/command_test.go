//go:build unix

package secured_test

import (
	"fmt"
	"maps"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"attemptstream/internal/attempt"
	"attemptstream/internal/imochasim"
	"attemptstream/internal/program"
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

// A process is the command while it runs, and after.
type process struct {
	*program.Process
	t    testing.TB
	args []string
}

// start starts the command with nothing but these settings. However it ends, it has printed none of the secrets.
func start(t testing.TB, s settings, args ...string) *process {
	t.Helper()
	var env []string
	for name, value := range s {
		env = append(env, name+"="+value)
	}
	p := &process{Process: program.Start(t, program.Command(t), env, args...), t: t, args: args}
	t.Cleanup(func() {
		p.Kill()
		p.keepsSecrets(s)
	})
	return p
}

// keepsSecrets searches what was printed for what must not be.
func (p *process) keepsSecrets(s settings) {
	p.t.Helper()
	text := p.Output()
	for _, secret := range []string{password, apiKey, s["KAFKA_SASL_PASSWORD"]} {
		if secret != "" && strings.Contains(text, secret) {
			p.t.Errorf("%q prints a secret:\n%s", p.args, text)
		}
	}
}

// until waits until all the texts have been printed.
func (p *process) until(texts ...string) {
	p.t.Helper()
	program.Eventually(p.t, patience, fmt.Sprintf("%q says %q", p.args, texts), func() bool {
		ended := p.Ended() // before its last words are read
		missing := lacks(p.Output(), texts)
		if missing != "" && ended {
			p.t.Fatalf("%q ended without %q:\n%s", p.args, missing, p.Output())
		}
		return missing == ""
	}, p.Output)
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
	p.Wait(code, patience)
	text := p.Output()
	if missing := lacks(text, words); missing != "" {
		p.t.Errorf("%q does not say %q:\n%s", p.args, missing, text)
	}
	return text
}
