package attempt_test

import (
	"strings"
	"testing"

	"attemptstream/internal/attempt"
)

// FuzzInstant reads any text as an instant: what is taken can be written, and is read again as the same.
func FuzzInstant(f *testing.F) {
	for _, text := range []string{"2026-11-23T21:30:00Z", "2026-11-23T21:30:00.000+05:30", "0000-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59",
		"0000-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "2026-11-23", "2026-11-23T21:30:00.5Z", "2026-02-30T00:00:00Z", ""} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var i, again attempt.Instant
		if err := i.UnmarshalText([]byte(text)); err != nil {
			if !strings.Contains(err.Error(), "want ") || len(err.Error()) > 600 {
				t.Fatalf("error %v", err)
			}
			return
		}
		written, err := i.MarshalText()
		if err == nil {
			err = again.UnmarshalText(written)
		}
		if err != nil || again != i || i.Time().Nanosecond() != 0 {
			t.Fatalf("%q is %s, read again %s: %v", text, written, again, err)
		}
	})
}

// FuzzAccount reads any text as the name of an account: what is taken can stand in keys, URLs and lines as it is.
func FuzzAccount(f *testing.F) {
	for _, text := range []string{"default", "a.b_c-D9", "", "a/b", "a b", "é", strings.Repeat("x", 65), "x\x00", strings.Repeat("\xff", 1<<16)} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		account, err := attempt.ParseAccount(text)
		if err != nil {
			if account != "" || !strings.Contains(err.Error(), "want ") || len(err.Error()) > 400 {
				t.Fatalf("account %q, error of %d bytes: %.500s", account, len(err.Error()), err)
			}
			return
		}
		if string(account) != text || len(text) == 0 || len(text) > 64 || strings.ContainsAny(text, "/:?#%& \t\r\n\x00\"'<>") {
			t.Fatalf("%q was taken as %q", text, account)
		}
	})
}
