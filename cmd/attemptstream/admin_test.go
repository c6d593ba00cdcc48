package main

import (
	"bufio"
	"context"
	"encoding/json"
	"net"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"attemptstream/internal/embedded"
)

// taken is an address that another program listens on.
func taken(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	return ln.Addr().String()
}

// Whoever has chosen an address should hear that it cannot be had, before Kafka or iMocha is asked for anything.
func TestAdminAddressInUse(t *testing.T) {
	t.Parallel()
	for _, command := range []string{"run", "demo"} {
		addr := taken(t)
		r := start(t, map[string]string{"KAFKA_BROKERS": "127.0.0.1:1", "IMOCHA_API_KEY": "any", "ADMIN_ADDR": addr}, command)
		r.wait(exitFailed)
		text := r.err.String()
		for _, want := range []string{addr + " is in use", "give another address with ADMIN_ADDR", "with port 0 a free one is chosen"} {
			if !strings.Contains(text, want) {
				t.Errorf("%s does not say %q:\n%s", command, want, text)
			}
		}
		if strings.Contains(text, "connecting to Kafka") || r.out.String() != "" {
			t.Errorf("%s began though its page has no address:\n%s%s", command, r.out.String(), text)
		}
	}
}

// answer is the status and the text of a page.
func answer(t *testing.T, url string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	return do(t, r)
}

// becomes waits for a text in a page.
func becomes(t *testing.T, url string, status int, want string) {
	t.Helper()
	code, text := 0, ""
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if code, text = answer(t, url); code == status && strings.Contains(text, want) {
			return
		}
	}
	t.Fatalf("%s never has %d with %q: %d\n%s", url, status, want, code, text)
}

var pageAddress = regexp.MustCompile(`http://127\.0\.0\.1:\d+/`)

// The page is there before Kafka is, and says what the worker waits for.
func TestRunIsSeenBeforeKafka(t *testing.T) {
	t.Parallel()
	r := start(t, map[string]string{"KAFKA_BROKERS": taken(t), "IMOCHA_API_KEY": "any", "ADMIN_ADDR": "127.0.0.1:0"}, "run")
	<-r.err.has("connecting to Kafka")
	page := pageAddress.FindString(r.err.String())
	becomes(t, page+"healthz", http.StatusOK, "ok")
	becomes(t, page+"readyz", http.StatusServiceUnavailable, "not connected to Kafka yet")
	r.cancel()
	r.wait(exitDone)
}

// A browser that stays connected and a Prometheus that scrapes do not hold back a stop.
func TestRunStopsWhileItIsWatched(t *testing.T) {
	t.Parallel()
	broker, err := embedded.Start(embedded.Config{Addr: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := broker.Close(); err != nil {
			t.Error(err)
		}
	})
	_, url := simulated(t, "--since", "-1h", "--per-day", "500")
	r := start(t, map[string]string{
		"KAFKA_BROKERS": broker.Addr(), "IMOCHA_BASE_URL": url, "IMOCHA_API_KEY": "any", "IMOCHA_RATE_LIMIT": "1000", "STREAM_START_AT": "-1h",
		"ADMIN_ADDR": "127.0.0.1:0",
	}, "run")
	<-r.err.has("attemptstream starts")
	page := pageAddress.FindString(r.err.String())
	becomes(t, page+"readyz", http.StatusOK, "default: ready")
	becomes(t, page+"metrics", http.StatusOK, `attemptstream_ready 1`)
	becomes(t, page+"metrics", http.StatusOK, `attemptstream_transactions_total{account="default",outcome="committed"}`)
	_, text := answer(t, page+"status")
	var status struct {
		Ready    bool
		Accounts []struct{ Account string }
	}
	if err := json.Unmarshal([]byte(text), &status); err != nil || !status.Ready || len(status.Accounts) != 1 {
		t.Errorf("%v: %s", err, text)
	}
	request, err := http.NewRequestWithContext(context.WithoutCancel(t.Context()), http.MethodGet, page+"events", nil)
	if err != nil {
		t.Fatal(err)
	}
	browser, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer browser.Body.Close()
	if line, err := bufio.NewReader(browser.Body).ReadString('\n'); err != nil {
		t.Fatalf("%v: %q", err, line)
	}
	scraping, scraped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(scraped)
		for {
			select {
			case <-scraping:
				return
			default:
			}
			if res, err := http.Get(page + "metrics"); err == nil {
				_ = res.Body.Close()
			}
		}
	}()
	began := time.Now()
	r.cancel()
	r.wait(exitDone)
	if took := time.Since(began); took > stopTime {
		t.Errorf("the stop took %s", took)
	}
	close(scraping)
	<-scraped
}

// A demo is to be looked at: its page has an address whatever else runs on the machine.
func TestDemoShowsItsPage(t *testing.T) {
	t.Parallel()
	r := start(t, nil, "demo")
	r.until("in a browser: what the worker is doing")
	page := pageAddress.FindString(r.out.String())
	if !strings.Contains(r.out.String(), "Status  "+page) {
		t.Fatalf("the header does not name the page:\n%s", r.out.String())
	}
	becomes(t, page, http.StatusOK, "<title>attemptstream</title>")
	becomes(t, page+"readyz", http.StatusOK, "default: ready")
	r.cancel()
	r.wait(exitDone)

	none := start(t, map[string]string{"ADMIN_ADDR": ""}, "demo")
	none.until("Kafka   127.0.0.1:")
	if strings.Contains(none.out.String(), "Status  ") {
		t.Errorf("there is a page though ADMIN_ADDR is empty:\n%s", none.out.String())
	}
}
