package admin_test

import (
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"attemptstream/internal/admin"
	"attemptstream/internal/worker"
)

// serve answers for accounts until the test ends.
func serve(t *testing.T, c admin.Config) (*admin.Server, *httptest.Server) {
	t.Helper()
	c.Settings = settings
	s := admin.New(c)
	site := httptest.NewServer(s)
	t.Cleanup(site.Close)
	t.Cleanup(site.CloseClientConnections)
	return s, site
}

func accounts(all ...worker.Progress) func() []worker.Progress {
	return func() []worker.Progress { return all }
}

// get is an answer and its body.
func get(t *testing.T, method, url string, header ...string) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
		if header[i] == "Host" {
			r.Host = header[i+1]
		}
	}
	res, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, string(body)
}

func TestOnlyReading(t *testing.T) {
	t.Parallel()
	metrics := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("up 1\n")) })
	_, site := serve(t, admin.Config{Progress: accounts(idle("emea", time.Now(), time.Hour)), Metrics: metrics})
	paths := map[string]string{"/": "text/html; charset=utf-8", "/healthz": "text/plain; charset=utf-8", "/readyz": "text/plain; charset=utf-8",
		"/status": "application/json", "/metrics": "text/plain; charset=utf-8"}
	for path, kind := range paths {
		res, body := get(t, "GET", site.URL+path)
		if res.StatusCode != http.StatusOK || res.Header.Get("Content-Type") != kind || body == "" {
			t.Errorf("GET %s: %d, %s, %d bytes", path, res.StatusCode, res.Header.Get("Content-Type"), len(body))
		}
		if head, nothing := get(t, "HEAD", site.URL+path); head.StatusCode != http.StatusOK || nothing != "" {
			t.Errorf("HEAD %s: %d, %q", path, head.StatusCode, nothing)
		}
	}
	if res, _ := get(t, "HEAD", site.URL+"/events"); res.StatusCode != http.StatusOK || res.Header.Get("Content-Type") != "text/event-stream" {
		t.Errorf("HEAD /events: %d, %v", res.StatusCode, res.Header)
	}
	if res, _ := get(t, "GET", site.URL+"/etc/passwd"); res.StatusCode != http.StatusNotFound {
		t.Errorf("a path that is not there: %d", res.StatusCode)
	}
	for _, method := range []string{"POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"} {
		for path := range paths {
			if res, _ := get(t, method, site.URL+path); res.StatusCode != http.StatusMethodNotAllowed || res.Header.Get("Allow") != "GET, HEAD" {
				t.Errorf("%s %s: %d, Allow %q", method, path, res.StatusCode, res.Header.Get("Allow"))
			}
		}
	}
}

func TestHeaders(t *testing.T) {
	t.Parallel()
	_, site := serve(t, admin.Config{Progress: accounts()})
	for _, path := range []string{"/", "/status", "/readyz", "/nothing"} {
		res, _ := get(t, "GET", site.URL+path)
		for name, want := range map[string]string{"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cache-Control": "no-store",
			"X-Frame-Options": "DENY", "Cross-Origin-Resource-Policy": "same-origin"} {
			if got := res.Header.Get(name); got != want {
				t.Errorf("%s: %s is %q, want %q", path, name, got, want)
			}
		}
		policy := res.Header.Get("Content-Security-Policy")
		for _, want := range []string{"default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'none'", "script-src 'sha256-"} {
			if !strings.Contains(policy, want) {
				t.Errorf("%s: the policy has no %s: %s", path, want, policy)
			}
		}
		if strings.Contains(policy, "unsafe") {
			t.Errorf("%s: the policy is unsafe: %s", path, policy)
		}
	}
}

// A web page whose name was pointed at this machine must not be answered (DNS rebinding), nor one of another site.
func TestNamesOfThisMachineOnly(t *testing.T) {
	t.Parallel()
	loopback := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 8080}
	_, local := serve(t, admin.Config{Progress: accounts(), Hosts: admin.HostsFor("worker.internal:8080", loopback)})
	for host, want := range map[string]int{
		"127.0.0.1:8080": 200, "localhost": 200, "LOCALHOST:9": 200, "localhost.:8080": 200, "[::1]:8080": 200, "[::1]": 200, "127.0.0.2": 200, "worker.internal": 200,
		"evil.example": 421, "evil.example:8080": 421, "localhost.evil.example": 421, "127.0.0.1.evil.example": 421, "192.168.0.7:8080": 421,
	} {
		if res, body := get(t, "GET", local.URL+"/healthz", "Host", host); res.StatusCode != want {
			t.Errorf("host %s: %d, want %d: %s", host, res.StatusCode, want, body)
		}
	}
	for _, everywhere := range []net.Addr{&net.TCPAddr{IP: net.IPv4zero}, &net.TCPAddr{IP: net.IPv6unspecified}, &net.TCPAddr{IP: net.IPv4(10, 0, 0, 7)}} {
		if hosts := admin.HostsFor(":8080", everywhere); hosts != nil {
			t.Errorf("on %s only %q is answered: a load balancer asks by another name", everywhere, hosts)
		}
	}
	if res, _ := get(t, "GET", local.URL+"/status", "Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "cors"); res.StatusCode != http.StatusForbidden {
		t.Errorf("a script of another site: %d", res.StatusCode)
	}
	if res, _ := get(t, "GET", local.URL+"/", "Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate"); res.StatusCode != http.StatusOK {
		t.Errorf("a link on another site: %d", res.StatusCode)
	}
}

func TestReadyz(t *testing.T) {
	t.Parallel()
	now := time.Now()
	for name, c := range map[string]struct {
		accounts []worker.Progress
		code     int
		want     string
	}{
		"no worker yet": {nil, 503, "not connected to Kafka yet\n"},
		"all is well":   {[]worker.Progress{idle("apac", now, time.Hour), idle("emea", now, time.Hour)}, 200, "apac: ready\nemea: ready\n"},
		"one of two": {[]worker.Progress{idle("apac", now, time.Hour), {Account: "emea", Problem: "take over:\nKafka\r\nis away"}}, 503,
			"apac: ready\nemea: not ready: not taken over yet: take over: Kafka is away\n"},
		"another owner": {[]worker.Progress{{Account: "emea", Ended: true, Problem: "another attemptstream has taken over this account"}}, 503,
			"emea: not ready: it is not read any more: another attemptstream has taken over this account\n"},
		"stands by": {[]worker.Progress{{Account: "emea", Standby: true}}, 200, "emea: ready\n"},
	} {
		_, site := serve(t, admin.Config{Progress: accounts(c.accounts...)})
		if res, body := get(t, "GET", site.URL+"/readyz"); res.StatusCode != c.code || body != c.want {
			t.Errorf("%s: %d\n%s", name, res.StatusCode, body)
		}
	}
}

// A worker that stands by says so, and is well; with accounts of its own it says how many others have.
func TestStandby(t *testing.T) {
	t.Parallel()
	one, two := worker.Progress{Account: "emea", Standby: true}, worker.Progress{Account: "apac", Standby: true}
	own := idle("amer", time.Now(), time.Hour)
	for want, list := range map[string][]worker.Progress{
		"Another worker reads this account; this one stands by.": {one},
		"Other workers read all accounts; this one stands by.":   {one, two},
		"Other workers read 2 of 3 accounts.":                    {one, own, two},
	} {
		_, site := serve(t, admin.Config{Progress: accounts(list...)})
		_, body := get(t, "GET", site.URL+"/status")
		var r admin.Report
		if err := json.Unmarshal([]byte(body), &r); err != nil {
			t.Fatal(err)
		}
		if r.Verdict.Text != want && r.Verdict.Detail != want || r.Verdict.Alarm != admin.Fine || !r.Ready {
			t.Errorf("want %q: %+v", want, r.Verdict)
		}
		if len(list) == 3 && (r.Through == nil || !strings.HasPrefix(r.Verdict.Text, "Everything up to")) {
			t.Errorf("with an account of its own: %+v", r.Verdict)
		}
	}
}

// The members that scripts read.
func TestStatus(t *testing.T) {
	t.Parallel()
	p := withGap(idle("emea", time.Now(), 26*time.Hour), 2, time.Hour, time.Minute)
	_, site := serve(t, admin.Config{Version: "1.2.3", Topic: "attempts", Progress: accounts(p), Groups: consumers})
	res, body := get(t, "GET", site.URL+"/status")
	var r struct {
		At, StartedAt, CoveredThrough time.Time
		Version, Topic                string
		UptimeSeconds                 *int64
		Ready                         bool
		Verdict                       struct{ Alarm, Text, Detail string }
		CoveredThroughAgeSeconds      int64
		Accounts                      []struct {
			Account, Alarm string
			States         []struct {
				State, CoveredThrough, Front string
				FrontAgeSeconds, GapCount    int64
				Gaps                         []struct {
					From, Until time.Time
					Seconds     int64
				}
			}
			LastProblems []struct{ Text string }
			Process      map[string]any
		}
		Groups struct {
			Known  bool
			Groups []struct {
				Group        string
				EventsBehind int64
			}
		}
		Replays []any
		Rates   map[string]any
	}
	if err := json.Unmarshal([]byte(body), &r); err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("%d, %v: %s", res.StatusCode, err, body)
	}
	if r.Version != "1.2.3" || r.Topic != "attempts" || r.UptimeSeconds == nil || !r.Ready || r.Verdict.Alarm != "act" || r.Replays == nil {
		t.Errorf("%+v", r)
	}
	if r.Verdict.Text != "60 seconds could not be read." || !r.CoveredThrough.Equal(p.Through) || r.CoveredThroughAgeSeconds < 3600 {
		t.Errorf("verdict %+v, covered through %s (%d s ago)", r.Verdict, r.CoveredThrough, r.CoveredThroughAgeSeconds)
	}
	s := r.Accounts[0].States[2]
	if s.State != "completed" || s.GapCount != 1 || s.Gaps[0].Seconds != 60 || !s.Gaps[0].From.Equal(p.Through) || s.FrontAgeSeconds < 40 {
		t.Errorf("%+v", s)
	}
	if len(r.Groups.Groups) != 2 || r.Groups.Groups[0].EventsBehind != 18_204 {
		t.Errorf("the group that is furthest behind stands first: %+v", r.Groups)
	}
}
