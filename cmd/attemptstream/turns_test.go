package main

import (
	"context"
	"errors"
	"io"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// slow is an API that takes so long for an answer, and notes how many requests it has under way, and had at most.
type slow struct {
	answer time.Duration

	mu        sync.Mutex
	now, most int
}

func (s *slow) RoundTrip(r *http.Request) (*http.Response, error) {
	s.count(1)
	defer s.count(-1)
	select {
	case <-time.After(s.answer):
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
	if r.URL.Path == "/broken" {
		return nil, errors.New("reset")
	}
	return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader("answer"))}, nil
}

func (s *slow) count(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now += n
	s.most = max(s.most, s.now)
}

func (s *slow) ask(ctx context.Context, t http.RoundTripper, path string) (io.ReadCloser, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://imocha.test"+path, http.NoBody)
	if err != nil {
		return nil, err
	}
	resp, err := t.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	return resp.Body, nil
}

// Of a thousand accounts' requests some hundreds are under way at once, and none of them gets lost. It does not matter whether
// they fail.
func TestTurns(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"/", "/broken"} {
		synctest.Test(t, func(t *testing.T) {
			api := &slow{answer: 100 * time.Millisecond}
			turns, most := takeTurns(api), 128*runtime.GOMAXPROCS(0)
			var all sync.WaitGroup
			var answers atomic.Int64
			for range 10 * most {
				all.Go(func() {
					body, err := api.ask(t.Context(), turns, path)
					if (err != nil) != (path == "/broken") {
						t.Error(err)
					}
					if err != nil {
						return
					}
					if text, err := io.ReadAll(body); err != nil || string(text) != "answer" || body.Close() != nil {
						t.Errorf("%s %v", text, err)
					}
					answers.Add(1)
				})
			}
			began := time.Now()
			all.Wait()
			if took := time.Since(began); api.most != most || took != time.Second {
				t.Errorf("%s: %d at once, in %s; want %d and 1s", path, api.most, took, most)
			}
			if path == "/" && int(answers.Load()) != 10*most {
				t.Errorf("%d answers, want %d", answers.Load(), 10*most)
			}
		})
	}
}

// A turn lasts as long as its answer is read.
func TestTurnWhileAnswerIsRead(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		api := &slow{}
		turns := takeTurns(api)
		var bodies []io.ReadCloser
		for range turnsPerProcessor * runtime.GOMAXPROCS(0) {
			body, err := api.ask(t.Context(), turns, "/")
			if err != nil {
				t.Fatal(err)
			}
			bodies = append(bodies, body)
		}
		began := time.Now()
		go func() {
			time.Sleep(time.Millisecond)
			_ = bodies[0].Close()
		}()
		if _, err := api.ask(t.Context(), turns, "/"); err != nil || time.Since(began) != time.Millisecond {
			t.Errorf("after %s: %v; want it when another's answer was read", time.Since(began), err)
		}
	})
}

// What hangs for some accounts keeps the others waiting for no longer than a moment, and those that wait can give up.
func TestTurnsBesideHangingRequests(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		hanging, live := &slow{answer: time.Hour}, &slow{}
		crowd := takeTurns(hanging)
		ctx, cancel := context.WithCancel(t.Context())
		var all sync.WaitGroup
		defer all.Wait()
		defer cancel()
		for range turnsPerProcessor * runtime.GOMAXPROCS(0) {
			all.Go(func() { _, _ = hanging.ask(ctx, crowd, "/") }) // it ends with ctx
		}
		synctest.Wait()
		began := time.Now()
		impatient, stop := context.WithTimeoutCause(t.Context(), 10*time.Millisecond, io.ErrNoProgress)
		defer stop()
		if _, err := live.ask(impatient, crowd, "/"); !errors.Is(err, io.ErrNoProgress) || time.Since(began) != 10*time.Millisecond {
			t.Errorf("it gave up after %s: %v", time.Since(began), err)
		}
		if _, err := live.ask(t.Context(), &turns{live, crowd.gate}, "/"); err != nil || time.Since(began) > time.Second {
			t.Errorf("its turn came after %s: %v", time.Since(began), err)
		}
	})
}
