package main

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"attemptstream/internal/admin"
	"attemptstream/internal/worker"
)

// pipes is a network without one: in a synctest bubble, its time is the bubble's.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
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

// A client that sends or reads too slowly, or sends too much, is cut off by the settings that our servers really have.
func TestSlowClients(t *testing.T) {
	t.Parallel()
	endless := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			return
		}
		for {
			if _, err := w.Write(make([]byte, 32<<10)); err != nil {
				return
			}
		}
	})
	short := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok") })
	page := admin.New(admin.Config{Progress: func() []worker.Progress { return nil }})
	const minute = time.Minute
	for name, c := range map[string]struct {
		handler http.Handler
		longest time.Duration
		sends   []string // one after another, a second apart
		reads   bool
		within  time.Duration
		answer  string
	}{
		"nothing at all":              {short, 0, nil, false, 5 * time.Second, ""},
		"a header that never ends":    {short, 0, []string{"GET / HTTP/1.1\r\nHost: x\r\n"}, true, 5 * time.Second, ""},
		"a header a byte at a time":   {short, 0, strings.Split("GET / HTTP/1.1\r\nHost: x\r\n\r\n", ""), true, 6 * time.Second, ""},
		"a body that never ends":      {endless, 0, []string{"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nx"}, true, 11 * time.Second, ""},
		"an answer that is not read":  {endless, 0, []string{"GET / HTTP/1.1\r\nHost: x\r\n\r\n"}, false, minute + time.Second, ""},
		"the same where it may take":  {endless, 3 * minute, []string{"GET / HTTP/1.1\r\nHost: x\r\n\r\n"}, false, 3*minute + time.Second, ""},
		"nothing after an answer":     {short, 0, []string{"GET / HTTP/1.1\r\nHost: x\r\n\r\n"}, true, 2*minute + time.Second, "200"},
		"a page that is not read":     {page, 0, []string{"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n"}, false, 11 * time.Second, ""},
		"a header larger than 64 KiB": {short, 0, []string{"GET / HTTP/1.1\r\nHost: x\r\nX: " + strings.Repeat("x", 70<<10) + "\r\n\r\n"}, true, 2 * time.Second, "431"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				ctx, stop := context.WithCancel(t.Context())
				ln := &pipes{conns: make(chan net.Conn), closed: make(chan struct{})}
				ended := make(chan error)
				go func() { ended <- serve(ctx, ln, c.handler, c.longest) }()
				client, server := net.Pipe()
				cut := &watched{Conn: server, closed: make(chan struct{})}
				ln.conns <- cut
				began := time.Now()
				answer := make(chan string, 1)
				var beside sync.WaitGroup
				if c.reads {
					beside.Go(func() {
						line, _ := bufio.NewReader(client).ReadString('\n')
						answer <- line
						_, _ = io.Copy(io.Discard, client)
					})
				}
				beside.Go(func() {
					for i, text := range c.sends {
						if i > 0 {
							time.Sleep(time.Second)
						}
						if _, err := io.WriteString(client, text); err != nil {
							return
						}
					}
				})
				select {
				case <-cut.closed:
				case <-time.After(time.Hour):
					t.Error("it is never cut off")
				}
				if took := time.Since(began); took > c.within {
					t.Errorf("cut off after %s, want %s", took, c.within)
				}
				_ = client.Close()
				if c.answer != "" {
					if line := <-answer; !strings.Contains(line, c.answer) {
						t.Errorf("the answer begins with %q, want %s", line, c.answer)
					}
				}
				beside.Wait()
				stop()
				if err := <-ended; err != nil && !errors.Is(err, http.ErrServerClosed) {
					t.Error(err)
				}
			})
		})
	}
}

// A page that is read stays open, and hears that the worker lives, for far longer than other answers may take.
func TestOpenPage(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		ln := &pipes{conns: make(chan net.Conn), closed: make(chan struct{})}
		ended := make(chan error)
		page := admin.New(admin.Config{Progress: func() []worker.Progress { return nil }})
		go func() { ended <- serve(ctx, ln, page, 0) }()
		client, server := net.Pipe()
		ln.conns <- server
		if _, err := io.WriteString(client, "GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		if err := client.SetReadDeadline(time.Now().Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
		heard := 0
		for lines := bufio.NewScanner(client); lines.Scan(); {
			if lines.Text() == "event: alive" {
				heard++
			}
		}
		if heard < 355 {
			t.Errorf("%d signs of life within an hour", heard)
		}
		_ = client.Close()
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// A watched connection tells when it is closed.
type watched struct {
	net.Conn
	once   sync.Once
	closed chan struct{}
}

func (w *watched) Close() error {
	w.once.Do(func() { close(w.closed) })
	return w.Conn.Close()
}
