package imocha

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"attemptstream/internal/attempt"
)

func TestRequest(t *testing.T) {
	t.Parallel()
	for _, base := range []string{"", "/", "/proxy", "/proxy/"} {
		var got *http.Request
		var body []byte
		c := serve(t, func(w http.ResponseWriter, r *http.Request) {
			got = r
			body, _ = io.ReadAll(r.Body)
			_, _ = io.WriteString(w, golden)
		})
		cfg := c.config
		cfg.BaseURL += base
		c = newClient(t, cfg)
		if err := c.Attempts(t.Context(), attempt.Completed, testWindow, func(*Entry) error { return nil }); err != nil {
			t.Fatal(err)
		}
		if want := strings.TrimSuffix(base, "/") + "/v3/candidates/testattempts?state=completed"; got.Method != "POST" || got.RequestURI != want {
			t.Errorf("%s %s, want POST %s", got.Method, got.RequestURI, want)
		}
		if want := `{"StartDateTime":"2020-03-20T16:00:00Z","EndDateTime":"2020-06-20T16:00:00Z"}`; string(body) != want {
			t.Errorf("body %s", body)
		}
		for name, want := range map[string]string{"X-API-KEY": testKey, "Content-Type": "application/json", "Accept": "application/json",
			"User-Agent": "attemptstream", "Accept-Encoding": "gzip", "Idempotency-Key": ""} {
			if got.Header.Get(name) != want {
				t.Errorf("%s: %q, want %q", name, got.Header.Get(name), want)
			}
		}
	}
}

func TestStatuses(t *testing.T) {
	t.Parallel()
	const invalidDate = `{"result":null,"errors":["Date & time is not invalid or incorrect format"]}`
	for name, test := range map[string]struct {
		status int
		body   string
		want   Kind
	}{
		"bad key":           {401, `{"result":null,"errors":["SECRET key is invalid"]}`, Unauthorized},
		"expired key":       {401, `{"result":null,"errors":["API key is invalid since the given date"]}`, Unauthorized},
		"candidate":         {401, `{"errors":["cannot validate candidate: invalid request, please update"]}`, Unauthorized},
		"no complaint":      {401, `{"errors":["no access at this date and time"]}`, Unauthorized},
		"401 without body":  {401, ``, Unauthorized},
		"401 with html":     {401, `<html>invalid date format</html>`, Unauthorized},
		"401 with array":    {401, `["Date format invalid"]`, Unauthorized},
		"invalid date":      {401, invalidDate, Rejected},
		"escaped":           {401, `{"errors":["Date \u0026 time is not invalid or incorrect format"],"result":null}`, Rejected},
		"as a string":       {401, `{"errors":"StartDateTime has the wrong format"}`, Rejected},
		"403":               {403, invalidDate, Unauthorized},
		"400":               {400, `SECRET`, Rejected},
		"404":               {404, `SECRET`, Rejected},
		"405":               {405, ``, Rejected},
		"408":               {408, ``, Unavailable},
		"410":               {410, ``, Rejected},
		"429":               {429, `SECRET`, Throttled},
		"500":               {500, `SECRET`, Unavailable},
		"502":               {502, `<html>SECRET</html>`, Unavailable},
		"503":               {503, ``, Unavailable},
		"504":               {504, ``, Unavailable},
		"520":               {520, ``, Unavailable},
		"204":               {204, ``, Unreadable},
		"206":               {206, golden, Unreadable},
		"304":               {304, ``, Rejected},
		"html":              {200, `<!DOCTYPE html><html>SECRET</html>`, Unreadable},
		"errors":            {200, invalidDate, Unreadable},
		"errors and result": {200, `{"result":{"testAttempts":[]},"errors":["SECRET"]}`, Unreadable},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := serve(t, func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", "text/html; x=SECRET")
				w.WriteHeader(test.status)
				_, _ = io.WriteString(w, test.body)
			})
			e := wantKind(t, ask(c), test.want, test.status)
			if (e.Kind == Throttled) != !e.Until.IsZero() {
				t.Errorf("until %s", e.Until)
			}
			if e.Kind == Unreadable && test.body != "" && !strings.Contains(e.Error(), "text/html") {
				t.Errorf("no content type in %q", e)
			}
		})
	}
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	t.Parallel()
	var elsewhere atomic.Int32
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/SECRET") {
			elsewhere.Add(1)
		}
		http.Redirect(w, r, "/SECRET", http.StatusTemporaryRedirect)
	})
	if e := wantKind(t, ask(c), Rejected, 307); !strings.Contains(e.Error(), "IMOCHA_BASE_URL") {
		t.Errorf("%v", e)
	}
	if elsewhere.Load() != 0 {
		t.Error("the key went to another address")
	}
}

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

func TestGzip(t *testing.T) {
	t.Parallel()
	for cut, want := range map[int]bool{0: true, 1: false, 40: false} {
		c := serve(t, func(w http.ResponseWriter, r *http.Request) {
			var text strings.Builder
			z := gzip.NewWriter(&text)
			_, _ = io.WriteString(z, golden)
			_ = z.Close()
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = io.WriteString(w, text.String()[:text.Len()-cut])
		})
		var got []Entry
		err := c.Attempts(t.Context(), attempt.Expired, testWindow, collect(&got))
		if want && (err != nil || len(got) != 1 || got[0].Attempt.ID != 2655161) {
			t.Errorf("%v %+v", err, got)
		} else if !want {
			wantKind(t, err, Unreadable, 200)
		}
	}
}

func TestKeyIsReadAgainWhenRefused(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "key")
	write := func(text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var valid atomic.Value
	var asked []string
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		key := r.Header.Get("X-API-KEY")
		asked = append(asked, key)
		if key != valid.Load() {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		_, _ = io.WriteString(w, golden)
	})
	cfg := c.config
	cfg.Key = KeyFile(path)
	c = newClient(t, cfg)
	wantAsked := func(want ...string) {
		t.Helper()
		if !reflect.DeepEqual(asked, want) {
			t.Errorf("asked with %q, want %q", asked, want)
		}
		asked = nil
	}

	valid.Store("SECRET1")
	if e := wantKind(t, ask(c), Unauthorized, 0); !strings.Contains(e.Error(), path) || !errors.Is(e, os.ErrNotExist) {
		t.Errorf("no file: %v", e)
	}
	write(" \n")
	if e := wantKind(t, ask(c), Unauthorized, 0); !strings.Contains(e.Error(), path) {
		t.Errorf("an empty file: %v", e)
	}
	write("SECRET1\nSECRET2")
	if e := wantKind(t, ask(c), Unauthorized, 0); !strings.Contains(e.Error(), path) {
		t.Errorf("two lines: %v", e)
	}
	wantAsked()

	write("\t SECRET1 \r\n")
	if err := ask(c); err != nil {
		t.Error(err)
	}
	wantAsked("SECRET1")

	write("SECRET2") // not read while the first one serves
	if err := ask(c); err != nil {
		t.Error(err)
	}
	wantAsked("SECRET1")

	valid.Store("SECRET2")
	if err := ask(c); err != nil {
		t.Error(err)
	}
	wantAsked("SECRET1", "SECRET2")

	valid.Store("SECRET3") // the file still has the second one: no use to send it again
	wantKind(t, ask(c), Unauthorized, 401)
	wantAsked("SECRET2")

	write("SECRET4") // neither is this one good; once is enough
	wantKind(t, ask(c), Unauthorized, 401)
	wantAsked("SECRET2", "SECRET4")

	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if e := wantKind(t, ask(c), Unauthorized, 401); !strings.Contains(e.Error(), path) {
		t.Errorf("no file any more: %v", e)
	}
	wantAsked("SECRET4")

	write("SECRET3")
	if err := ask(c); err != nil {
		t.Error(err)
	}
	wantAsked("SECRET4", "SECRET3")
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

// An answer that nobody wants any more is not read to its end.
func TestEachStopsTheRequest(t *testing.T) {
	t.Parallel()
	gone := make(chan struct{})
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		defer close(gone)
		_, _ = io.Copy(w, repeated(sampleEntry, 1<<40))
	})
	enough := errors.New("enough")
	if err := c.Attempts(t.Context(), attempt.Expired, testWindow, func(*Entry) error { return enough }); err != enough {
		t.Fatalf("%v", err)
	}
	<-gone
}

func TestContextEnds(t *testing.T) {
	t.Parallel()
	for name, handler := range map[string]http.HandlerFunc{
		"before headers": func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		"in the body": func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, golden[:50])
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		},
		"in a failure's body": func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(401)
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			reached := make(chan struct{})
			c := serve(t, func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				close(reached)
				handler(w, r)
			})
			ctx, cancel := context.WithCancel(t.Context())
			go func() { <-reached; cancel() }()
			if err := askWith(ctx, c); !errors.Is(err, context.Canceled) || KindOf(err) != 0 {
				t.Errorf("%v", err)
			}
			if err := askWith(ctx, c); !errors.Is(err, context.Canceled) || KindOf(err) != 0 {
				t.Errorf("asked again: %v", err)
			}
			late, cancel := context.WithDeadline(t.Context(), time.Unix(0, 0))
			defer cancel()
			if err := askWith(late, c); !errors.Is(err, context.DeadlineExceeded) || KindOf(err) != 0 {
				t.Errorf("asked too late: %v", err)
			}
		})
	}
}

func TestSettingsDoNotPrintTheKey(t *testing.T) {
	t.Parallel()
	for _, format := range []string{"%v", "%+v", "%#v", "%s"} {
		if text := fmt.Sprintf(format, config("http://imocha.test")); strings.Contains(text, "SECRET") {
			t.Errorf("%s prints %s", format, text)
		}
	}
	for _, key := range []string{"", " \n", "SECRET\nSECRET", "SECRET\x00"} {
		if _, err := StaticKey(key).Key(); err == nil || strings.Contains(err.Error(), "SECRET") {
			t.Errorf("%q: %v", key, err)
		}
	}
	if key, err := StaticKey(" SECRET\n").Key(); key != "SECRET" || err != nil {
		t.Errorf("%q %v", key, err)
	}
}

func TestNewNamesEverythingThatIsWrong(t *testing.T) {
	t.Parallel()
	_, err := New(Config{BaseURL: "SECRET", Account: "a b"})
	if err == nil {
		t.Fatal("taken")
	}
	for _, part := range []string{"IMOCHA_BASE_URL", "account", "IMOCHA_API_KEY", "IMOCHA_REQUEST_TIMEOUT", "IMOCHA_RATE_LIMIT", "IMOCHA_CONCURRENCY"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("no %s in %q", part, err)
		}
	}
	for _, url := range []string{"", "SECRET", "ftp://SECRET", "https://", "https://u:SECRET@host", "https://host?SECRET", "https://host#SECRET", "https://[SECRET", "://"} {
		cfg := config(url)
		if _, err := New(cfg); err == nil || strings.Contains(err.Error(), "SECRET") {
			t.Errorf("%s: %v", url, err)
		}
	}
}
