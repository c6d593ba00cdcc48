//go:build linux

package audit_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"attemptstream/internal/kafkatest"
	"attemptstream/internal/operate/audit"
)

// mostMemory is what an audit of any length may take, in MiB.
const mostMemory = 128

// longVariable turns on the audit of a million events, which takes minutes.
const longVariable = "ATTEMPTSTREAM_AUDIT_LONG"

// The command is built once, by the first test that needs it.
var command = sync.OnceValues(func() (string, error) {
	path := commandPath()
	if out, err := exec.Command("go", "build", "-o", path, "attemptstream/cmd/attemptstream").CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the command: %w: %s", err, out)
	}
	return path, nil
})

// The command itself, as a process of its own, fills a topic from a simulated API and audits it: clean, and in bounded
// memory.
func TestProcess(t *testing.T) {
	t.Parallel()
	t.Run("embedded", func(t *testing.T) {
		t.Parallel()
		took, memory := auditProcess(t, embeddedBroker(t), 2, 8000, 10_000)
		t.Logf("%s, %d MiB", took, memory)
	})
	t.Run("a million", func(t *testing.T) {
		if os.Getenv(longVariable) == "" {
			t.Skip("set " + longVariable + " to run it")
		}
		for name, brokers := range map[string]func() []string{
			"embedded": func() []string { return embeddedBroker(t) },
			"kafka":    func() []string { return kafkatest.Shared(t).Addrs() },
		} {
			t.Run(name, func(t *testing.T) {
				took, memory := auditProcess(t, brokers(), 12, 110_000, 1_000_000)
				t.Logf("%s, %d MiB", took, memory)
			})
		}
	})
}

// auditProcess returns how long an audit took, and the most memory that it had, in MiB.
func auditProcess(t *testing.T, brokers []string, days, perDay int, least int64) (time.Duration, int) {
	t.Helper()
	path, err := command()
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now().UTC().Truncate(time.Second)
	from, to := now.Add(-time.Duration(days)*24*time.Hour), now.Add(-4*time.Hour)
	form := func(t time.Time) string { return t.Format(time.RFC3339) }
	api := simulate(t, path, "--since", form(from), "--per-day", fmt.Sprint(perDay))
	env := []string{
		"PATH=" + os.Getenv("PATH"), "TMPDIR=" + t.TempDir(),
		"KAFKA_BROKERS=" + strings.Join(brokers, ","), fmt.Sprintf("KAFKA_TOPIC=audit-process-%d-%d", os.Getpid(), topicNumber.Add(1)),
		"KAFKA_REPLICATION_FACTOR=1", "IMOCHA_BASE_URL=" + api, "IMOCHA_API_KEY=key", "IMOCHA_RATE_LIMIT=100000", "IMOCHA_CONCURRENCY=8",
		"STREAM_START_AT=" + form(from), "ADMIN_ADDR=", "LOG_LEVEL=warn",
	}
	start := func(args ...string) (*exec.Cmd, *bytes.Buffer, *bytes.Buffer) {
		var out, errs bytes.Buffer
		cmd := exec.Command(path, args...)
		cmd.Env, cmd.Stdout, cmd.Stderr = env, &out, &errs
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		return cmd, &out, &errs
	}
	worker, _, errs := start("run", "--once")
	if err := worker.Wait(); err != nil {
		t.Fatalf("the worker failed: %v:\n%s", err, errs)
	}
	began := time.Now()
	auditor, out, errs := start("audit", "--from", form(from), "--to", form(to), "--output", "json")
	memory, err := peak(auditor)
	if err != nil {
		t.Fatalf("the audit failed: %v:\n%s%s", err, out, errs)
	}
	took := time.Since(began)
	var report audit.Report
	if err := json.Unmarshal(out.Bytes(), &report); err != nil {
		t.Fatalf("%v in\n%s", err, out)
	}
	if !report.Clean || !report.Digests.Equal || report.Totals.Told < least || report.Totals.Told != report.Totals.Shown {
		t.Errorf("not clean, or too little: %+v\n%s\n%s", report.Totals, report.Verdict, errs)
	}
	if memory > mostMemory {
		t.Errorf("it took %d MiB, which is more than %d", memory, mostMemory)
	}
	t.Logf("%d attempts, found %v", report.Totals.Told, report.Found)
	return took, memory
}

// peak is the most memory that a process has until it ends, in MiB. The kernel keeps the maximum, so the last look counts.
func peak(cmd *exec.Cmd) (mib int, err error) {
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	kib := 0
	for {
		select {
		case err := <-ended:
			return kib >> 10, err
		case <-tick.C:
		}
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", cmd.Process.Pid))
		if err != nil {
			continue
		}
		n := 0
		if _, rest, ok := strings.Cut(string(text), "VmHWM:"); ok {
			_, _ = fmt.Sscan(rest, &n) // a process that has ended has no such line
		}
		kib = max(kib, n)
	}
}

// simulate starts a simulated API and returns its address.
func simulate(t *testing.T, path string, args ...string) string {
	t.Helper()
	cmd := exec.Command(path, append([]string{"simulate", "--addr", "127.0.0.1:0"}, args...)...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	url, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("the simulated API does not start: %v", err)
	}
	go func() { _, _ = bufio.NewReader(out).WriteTo(new(bytes.Buffer)) }() // what else it says
	return strings.TrimSpace(url)
}
