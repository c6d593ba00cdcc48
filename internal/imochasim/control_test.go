package imochasim_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"attemptstream/internal/attempt"
	"attemptstream/internal/imochasim"
)

// Faults are switched on, in the ways that are asked for, and off again, and what was set otherwise stays.
func TestFaultsOnRequest(t *testing.T) {
	t.Parallel()
	s := newSimulator(t, imochasim.Config{Faults: imochasim.Faults{RetryAfter: 7 * time.Second}})
	put := func(query string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		s.ServeHTTP(w, httptest.NewRequest(http.MethodPut, "/faults"+query, nil))
		return w
	}
	answer := func() *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		s.ServeHTTP(w, request(attempt.Expired, at(0), at(60)))
		return w
	}
	if w := put("?share=1&kind=429+seconds&kind=429+seconds"); w.Code != http.StatusNoContent {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	for range 3 {
		if w := answer(); w.Code != http.StatusTooManyRequests || w.Header().Get("Retry-After") != "7" {
			t.Errorf("%d, retry after %s", w.Code, w.Header().Get("Retry-After"))
		}
	}
	if w := put("?share=1&kind=401+key"); w.Code != http.StatusNoContent || answer().Code != http.StatusUnauthorized {
		t.Errorf("a lasting fault: %d", w.Code)
	}
	for query, says := range map[string]string{"": "share", "?share=2": "0 to 1", "?share=NaN": "0 to 1", "?share=1&kind=418": `"500"`} {
		if w := put(query); w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), says) {
			t.Errorf("%q: %d %s", query, w.Code, w.Body)
		}
	}
	if w := put("?share=0"); w.Code != http.StatusNoContent || answer().Code != http.StatusOK {
		t.Errorf("without faults: %d", w.Code)
	}
	if got := s.Stats().Requests; got["fault: 429 seconds"] != 3 || got["fault: 401 key"] != 1 || got["ok"] != 1 {
		t.Errorf("stats: %v", got)
	}
}

// The date of an answer is by the clock by which things happen.
func TestDate(t *testing.T) {
	t.Parallel()
	s := newSimulator(t, imochasim.Config{})
	w := httptest.NewRecorder()
	s.ServeHTTP(w, request(attempt.Expired, at(0), at(60)))
	if want := epoch.Add(24 * time.Hour).Format(http.TimeFormat); w.Header().Get("Date") != want {
		t.Errorf("dated %s, want %s", w.Header().Get("Date"), want)
	}
}

// Nothing happens from the end of the lives on, whether they are made up at once or as time goes on.
func TestLivesEnd(t *testing.T) {
	t.Parallel()
	l := imochasim.DefaultLives(5)
	l.Until = epoch.Add(10 * time.Hour)
	whole := stream(t, l, epoch).Until(epoch.Add(30 * time.Hour))
	l.Until = time.Time{}
	want := stream(t, l, epoch).Until(epoch.Add(10 * time.Hour))
	if len(whole) == 0 || len(whole) != len(want) || !whole[len(whole)-1].At.Before(epoch.Add(10*time.Hour)) {
		t.Errorf("%d happenings, want %d", len(whole), len(want))
	}
}

// What happened while the process stood still for long was not there to be read in time, and so is shown late.
func TestRunThatStoodStill(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var jumped atomic.Int64
		clock := func() time.Time { return time.Now().Add(time.Duration(jumped.Load())) }
		s := newSimulator(t, imochasim.Config{Now: clock})
		l := imochasim.DefaultLives(5)
		l.Late, l.Speed = 0, 10
		ctx, cancel := context.WithCancel(t.Context())
		done, ready := make(chan error), make(chan struct{})
		go func() { done <- s.Run(ctx, "default", l, clock().Add(-time.Minute), func() { close(ready) }) }()
		<-ready
		stopped := clock()
		jumped.Store(int64(time.Hour))
		seen := clock()
		shown := len(ask(t, s, attempt.Expired, stopped, seen))
		time.Sleep(time.Minute)
		late := 0
		for _, e := range s.Ledger("default") {
			if e.State == attempt.Expired && !e.At.Before(stopped) && !e.At.After(seen) && e.Visible.After(seen) {
				late++
			}
			if e.Visible.After(e.At) && (e.At.Before(stopped.Add(9*time.Minute)) || !e.At.Before(seen.Add(15*time.Second))) {
				t.Errorf("%s, which it had planned, is shown at %s", e.At, e.Visible)
			}
		}
		if all := len(ask(t, s, attempt.Expired, stopped, seen)); late == 0 || shown+late != all {
			t.Errorf("%d were shown and %d late, of %d", shown, late, all)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}
