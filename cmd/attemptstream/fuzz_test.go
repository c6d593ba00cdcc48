package main

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"

	"attemptstream/internal/attempt"
)

// FuzzFlags gives any text to flags of every kind. What is taken is within the flag's limits; what is not is refused in a
// way that says what is wanted.
func FuzzFlags(f *testing.F) {
	for _, text := range []string{"2026-11-23T21:30:00Z", "2026-11-23", "-36h", "-7d", "7d12h", "-1s", "1e400", "NaN", "-0", "0x1p-2", "1", "0.1", "completed,expired",
		"emea=key-1, apac=key-2", "a=b=c", "a=b,a=c", "a=k,b=k", "=,=", "[)", "table", "0000-01-01T00:00:00+23:59", strings.Repeat("9", 400) + "d"} {
		f.Add(text)
	}
	now := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, text string) {
		flags := pflag.NewFlagSet("x", pflag.ContinueOnError)
		var (
			at      time.Time
			span    time.Duration
			share   float64
			number  float64
			account attempt.Account
			states  []attempt.State
			output  string
			keys    map[string]string
		)
		timeFlag(flags, &at, now, "time", "", "")
		spanFlag(flags, &span, "span", "", "")
		shareFlag(flags, &share, "share", "", "")
		numberFlag(flags, &number, "number", "", "")
		accountFlag(flags, &account, "")
		statesFlag(flags, &states, "")
		outputFlag(flags, &output)
		flagFunc(flags, &keys, "keys", "", "", "", parseKeys)
		taken := map[string]bool{}
		flags.VisitAll(func(flag *pflag.Flag) {
			err := flag.Value.Set(text)
			if taken[flag.Name] = err == nil; err != nil && !strings.Contains(err.Error(), "want ") {
				t.Fatalf("--%s %q: %v", flag.Name, text, err)
			}
		})
		for name, within := range map[string]bool{
			"time":    0 < at.Year() && at.Year() < 10000,
			"span":    span >= 0,
			"share":   0 <= share && share <= 1,
			"number":  0 <= number && number <= 1e9,
			"account": string(account) == text,
			"state":   len(states) > 0 && len(states) <= 3 && len(states) == len(slices.Compact(slices.Sorted(slices.Values(states)))),
			"output":  output == "table" || output == "json",
			"keys":    len(keys) > 0 && len(keys) <= len(text),
		} {
			if taken[name] && !within {
				t.Fatalf("--%s %q is out of its limits: %v %v %v %v %q %q %q %q", name, text, at, span, share, number, account, states, output, keys)
			}
		}
	})
}
