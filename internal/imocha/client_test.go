package imocha

import (
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net/http"
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
