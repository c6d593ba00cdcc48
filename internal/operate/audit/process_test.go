//go:build linux

package audit_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"attemptstream/internal/attempt"
	"attemptstream/internal/brokertest"
	"attemptstream/internal/kafkatest"
	"attemptstream/internal/operate/audit"
	"attemptstream/internal/program"
)

// mostMemory is what an audit of any length may take, in MiB.
const mostMemory = 128

// longVariable turns on the audit of a million events, which takes minutes.
const longVariable = "ATTEMPTSTREAM_AUDIT_LONG"

// The command itself, as a process of its own, fills a topic and audits it: clean, and in bounded memory.
func TestProcess(t *testing.T) {
	t.Parallel()
	auditProcess(t, brokertest.Embedded(t), 20_000)
}

func TestProcessLong(t *testing.T) {
	if os.Getenv(longVariable) == "" {
		t.Skip("set " + longVariable + " to audit a million events, which takes some time")
	}
	for name, brokers := range map[string]func(t *testing.T) []string{
		"embedded": func(t *testing.T) []string { return brokertest.Embedded(t) },
		"kafka":    func(t *testing.T) []string { return kafkatest.Shared(t).Addrs() },
	} {
		t.Run(name, func(t *testing.T) { auditProcess(t, brokers(t), 1_000_000) })
	}
}

// auditProcess has so many attempts told and audited.
func auditProcess(t *testing.T, brokers []string, attempts int) {
	t.Helper()
	path := program.Command(t, "-race=false") // it would take many times the memory
	h := history{attempts: attempts, end: attempt.InstantOf(time.Now().Add(-time.Hour))}
	h.start = h.end - attempt.Instant(attempts*secondsBetween)
	api := httptest.NewServer(h)
	defer api.Close()
	env := []string{
		"PATH=" + os.Getenv("PATH"), "TMPDIR=" + t.TempDir(),
		"KAFKA_BROKERS=" + strings.Join(brokers, ","), fmt.Sprintf("KAFKA_TOPIC=audit-process-%d-%d", os.Getpid(), topicNumber.Add(1)),
		"KAFKA_REPLICATION_FACTOR=1", "IMOCHA_BASE_URL=" + api.URL, "IMOCHA_API_KEY=key", "IMOCHA_RATE_LIMIT=100000", "IMOCHA_CONCURRENCY=8",
		"STREAM_START_AT=" + h.start.String(), "ADMIN_ADDR=", "LOG_LEVEL=warn",
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
	auditor, out, errs := start("audit", "--from", h.start.String(), "--to", h.end.String(), "--output", "json")
	memory, err := peak(auditor)
	if err != nil {
		t.Fatalf("the audit failed: %v:\n%s%s", err, out, errs)
	}
	took := time.Since(began)
	var report audit.Report
	if err := json.Unmarshal(out.Bytes(), &report); err != nil {
		t.Fatalf("%v in\n%s", err, out)
	}
	if !report.Clean || !report.Digests.Equal || report.Totals.Told != int64(attempts) || report.Totals.Shown != int64(attempts) || len(report.Found) > 0 {
		t.Errorf("not clean, or too little: %+v\n%s\n%s", report.Totals, report.Verdict, errs)
	}
	if memory > mostMemory {
		t.Errorf("it took %d MiB, which is more than %d", memory, mostMemory)
	}
	cpu := auditor.ProcessState.UserTime() + auditor.ProcessState.SystemTime()
	t.Logf("%d attempts: %s, %s of processor time, %d MiB", attempts, took.Round(time.Millisecond), cpu.Round(time.Millisecond), memory)
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

// secondsBetween is the time from one attempt of a history to the next.
const secondsBetween = 4

// A history is an API with an attempt every few seconds, of which nothing is kept: what a window shows is made when it is
// asked for. Of ten attempts seven are completed, two expired, one cancelled.
type history struct {
	attempts   int
	start, end attempt.Instant
}

func (h history) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var window struct {
		Start attempt.Instant `json:"StartDateTime"`
		End   attempt.Instant `json:"EndDateTime"`
	}
	if err := json.NewDecoder(r.Body).Decode(&window); err != nil {
		http.Error(w, "bad request", http.StatusBadRequest)
		return
	}
	wanted := attempt.State(r.URL.Query().Get("state"))
	text := []byte(`{"result":{"testAttempts":[`)
	sep := ""
	first := max(0, (window.Start-h.start+secondsBetween-1)/secondsBetween)
	for i := int(first); i < h.attempts && h.start+attempt.Instant(i*secondsBetween) <= window.End; i++ {
		state, status := attempt.Completed, "Completed"
		switch i % 10 {
		case 3, 6:
			state, status = attempt.Expired, "Expired"
		case 9:
			state, status = attempt.Cancelled, "Cancelled"
		}
		if state == wanted {
			text = fmt.Appendf(text, `%s{"testInvitationId":%d,"testId":%d,"name":"Ada Example %d","email":"ada.%d@example.com","invitationtype":"api","testStatus":"%s"}`,
				sep, 2_655_161+i, 292_930+i%40, i, i, status)
			sep = ","
		}
	}
	text = append(text, `]},"errors":null}`...)
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	_, _ = w.Write(text) // the client may be gone
}
