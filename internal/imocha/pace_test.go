package imocha

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"attemptstream/internal/attempt"
)

// play is a client of an API without connections; reply gets the number of the request, from 0, and its time.
func play(t *testing.T, cfg Config, reply func(n int, at time.Time) *http.Response) *Client {
	t.Helper()
	var mu sync.Mutex
	n := 0
	cfg.Transport = roundTrip(func(*http.Request) (*http.Response, error) {
		mu.Lock()
		defer mu.Unlock()
		n++
		return reply(n-1, time.Now()), nil
	})
	return newClient(t, cfg)
}

func TestRateLimit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		cfg := config("http://imocha.test")
		cfg.RateLimit, cfg.Concurrency = 5, 100
		start := time.Now()
		var sent []time.Duration
		c := play(t, cfg, func(_ int, at time.Time) *http.Response {
			sent = append(sent, at.Sub(start))
			return response(200, golden)
		})
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() {
				if err := ask(c); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		for i := range sent {
			latest := time.Duration(i) * 200 * time.Millisecond
			if i < 3 { // those of a poll
				latest = 0
			}
			if sent[i] > latest+time.Millisecond {
				t.Errorf("request %d was sent after %s, want %s at most", i, sent[i], latest)
			}
			if i >= 5 && sent[i]-sent[i-5] < time.Second {
				t.Errorf("six requests were sent within %s", sent[i]-sent[i-5])
			}
		}
	})
}

// A key that is refused costs a second request, which counts as one.
func TestRateLimitCountsTheSecondKey(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		cfg := config("http://imocha.test")
		cfg.RateLimit = 0.1
		keys := 0
		cfg.Key = keyFunc(func() (string, error) { keys++; return fmt.Sprint("SECRET", keys), nil })
		start := time.Now()
		var sent []time.Duration
		c := play(t, cfg, func(n int, at time.Time) *http.Response {
			sent = append(sent, at.Sub(start))
			return response([]int{403, 200}[n], golden)
		})
		if err := ask(c); err != nil {
			t.Error(err)
		}
		if len(sent) != 2 || sent[1] < 10*time.Second {
			t.Errorf("sent after %v", sent)
		}
	})
}

func TestConcurrency(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		cfg := config("")
		cfg.Concurrency = 3
		var mu sync.Mutex
		now, most := 0, 0
		c := servePipes(t, cfg, func(w http.ResponseWriter, r *http.Request) {
			mu.Lock()
			now++
			most = max(most, now)
			mu.Unlock()
			_, _ = io.WriteString(w, golden[:50]) // under way is until its end, not until its headers
			_ = http.NewResponseController(w).Flush()
			time.Sleep(time.Second)
			mu.Lock()
			now--
			mu.Unlock()
			_, _ = io.WriteString(w, golden[50:])
		})
		start := time.Now()
		var wg sync.WaitGroup
		for range 12 {
			wg.Go(func() {
				if err := ask(c); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if took := time.Since(start).Truncate(time.Millisecond); most != 3 || took != 4*time.Second {
			t.Errorf("%d at once, %s in all; want 3 and 4s", most, took)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 0)
		defer cancel()
		if err := askWith(ctx, c); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
	})
}

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		header []string // now is 2000-01-01T00:00:00Z in the bubble
		want   time.Duration
	}{
		"seconds":                {[]string{"Retry-After", "120"}, 120 * time.Second},
		"a date":                 {[]string{"Retry-After", "Sat, 01 Jan 2000 00:05:00 GMT"}, 5 * time.Minute},
		"a date of its clock":    {[]string{"Retry-After", "Sat, 01 Jan 2005 00:05:00 GMT", "Date", "Sat, 01 Jan 2005 00:04:20 GMT"}, 40 * time.Second},
		"too far away":           {[]string{"Retry-After", "Sat, 01 Jan 2100 00:00:00 GMT"}, 24 * time.Hour},
		"too many seconds":       {[]string{"Retry-After", "9223372036854775807"}, 24 * time.Hour},
		"nothing":                {nil, 0},
		"zero":                   {[]string{"Retry-After", "0"}, 0},
		"negative":               {[]string{"Retry-After", "-5"}, 0},
		"more than any number":   {[]string{"Retry-After", "99999999999999999999"}, 0},
		"a date that has passed": {[]string{"Retry-After", "Fri, 31 Dec 1999 23:00:00 GMT"}, 0},
		"nonsense":               {[]string{"Retry-After", "SECRET"}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var sent []time.Time
				c := play(t, config("http://imocha.test"), func(n int, at time.Time) *http.Response {
					sent = append(sent, at)
					if n == 0 {
						return response(429, "SECRET", test.header...)
					}
					return response(200, golden)
				})
				start := time.Now()
				e := wantKind(t, ask(c), Throttled, 429)
				wait := e.Until.Sub(start)
				if test.want != 0 && wait != test.want || test.want == 0 && (wait <= 0 || wait > firstBackOff+time.Millisecond) {
					t.Errorf("until %s from now, want %s", wait, test.want)
				}
				var wg sync.WaitGroup
				for range 3 {
					wg.Go(func() {
						if err := ask(c); err != nil {
							t.Error(err)
						}
					})
				}
				wg.Wait()
				for _, at := range sent[1:] {
					if at.Before(e.Until) {
						t.Errorf("a request was sent %s too early", e.Until.Sub(at))
					}
				}
			})
		})
	}
}

// What was waiting for its turn when the 429 came waits for its end too, and gives up with its context.
func TestThrottledWhileWaiting(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		cfg := config("http://imocha.test")
		cfg.RateLimit, cfg.Concurrency = 1, 10
		start := time.Now()
		var sent []time.Duration
		c := play(t, cfg, func(n int, at time.Time) *http.Response {
			sent = append(sent, at.Sub(start))
			if n == 0 {
				time.Sleep(500 * time.Millisecond) // until all others wait for their turns
				return response(429, "", "Retry-After", "60")
			}
			return response(200, golden)
		})
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		failed := map[Kind]int{}
		var mu sync.Mutex
		var wg sync.WaitGroup
		for i := range 6 {
			wg.Go(func() {
				ctx := ctx
				if i%2 == 0 {
					ctx = t.Context()
				}
				err := askWith(ctx, c)
				mu.Lock()
				defer mu.Unlock()
				if err != nil && KindOf(err) != Throttled && (!errors.Is(err, context.DeadlineExceeded) || time.Since(start) != 30*time.Second) {
					t.Errorf("after %s: %v", time.Since(start), err)
				}
				if err != nil {
					failed[KindOf(err)]++
				}
			})
		}
		wg.Wait()
		if failed[Throttled] != 1 || failed[0]+failed[Throttled]+len(sent) != 7 {
			t.Errorf("failed %v, sent %v", failed, sent)
		}
		last := 60 * time.Second
		for _, at := range sent[1:] {
			if at < last {
				t.Errorf("sent after %s, want %s", at, last)
			}
			last = at + time.Second
		}
	})
}

// The back-off doubles up to a minute, is spread over all of it, and starts anew after a success.
func TestBackOff(t *testing.T) {
	t.Parallel()
	const rounds = 200
	var longest [9]time.Duration
	for range rounds {
		p := newPace(1, 1)
		now := time.Unix(0, 0)
		for i := range longest {
			until := p.throttle(i, http.Header{}, now)
			longest[i] = max(longest[i], until.Sub(now))
			now = until
		}
		p.succeed(len(longest) - 1) // an older request
		if until := p.throttle(len(longest), http.Header{}, now); p.throttled != len(longest)+1 || until.Before(now) {
			t.Fatalf("an old success counted: %d", p.throttled)
		}
		p.succeed(len(longest) + 1)
		if now = now.Add(time.Hour); p.throttle(len(longest)+1, http.Header{}, now).Sub(now) > firstBackOff+time.Millisecond {
			t.Fatal("a success did not count")
		}
	}
	for i, got := range longest {
		if limit := min(firstBackOff<<i, lastBackOff); got > limit+time.Millisecond || got < limit*3/4 {
			t.Errorf("throttled %d times: at most %s, want nearly %s", i+1, got, limit)
		}
	}
}

// Any answer but a 429 is a success in this respect.
func TestBackOffStartsAnew(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		statuses := []int{429, 429, 429, 500, 429}
		c := play(t, config("http://imocha.test"), func(n int, _ time.Time) *http.Response { return response(statuses[n], "") })
		for i, want := range []int{1, 2, 3, 0, 1} {
			if err := ask(c); KindOf(err) == Throttled != (statuses[i] == 429) || c.pace.throttled != want {
				t.Errorf("request %d: %v, %d in a row", i, err, c.pace.throttled)
			}
		}
	})
}

// Requests that were under way together are throttled once, not once each.
func TestThrottledTogether(t *testing.T) {
	t.Parallel()
	p, now := newPace(1, 4), time.Unix(0, 0)
	var last time.Time
	for range 4 {
		until := p.throttle(0, http.Header{}, now)
		if until.Before(last) {
			t.Error("the time went back")
		}
		last = until
	}
	if p.throttled != 1 {
		t.Errorf("counted %d times", p.throttled)
	}
	if until := p.throttle(0, http.Header{"Retry-After": {"300"}}, now); until != now.Add(300*time.Second) {
		t.Errorf("until %s", until)
	}
	if until := p.throttle(0, http.Header{"Retry-After": {"3"}}, now); until != now.Add(300*time.Second) {
		t.Errorf("a later answer shortened the wait: until %s", until)
	}
	if later := now.Add(time.Hour); !p.throttle(0, http.Header{}, later).After(later) {
		t.Error("a late 429 asked for no wait at all")
	}
}

func TestTimeouts(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		handler http.HandlerFunc
		want    time.Duration
		status  int
		kind    Kind
	}{
		"no headers":      {func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, 30 * time.Second, 0, Unavailable},
		"pause in a body": {paused(3, 20*time.Second), 90 * time.Second, 200, Unavailable},
		"pause at its end": {func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, golden)
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		}, 30 * time.Second, 200, Unavailable},
		"pause in a failure's body": {func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(503)
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		}, time.Second, 503, Unavailable},
		"pause in a refusal's body": {func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(401)
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		}, 30 * time.Second, 401, Unauthorized},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := servePipes(t, config(""), test.handler)
				start := time.Now()
				e := wantKind(t, ask(c), test.kind, test.status)
				if time.Since(start) != test.want {
					t.Errorf("after %s, want %s", time.Since(start), test.want)
				}
				if test.want >= 30*time.Second && test.kind == Unavailable && (!strings.Contains(e.Error(), "IMOCHA_REQUEST_TIMEOUT") || !strings.Contains(e.Error(), "30s")) {
					t.Errorf("%v", e)
				}
			})
		})
	}
	t.Run("no connection", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			cfg := config("http://imocha.test")
			cfg.Transport = roundTrip(func(r *http.Request) (*http.Response, error) {
				<-r.Context().Done()
				return nil, r.Context().Err() // context.Canceled, although nobody cancelled
			})
			if e := wantKind(t, ask(newClient(t, cfg)), Unavailable, 0); !strings.Contains(e.Error(), "IMOCHA_REQUEST_TIMEOUT") {
				t.Errorf("%v", e)
			}
		})
	})
}

// paused is an answer that goes on n times after a pause, and then no more.
func paused(n int, pause time.Duration) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, `{"result":{"testAttempts":[1`)
		for range n {
			_ = http.NewResponseController(w).Flush()
			time.Sleep(pause)
			_, _ = io.WriteString(w, `,1`)
		}
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	}
}

// However long an answer takes, it is not cut while it goes on; and the time in which it is worked on is not its own.
func TestSlowButFlowing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := servePipes(t, config(""), func(w http.ResponseWriter, r *http.Request) {
			for _, part := range strings.SplitAfter(golden, ",") {
				time.Sleep(29 * time.Second)
				_, _ = io.WriteString(w, part)
				_ = http.NewResponseController(w).Flush()
			}
		})
		start := time.Now()
		err := c.Attempts(t.Context(), attempt.Expired, testWindow, func(*Entry) error {
			time.Sleep(time.Hour)
			return nil
		})
		if err != nil || time.Since(start) < time.Hour+2*time.Minute {
			t.Errorf("after %s: %v", time.Since(start), err)
		}
	})
}
