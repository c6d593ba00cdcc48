package imocha

import (
	"context"
	"errors"
	"io"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"attemptstream/internal/attempt"
)

const testKey = "SECRET-key"

var testWindow = attempt.Window{Start: 1584720000, End: 1592668800} // 2020-03-20T16:00:00Z/2020-06-20T16:00:00Z

// config is one that sets no limits by itself.
func config(url string) Config {
	return Config{BaseURL: url, Account: "acme", Key: StaticKey(testKey), RequestTimeout: 30 * time.Second, RateLimit: math.MaxFloat64, Concurrency: 8}
}

func newClient(t *testing.T, cfg Config) *Client {
	t.Helper()
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// serve is a client of an API that handler plays over TCP.
func serve(t *testing.T, handler http.HandlerFunc) *Client {
	t.Helper()
	s := httptest.NewServer(handler)
	t.Cleanup(s.Close)
	return newClient(t, config(s.URL))
}

// servePipes is the same without a network, for synctest. What the test has changed in cfg stays.
func servePipes(t *testing.T, cfg Config, handler http.HandlerFunc) *Client {
	t.Helper()
	l := &pipes{conns: make(chan net.Conn), closed: make(chan struct{})}
	s := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // only then the server sees a client go
		w.Header()["Date"] = nil           // virtual time begins in 2000, before what tests ask for
		handler(w, r)
	})}
	done := make(chan struct{})
	go func() { defer close(done); _ = s.Serve(l) }()
	transport := newTransport(cfg.Concurrency)
	transport.DialContext = l.dial
	cfg.BaseURL, cfg.Transport = "http://imocha.test", transport
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		_ = s.Close()
		<-done
	})
	return newClient(t, cfg)
}

type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func (p *pipes) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	client, server := net.Pipe()
	select {
	case p.conns <- server:
		return client, nil
	case <-p.closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { p.once.Do(func() { close(p.closed) }); return nil }
func (p *pipes) Addr() net.Addr { return &net.UnixAddr{} }

// a roundTrip plays an API without connections.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func response(status int, body string, header ...string) *http.Response {
	h := http.Header{}
	for i := 0; i < len(header); i += 2 {
		h.Set(header[i], header[i+1])
	}
	return &http.Response{StatusCode: status, Header: h, Body: io.NopCloser(strings.NewReader(body))}
}

func ask(c *Client) error { return askWith(context.Background(), c) }

func askWith(ctx context.Context, c *Client) error {
	return c.Attempts(ctx, attempt.Expired, testWindow, func(*Entry) error { return nil })
}

// wantKind checks an error's kind and status, and that its text names the request and no secret.
func wantKind(t *testing.T, err error, kind Kind, status int) *Error {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) || e.Kind != kind || KindOf(err) != kind || e.Status != status {
		t.Errorf("%v: kind %v, want %v with status %d", err, KindOf(err), kind, status)
		return &Error{}
	}
	if e.Account != "acme" || e.State != attempt.Expired {
		t.Errorf("%v: it is of account %s, state %s", err, e.Account, e.State)
	}
	for cause := err; cause != nil; cause = errors.Unwrap(cause) {
		if strings.Contains(cause.Error(), "SECRET") {
			t.Errorf("a secret in %q", cause)
		}
	}
	for _, part := range []string{"expired", "acme", "check", "IMOCHA_"} {
		if part == "check" && kind == Throttled {
			part = "lower"
		}
		if !strings.Contains(err.Error(), part) {
			t.Errorf("no %q in %q", part, err)
		}
	}
	return e
}
