package imochasim_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"attemptstream/internal/attempt"
	"attemptstream/internal/imochasim"
)

// outcome is what a plain client makes of an answer.
type outcome struct {
	status  int
	header  http.Header
	body    string
	length  int64
	chunked bool
	err     error // of the request, or of reading the body
}

func post(ctx context.Context, url string) (o outcome) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url+imochasim.Path+"?state=completed", strings.NewReader(body(at(0), at(3600))))
	if err != nil {
		return outcome{err: err}
	}
	r.Header.Set("X-API-KEY", "key")
	r.Header.Set("Content-Type", "application/json")
	answer, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(r)
	if err != nil {
		return outcome{err: err}
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	return outcome{answer.StatusCode, answer.Header, string(text), answer.ContentLength, slices.Contains(answer.TransferEncoding, "chunked"), err}
}

// Every fault does to a plain client what it says.
func TestFaults(t *testing.T) {
	t.Parallel()
	now := epoch.Add(24 * time.Hour).Add(300 * time.Millisecond)
	const body1 = `{"result":{"testAttempts":[{"testInvitationId":1,`
	is := func(status int, text string) func(o outcome) bool {
		return func(o outcome) bool { return o.err == nil && o.status == status && strings.Contains(o.body, text) }
	}
	cut := func(o outcome) bool {
		return errors.Is(o.err, io.ErrUnexpectedEOF) && o.status == 200 && strings.HasPrefix(o.body, body1) && !json.Valid([]byte(o.body))
	}
	tests := map[imochasim.FaultKind]func(o outcome) bool{
		imochasim.TooMany: func(o outcome) bool { return is(429, `"result":null`)(o) && o.header.Get("Retry-After") == "8" },
		imochasim.TooManyDate: func(o outcome) bool {
			when, err := http.ParseTime(o.header.Get("Retry-After"))
			return is(429, "")(o) && err == nil && when.Equal(epoch.Add(24*time.Hour+9*time.Second))
		},
		imochasim.TooManyBare:    func(o outcome) bool { return is(429, "")(o) && o.header.Get("Retry-After") == "" },
		imochasim.Internal:       is(500, "errors"),
		imochasim.BadGateway:     is(502, "<html>"),
		imochasim.Unavailable:    is(503, ""),
		imochasim.GatewayTimeout: is(504, ""),
		imochasim.Reset:          func(o outcome) bool { return o.status == 0 && errors.Is(o.err, syscall.ECONNRESET) },
		imochasim.Hang:           is(504, ""),
		imochasim.CutLength:      func(o outcome) bool { return cut(o) && o.length > int64(len(o.body)) && !o.chunked },
		imochasim.CutChunked:     func(o outcome) bool { return cut(o) && o.chunked },
		imochasim.HTML: func(o outcome) bool {
			return is(200, "<!DOCTYPE html>")(o) && strings.HasPrefix(o.header.Get("Content-Type"), "text/html")
		},
		imochasim.Errors:         is(200, `{"result":null,"errors":["`),
		imochasim.NoResult:       is(200, `{"errors":null}`),
		imochasim.ResultString:   is(200, `{"result":"`),
		imochasim.AttemptsObject: is(200, `"testAttempts":{`),
		imochasim.NullAttempts:   is(200, `"testAttempts":null`),
		imochasim.Empty:          func(o outcome) bool { return is(200, "")(o) && o.body == "" },
		imochasim.Trailing:       func(o outcome) bool { return is(200, body1)(o) && !json.Valid([]byte(o.body)) },
		imochasim.Halved: func(o outcome) bool {
			return is(200, body1)(o) && !json.Valid([]byte(o.body)) && o.length == int64(len(o.body))
		},
		imochasim.KeyRefused: is(401, "API key"),
		imochasim.BadDate:    is(401, imochasim.InvalidDate),
		imochasim.Forbidden:  is(403, "permission"),
		imochasim.BadRequest: is(400, "errors"),
		imochasim.NotFound:   is(404, "errors"),
		"no such fault":      is(501, "no such fault"),
	}
	for _, kind := range append(imochasim.PassingKinds(), imochasim.LastingKinds()...) {
		if tests[kind] == nil {
			t.Errorf("%s is not tested", kind)
		}
	}
	for kind, check := range tests {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			s := newSimulator(t, imochasim.Config{
				Now: (&clock{now: now}).Now,
				Faults: imochasim.Faults{RetryAfter: 7*time.Second + 1, HangFor: time.Millisecond, Script: func(n int, r imochasim.Request) imochasim.Fault {
					if n == 1 && r.State == attempt.Completed && r.Account == "default" && r.Start == attempt.InstantOf(at(0)) && r.End == attempt.InstantOf(at(3600)) {
						return imochasim.Fault{Kind: kind}
					}
					return imochasim.Fault{}
				}},
			})
			for i := range 100 {
				add(t, s, imochasim.Change{ID: int64(i + 1), Status: "Completed", At: at(float64(i))})
			}
			server := httptest.NewServer(s)
			defer server.Close()
			if o := post(t.Context(), server.URL); !check(o) {
				t.Errorf("%+v", o)
			}
			if o := post(t.Context(), server.URL); o.err != nil || o.status != 200 || !json.Valid([]byte(o.body)) {
				t.Errorf("after the fault: %+v", o)
			}
			if got := s.Stats().Requests; got["fault: "+string(kind)] != 1 || got["ok"] != 1 || s.Requests() != 2 {
				t.Errorf("stats %v", got)
			}
		})
	}
}

func TestHangEndsWithTheClient(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	s := newSimulator(t, imochasim.Config{Faults: imochasim.Faults{HangFor: time.Hour, Script: func(int, imochasim.Request) imochasim.Fault {
		cancel()
		return imochasim.Fault{Kind: imochasim.Hang}
	}}})
	server := httptest.NewServer(s)
	defer server.Close() // waits for the handler
	if o := post(ctx, server.URL); !errors.Is(o.err, context.Canceled) {
		t.Errorf("%+v", o)
	}
}

// A long answer comes in chunks and whole; a short one with its length.
func TestLongAnswers(t *testing.T) {
	t.Parallel()
	s := newSimulator(t, imochasim.Config{})
	server := httptest.NewServer(s)
	defer server.Close()
	if o := post(t.Context(), server.URL); o.err != nil || o.chunked || o.length != int64(len(o.body)) {
		t.Errorf("%+v", o)
	}
	var changes []imochasim.Change
	for i := range 30_000 {
		changes = append(changes, imochasim.Change{ID: int64(i), Status: "Completed", At: at(float64(i) / 10), Name: strings.Repeat("x", i%97)})
	}
	add(t, s, changes...)
	o := post(t.Context(), server.URL)
	if o.err != nil || !o.chunked || strings.Count(o.body, "testStatus") != 30_000 || !json.Valid([]byte(o.body)) {
		t.Errorf("status %d, error %v, %d bytes", o.status, o.err, len(o.body))
	}
}

func TestOutagesAndPoisonedSeconds(t *testing.T) {
	t.Parallel()
	now := &clock{}
	code := func(s http.Handler, state attempt.State, start, end float64) int {
		w := httptest.NewRecorder()
		s.ServeHTTP(w, request(state, at(start), at(end)))
		return w.Code
	}
	s := newSimulator(t, imochasim.Config{Now: now.Now, Faults: imochasim.Faults{Outages: []imochasim.Outage{
		{State: attempt.Expired, From: at(100), To: at(200)}, {Account: "other", From: at(0), To: at(1000)}}}})
	for _, test := range []struct {
		now   float64
		state attempt.State
		want  int
	}{{99, attempt.Expired, 200}, {100, attempt.Expired, 503}, {100, attempt.Completed, 200}, {199.9, attempt.Expired, 503}, {200, attempt.Expired, 200}} {
		now.Set(at(test.now))
		if got := code(s, test.state, 0, 9); got != test.want {
			t.Errorf("%s at %v: %d, want %d", test.state, test.now, got, test.want)
		}
	}
	for boundary, want := range map[imochasim.Boundary][]int{
		imochasim.Inclusive: {500, 500, 500, 200}, imochasim.ExclusiveEnd: {200, 500, 500, 200},
		imochasim.ExclusiveStart: {500, 200, 500, 200}, imochasim.Exclusive: {200, 200, 500, 200},
	} {
		s := newSimulator(t, imochasim.Config{Boundary: boundary})
		if err := s.SetFaults(imochasim.Faults{Poisoned: []imochasim.Poisoned{{State: attempt.Expired, Second: attempt.InstantOf(at(10))}}}); err != nil {
			t.Fatal(err)
		}
		got := []int{code(s, attempt.Expired, 8, 10), code(s, attempt.Expired, 10, 12), code(s, attempt.Expired, 9, 11), code(s, attempt.Completed, 9, 11)}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", boundary, got, want)
		}
	}
}

// Rates are met, and the same seed makes the same faults.
func TestFaultRates(t *testing.T) {
	t.Parallel()
	run := func(seed uint64, f imochasim.Faults) (map[string]int64, string) {
		f.HangFor = 1
		s := newSimulator(t, imochasim.Config{Seed: seed, Faults: f})
		var codes strings.Builder
		for range 2000 {
			w := httptest.NewRecorder()
			func() {
				defer func() { _ = recover() }() // a cut answer ends the handler
				s.ServeHTTP(w, request(attempt.Expired, at(0), at(1)))
			}()
			fmt.Fprint(&codes, w.Code, w.Body.Len(), " ")
		}
		return s.Stats().Requests, codes.String()
	}
	got, codes := run(1, imochasim.EveryFault(.5))
	kinds := append(imochasim.PassingKinds(), imochasim.LastingKinds()...)
	for _, k := range kinds {
		if n := got["fault: "+string(k)]; n < 15 || n > 75 {
			t.Errorf("%s: %d times, want about 40", k, n)
		}
	}
	if got["ok"] < 900 || got["ok"] > 1100 {
		t.Errorf("%d good answers, want about 1000", got["ok"])
	}
	if _, again := run(1, imochasim.EveryFault(.5)); again != codes {
		t.Error("the same seed makes other faults")
	}
	if _, other := run(2, imochasim.EveryFault(.5)); other == codes {
		t.Error("another seed makes the same faults")
	}
	got, _ = run(1, imochasim.PassingFaults(1))
	if got["ok"] != 0 || got["fault: "+string(imochasim.KeyRefused)] != 0 {
		t.Errorf("%v", got)
	}
}

func TestLatency(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSimulator(t, imochasim.Config{Latency: imochasim.Latency{Fixed: time.Hour, Random: time.Minute}})
		began := time.Now()
		ask(t, s, attempt.Expired, at(0), at(1))
		if d := time.Since(began); d < time.Hour || d >= time.Hour+time.Minute {
			t.Errorf("an answer after %s", d)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		w := httptest.NewRecorder()
		s.ServeHTTP(w, request(attempt.Expired, at(0), at(1)).WithContext(ctx))
		if w.Body.Len() != 0 || s.Stats().Requests["client gone"] != 1 {
			t.Errorf("%v, %s", s.Stats(), w.Body)
		}
	})
}
