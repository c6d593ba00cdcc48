package admin_test

import (
	"bufio"
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"attemptstream/internal/admin"
	"attemptstream/internal/worker"
)

// follow opens /events and returns what comes, line by line, until it ends.
func follow(t *testing.T, url string) (lines <-chan string, status int, leave func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	r, err := http.NewRequestWithContext(ctx, "GET", url+"/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		cancel()
		t.Fatal(err)
	}
	out := make(chan string, 1000)
	go func() {
		defer close(out)
		defer res.Body.Close()
		scan := bufio.NewScanner(res.Body)
		scan.Buffer(nil, 16<<20)
		for scan.Scan() {
			out <- scan.Text()
		}
	}()
	return out, res.StatusCode, cancel
}

// next waits for a line that has a text.
func next(t *testing.T, lines <-chan string, has string) string {
	t.Helper()
	for deadline := time.After(patience); ; {
		select {
		case line, ok := <-lines:
			if !ok {
				t.Fatalf("the stream ended before %q came", has)
			}
			if strings.Contains(line, has) {
				return line
			}
		case <-deadline:
			t.Fatalf("no line with %q within %s", has, patience)
		}
	}
}

// A page is told of changes, is not in the way of a stop however long it stays open, and 64 of them are enough.
func TestEvents(t *testing.T) {
	t.Parallel()
	var events atomic.Int64
	s, site := serve(t, admin.Config{Progress: func() []worker.Progress {
		p := idle("emea", time.Now(), time.Hour)
		p.Events = int(events.Load())
		return []worker.Progress{p}
	}})
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		s.Run(ctx)
	}()
	lines, status, _ := follow(t, site.URL)
	if status != http.StatusOK {
		t.Fatalf("%d", status)
	}
	next(t, lines, `"process":{"events":0`)
	events.Store(7)
	next(t, lines, `"process":{"events":7`)

	var leave []func()
	for range 63 {
		_, status, l := follow(t, site.URL)
		if status != http.StatusOK {
			t.Fatalf("%d before there are 64", status)
		}
		leave = append(leave, l)
	}
	res, body := get(t, "GET", site.URL+"/events")
	if res.StatusCode != http.StatusServiceUnavailable || !strings.Contains(body, "64 pages are open already") || res.Header.Get("Retry-After") == "" {
		t.Errorf("the 65th: %d, %s", res.StatusCode, body)
	}
	leave[0]()
	for deadline := time.Now().Add(patience); ; {
		_, status, l := follow(t, site.URL)
		if status == http.StatusOK {
			leave = append(leave, l)
			break
		}
		if l(); time.Now().After(deadline) {
			t.Fatal("nobody may come though one has gone")
		}
	}
	began := time.Now()
	stop()
	<-ended
	for range lines { // it ends
	}
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("the stop took %s with pages open", took)
	}
	if res, _ := get(t, "GET", site.URL+"/events"); res.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("after the stop: %d", res.StatusCode)
	}
	for _, l := range leave {
		l()
	}
}

// A client that never reads is cut off, and others do not notice it.
func TestSlowClient(t *testing.T) {
	t.Parallel()
	var n atomic.Int64
	s, site := serve(t, admin.Config{Progress: func() []worker.Progress {
		p := idle("emea", time.Now(), time.Hour)
		p.Events, p.Problem = int(n.Add(1)), strings.Repeat("x", 2<<20) // more than sockets hold
		p.Problems = append(p.Problems, worker.Problem{Text: p.Problem})
		return []worker.Progress{p}
	}})
	admin.Hurry(s, time.Hour, 200*time.Millisecond)
	c, err := net.Dial("tcp", strings.TrimPrefix(site.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.(*net.TCPConn).SetReadBuffer(4 << 10); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Write([]byte("GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(patience); admin.Listeners(s) == 0; {
		if time.Now().After(deadline) {
			t.Fatal("it is not served")
		}
		time.Sleep(time.Millisecond)
	}
	for deadline := time.Now().Add(patience); admin.Listeners(s) > 0; {
		admin.Publish(s)
		if time.Now().After(deadline) {
			t.Fatal("a client that does not read stays for ever")
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// While nothing changes, an open page is sent a few bytes every ten seconds.
func TestQuietWhenNothingChanges(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := idle("emea", time.Now(), time.Hour)
		s := admin.New(admin.Config{Progress: accounts(p), Settings: admin.Settings{PollInterval: time.Hour}})
		ctx, stop := context.WithCancel(t.Context())
		go s.Run(ctx)
		time.Sleep(15 * time.Minute) // the rates of the first ten change
		w := httptest.NewRecorder()
		done := make(chan struct{})
		go func() {
			defer close(done)
			s.ServeHTTP(w, httptest.NewRequestWithContext(ctx, "GET", "/events", nil))
		}()
		time.Sleep(time.Hour)
		stop()
		<-done
		sent := w.Body.String()
		// One report for who comes, one that is new to the server.
		if n, reports := strings.Count(sent, "event: alive\n"), strings.Count(sent, "event: status\n"); n < 355 || n > 361 || reports > 2 || len(sent) > 40_000 {
			t.Errorf("%d heartbeats, %d reports and %d bytes within an hour", n, reports, len(sent))
		}
	})
}

// Reports of hundreds of accounts are sent less often.
func TestLargeReportsAreRare(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		all := many(time.Now())
		var n atomic.Int64
		s := admin.New(admin.Config{Settings: settings, Progress: func() []worker.Progress {
			out := slices.Clone(all)
			out[0].Events = int(n.Add(1))
			return out
		}})
		ctx, stop := context.WithCancel(t.Context())
		go s.Run(ctx)
		w := httptest.NewRecorder()
		done := make(chan struct{})
		go func() {
			defer close(done)
			s.ServeHTTP(w, httptest.NewRequestWithContext(ctx, "GET", "/events", nil))
		}()
		time.Sleep(time.Minute)
		stop()
		<-done
		if perSecond := w.Body.Len() / 60; perSecond > 150<<10 {
			t.Errorf("%d KiB a second", perSecond>>10)
		}
		if n := strings.Count(w.Body.String(), "event: status\n"); n < 5 {
			t.Errorf("%d reports in a minute", n)
		}
	})
}
