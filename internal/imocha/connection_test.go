package imocha

import (
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
)

func TestBrokenConnections(t *testing.T) {
	t.Parallel()
	hijacked := func(reply string, reset bool) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			conn, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				panic(err)
			}
			_, _ = io.WriteString(conn, reply)
			if tcp, ok := conn.(interface{ SetLinger(int) error }); reset && ok {
				_, _ = io.ReadFull(r.Body, make([]byte, 1))
				_ = tcp.SetLinger(0)
			}
			_ = conn.Close()
		}
	}
	const ok = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
	for name, test := range map[string]struct {
		handler http.HandlerFunc
		want    Kind
		status  int
	}{
		"closed before an answer":   {hijacked("", false), Unavailable, 0},
		"closed in the headers":     {hijacked(ok, false), Unavailable, 0},
		"not HTTP":                  {hijacked("SECRET banner\r\n\r\n", false), Unavailable, 0},
		"a bad header":              {hijacked("HTTP/1.1 200 OK\r\nSECRET\r\n\r\n", false), Unavailable, 0},
		"shorter than its length":   {hijacked(ok+"Content-Length: 1000\r\n\r\n"+golden, false), Unreadable, 200},
		"chunks without an end":     {hijacked(ok+"Transfer-Encoding: chunked\r\n\r\n10\r\n"+golden[:16]+"\r\n", false), Unreadable, 200},
		"whole, chunks cut":         {hijacked(ok+"Transfer-Encoding: chunked\r\n\r\nb1\r\n"+golden+"\r\n", false), Unreadable, 200},
		"damaged chunks":            {hijacked(ok+"Transfer-Encoding: chunked\r\n\r\nSECRET", false), Unreadable, 200},
		"cut, ended by its close":   {hijacked(ok+"Connection: close\r\n\r\n"+golden[:100], false), Unreadable, 200},
		"not gzip":                  {hijacked(ok+"Content-Encoding: gzip\r\nConnection: close\r\n\r\nSECRET SECRET SECRET", false), Unreadable, 200},
		"reset in the middle":       {resetInTheMiddle, Unavailable, 200},
		"panic of the api's server": {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, Unavailable, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wantKind(t, ask(serve(t, test.handler)), test.want, test.status)
		})
	}
	t.Run("refused", func(t *testing.T) {
		t.Parallel()
		wantKind(t, ask(newClient(t, config("http://127.0.0.1:1"))), Unavailable, 0)
	})
	t.Run("no such host", func(t *testing.T) {
		t.Parallel()
		cfg := config("http://imocha.test")
		cfg.Transport = roundTrip(func(*http.Request) (*http.Response, error) {
			return nil, &net.OpError{Op: "dial", Err: &net.DNSError{Err: "no such host", Name: "imocha.test", IsNotFound: true}}
		})
		if e := wantKind(t, ask(newClient(t, cfg)), Unavailable, 0); !strings.Contains(e.Error(), "no such host") {
			t.Errorf("%v", e)
		}
	})
	t.Run("http behind https", func(t *testing.T) {
		t.Parallel()
		c := serve(t, func(http.ResponseWriter, *http.Request) {})
		cfg := c.config
		cfg.BaseURL = strings.Replace(cfg.BaseURL, "http:", "https:", 1)
		if e := wantKind(t, ask(newClient(t, cfg)), Unavailable, 0); !strings.Contains(e.Error(), "scheme") {
			t.Errorf("%v", e)
		}
	})
}

// resetInTheMiddle makes a TCP reset reach the client after a part of the answer has.
func resetInTheMiddle(w http.ResponseWriter, r *http.Request) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(err)
	}
	_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n"+golden[:30])
	_ = conn.(interface{ SetLinger(int) error }).SetLinger(0)
	_ = conn.Close()
}

// A connection serves request after request, whatever the answer, as long as it can be read to its end.
func TestConnectionsAreUsedAgain(t *testing.T) {
	t.Parallel()
	connections := map[string]int{}
	replies := []struct {
		status int
		body   string
	}{{200, golden}, {500, "oops"}, {200, "<html>"}, {401, `{"errors":[]}`}, {404, strings.Repeat("x", 10_000)}, {200, golden + strings.Repeat("x", 10_000)}}
	n := 0
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		connections[r.RemoteAddr]++
		w.WriteHeader(replies[n].status)
		_, _ = io.WriteString(w, replies[n].body)
	})
	for n = range replies {
		_ = ask(c)
	}
	if len(connections) != 1 {
		t.Errorf("%d connections for %d requests", len(connections), len(replies))
	}
}

// A server may close a connection just when it is used again.
func TestStaleConnections(t *testing.T) {
	t.Parallel()
	connections := map[string]int{}
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if connections[r.RemoteAddr]++; connections[r.RemoteAddr] > 1 {
			panic(http.ErrAbortHandler)
		}
		_, _ = io.WriteString(w, golden)
	})
	for range 3 {
		if err := ask(c); err != nil {
			t.Error(err)
		}
	}
	if len(connections) != 3 {
		t.Errorf("%d connections: none was used again", len(connections))
	}
}
