package imocha

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"attemptstream/internal/attempt"
)

// FuzzRefusal answers with any status, headers and body: nothing of the body and of the headers is in the error, and no
// 429 holds an account back for longer than a day.
func FuzzRefusal(f *testing.F) {
	for _, status := range []int{200, 204, 301, 400, 401, 403, 404, 408, 418, 429, 500, 503, 599} {
		f.Add(status, "text/html; charset=utf-8", "<html>May, may@example.com</html>", "", "")
	}
	f.Add(401, "application/json", `{"result":null,"errors":["Date & time is not invalid or incorrect format"]}`, "", "")
	f.Add(401, "application/json", `{"result":null,"errors":["`+testKey+` is not a valid key"]}`, "", "")
	f.Add(401, "application/json", strings.Repeat(`{"errors":[`, 20_000), "", "")
	for _, after := range []string{"0", "1", "-1", "86400", "9223372036854775807", "18446744073709551616", "1e9", "NaN", "Fri, 31 Dec 9999 23:59:59 GMT", "Thu, 01 Jan 1970 00:00:00 GMT"} {
		f.Add(429, "", "", after, "")
		f.Add(429, "", "", after, "Fri, 31 Dec 1000 23:59:59 GMT")
	}
	const mark = "q7Zx9Kd" // that no text of ours has
	f.Fuzz(func(t *testing.T, status int, kind, body, after, date string) {
		now := time.Now()
		cfg := config("http://imocha.test")
		cfg.Transport = roundTrip(func(*http.Request) (*http.Response, error) {
			r := response(status, mark+body+mark)
			r.Header = http.Header{"Content-Type": {kind}, "Retry-After": {after}, "Date": {date}, "X-Request-Id": {mark}}
			return r, nil
		})
		c, err := New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		err = c.Attempts(context.Background(), attempt.Expired, testWindow, func(*Entry) error { return nil })
		var e *Error
		if !errors.As(err, &e) || e.Kind.String() == "other" || e.Status != status {
			t.Fatalf("status %d: %T %v", status, err, err)
		}
		for cause := err; cause != nil; cause = errors.Unwrap(cause) {
			if said := cause.Error(); strings.Contains(said, mark) || strings.Contains(said, testKey) || len(said) > 1000 {
				t.Fatalf("status %d, kind %q: %q", status, kind, said)
			}
		}
		if e.Kind == Throttled && (e.Until.Before(now) || e.Until.After(now.Add(longestRetryAfter+time.Minute))) {
			t.Fatalf("Retry-After %q, Date %q: nothing is asked before %s", after, date, e.Until)
		}
	})
}
