//go:build linux

package soak_test

import (
	"os"
	"testing"
	"time"

	"attemptstream/internal/kafkatest"
	"attemptstream/internal/program"
)

func TestMain(m *testing.M) {
	os.Exit(program.Main(func() int { return kafkatest.Main(m) }))
}

// long is the shortest run whose figures are judged; a shorter one shows only that they are measured.
const long = 2 * time.Minute

// length is how long the run takes.
func length(t testing.TB) time.Duration {
	t.Helper()
	text := os.Getenv("ATTEMPTSTREAM_SOAK")
	if text == "" {
		return 8 * time.Second
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < long {
		t.Fatalf("ATTEMPTSTREAM_SOAK is %q: want a duration of at least %s, such as 60m", text, long)
	}
	return d
}

// scaled is a share of the run, within limits.
func scaled(d time.Duration, parts int, least, most time.Duration) time.Duration {
	return min(max(d/time.Duration(parts), least), most)
}
