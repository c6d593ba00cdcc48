package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"strings"
	"testing"
	"time"

	"attemptstream/internal/imochasim"
	"attemptstream/internal/imochasim/ledger"
)

// simulated starts simulate on a free port and returns its address, which it reads as a script would.
func simulated(t *testing.T, args ...string) (*running, string) {
	t.Helper()
	r := start(t, nil, append([]string{"simulate", "--addr", "127.0.0.1:0"}, args...)...)
	r.until("Ctrl-C")
	url, _, _ := strings.Cut(r.out.String(), "\n")
	return r, url
}

// ask asks for the expired invitations of the last two days.
func ask(t *testing.T, url, key string) (status int, body string) {
	t.Helper()
	form := func(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05Z") }
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+imochasim.Path+"?state=expired",
		strings.NewReader(fmt.Sprintf(`{"StartDateTime":%q,"EndDateTime":%q}`, form(time.Now().Add(-48*time.Hour)), form(time.Now()))))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-API-KEY", key)
	r.Header.Set("Content-Type", "application/json")
	return do(t, r)
}

func get(t *testing.T, url string) string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	status, body := do(t, r)
	if status != http.StatusOK {
		t.Fatalf("%s: %d %s", url, status, body)
	}
	return body
}

func do(t *testing.T, r *http.Request) (int, string) {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(body)
}

func TestSimulate(t *testing.T) {
	t.Parallel()
	r, url := simulated(t, "--keys", "emea=key-1,apac=key-2", "--since", "-4d", "--per-day", "200", "--cap", "7", "--late", "0")
	if !strings.HasPrefix(url, "http://127.0.0.1:") || !strings.Contains(r.out.String(), "IMOCHA_BASE_URL="+url) {
		t.Fatalf("it says\n%s", r.out.String())
	}
	if get(t, url+"/healthz") != "ok\n" {
		t.Error("it is not healthy")
	}
	if status, body := ask(t, url, "key-1"); status != http.StatusOK || strings.Count(body, "testInvitationId") != 7 {
		t.Errorf("%d %s, want 200 and 7 entries, as the cap says", status, body)
	}
	if status, _ := ask(t, url, "another"); status != http.StatusUnauthorized {
		t.Errorf("a wrong key is answered with %d", status)
	}
	if stats := get(t, url+"/stats"); !strings.Contains(stats, `"ok":1`) || !strings.Contains(stats, `"wrong key":1`) {
		t.Errorf("stats: %s", stats)
	}
	var first [2]string
	for i, account := range []string{"emea", "apac"} {
		entries, err := ledger.Read(strings.NewReader(get(t, url+"/ledger?account="+account)))
		if err != nil || len(entries) < 100 {
			t.Fatalf("the ledger of %s: %d entries, %v", account, len(entries), err)
		}
		if string(entries[0].Account) != account || entries[0].At.Before(time.Now().Add(-4*24*time.Hour-time.Minute)) {
			t.Errorf("the ledger of %s begins with %+v", account, entries[0])
		}
		first[i] = entries[0].At.String()
	}
	if first[0] == first[1] {
		t.Error("both accounts have the same lives")
	}
	r.cancel()
	r.wait(exitDone)
	if text := r.err.String(); text != "" {
		t.Errorf("on standard error: %s", text)
	}
}

// A request that is held back does not keep it from ending.
func TestSimulateEndsWithARequestUnderWay(t *testing.T) {
	t.Parallel()
	r, url := simulated(t, "--latency", "50s", "--per-day", "10")
	began := time.Now()
	answered := make(chan error, 1)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+imochasim.Path+"?state=expired",
		bytes.NewReader([]byte(`{"StartDateTime":"2026-01-01T00:00:00Z","EndDateTime":"2026-01-02T00:00:00Z"}`)))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("X-API-KEY", "key")
	request.Header.Set("Content-Type", "application/json")
	written := make(chan struct{})
	request = request.WithContext(httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{
		WroteRequest: func(httptrace.WroteRequestInfo) { close(written) },
	}))
	go func() {
		answer, err := http.DefaultClient.Do(request)
		if err == nil {
			answer.Body.Close()
		}
		answered <- err
	}()
	<-written
	get(t, url+"/healthz") // connections are accepted in order, so the first one was
	r.cancel()
	r.wait(exitDone)
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("it took %s to end", took)
	}
	<-answered // without an answer, or with an empty one
}

func TestSimulateOnAnAddressInUse(t *testing.T) {
	t.Parallel()
	_, url := simulated(t, "--per-day", "10")
	addr := strings.TrimPrefix(url, "http://")
	r := start(t, nil, "simulate", "--addr", addr)
	r.wait(exitFailed)
	if text := r.err.String(); !strings.Contains(text, addr+" is in use") || !strings.Contains(text, "--addr") || r.out.String() != "" {
		t.Errorf("it says\n%s\nand on standard output %q", text, r.out.String())
	}
}

// Lives end where they are told to, and faults begin and end on request.
func TestSimulateUntilAndFaults(t *testing.T) {
	t.Parallel()
	until := time.Now().Add(-36 * time.Hour).UTC().Truncate(time.Second)
	_, url := simulated(t, "--since", "-4d", "--until", until.Format(time.RFC3339), "--per-day", "300", "--late", "0.5", "--come-backs", "1")
	entries, err := ledger.Read(strings.NewReader(get(t, url+"/ledger")))
	if err != nil || len(entries) < 100 {
		t.Fatalf("the ledger: %d entries, %v", len(entries), err)
	}
	if last := entries[len(entries)-1]; !last.At.Before(until) || last.At.Before(until.Add(-6*time.Hour)) {
		t.Errorf("the last happened at %s, want before %s", last.At, until)
	}
	set := func(query string) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPut, url+"/faults"+query, nil)
		if err != nil {
			t.Fatal(err)
		}
		if status, body := do(t, r); status != http.StatusNoContent {
			t.Fatalf("%d %s", status, body)
		}
	}
	set("?share=1&kind=503")
	if status, _ := ask(t, url, "key"); status != http.StatusServiceUnavailable {
		t.Errorf("with faults it answers %d", status)
	}
	set("?share=0")
	if status, _ := ask(t, url, "key"); status != http.StatusOK {
		t.Errorf("without faults it answers %d", status)
	}
	for _, wrong := range []string{"tomorrow", "2000-01-01T00:00:00Z"} {
		r := start(t, nil, "simulate", "--addr", "127.0.0.1:0", "--until", wrong)
		r.wait(exitUsage)
		if text := r.err.String(); !strings.Contains(text, "until") || r.out.String() != "" {
			t.Errorf("--until %s: %s%s", wrong, text, r.out.String())
		}
	}
}
