package imocha

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"attemptstream/internal/attempt"
)

// An answer whose date says that its window has not passed is no answer: what is still to happen cannot be in it.
func TestEarly(t *testing.T) {
	t.Parallel()
	end := testWindow.End.Time()
	for name, c := range map[string]struct {
		date  string
		early bool
	}{
		"no date":         {"", false},
		"no time":         {"yesterday", false},
		"later":           {end.Add(time.Hour).Format(http.TimeFormat), false},
		"the same second": {end.Format(http.TimeFormat), false},
		"earlier":         {end.Add(-time.Second).Format(http.TimeFormat), true},
		"years earlier":   {"Thu, 01 Jan 1970 00:00:00 GMT", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header()["Date"] = nil
				if c.date != "" {
					w.Header().Set("Date", c.date)
				}
				_, _ = w.Write([]byte(`{"result":{"testAttempts":[{"testInvitationId":1,"testStatus":"Expired"}]},"errors":null}`))
			})
			entries := 0
			err := client.Attempts(t.Context(), attempt.Expired, testWindow, func(*Entry) error { entries++; return nil })
			if !c.early {
				if err != nil || entries != 1 {
					t.Errorf("%d entries, %v", entries, err)
				}
				return
			}
			var e *Error
			if !errors.As(err, &e) || e.Kind != Early || e.Reached.Format(http.TimeFormat) != c.date || entries != 0 {
				t.Fatalf("%d entries, %v", entries, err)
			}
			if text := err.Error(); !strings.Contains(text, "clock is ahead") || !strings.Contains(text, "time synchronization") {
				t.Errorf("it says %s", text)
			}
		})
	}
	// What is wrong with a request counts before the clock.
	client := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Date", "Thu, 01 Jan 1970 00:00:00 GMT")
		w.WriteHeader(http.StatusForbidden)
	})
	if err := client.Attempts(t.Context(), attempt.Expired, testWindow, func(*Entry) error { return nil }); KindOf(err) != Unauthorized {
		t.Errorf("a key that is refused: %v", err)
	}
}
