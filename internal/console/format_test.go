package console

import (
	"math"
	"testing"
	"time"
)

func TestSpan(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		0:                             "0s",
		999 * time.Millisecond:        "0s",
		12 * time.Second:              "12s",
		time.Minute:                   "1m",
		90 * time.Second:              "1m 30s",
		time.Hour + 59*time.Second:    "1h",
		3*time.Hour + 5*time.Minute:   "3h 5m",
		7 * 24 * time.Hour:            "7d",
		70*time.Hour + 40*time.Minute: "2d 22h",
		400 * 24 * time.Hour:          "400d",
		-90 * time.Second:             "-1m 30s",
	} {
		if got := Span(d); got != want {
			t.Errorf("%v: %q, want %q", d, got, want)
		}
	}
}

func TestCountAndRate(t *testing.T) {
	t.Parallel()
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567", -1234: "-1,234", -123: "-123"} {
		if got := Count(n); got != want {
			t.Errorf("%d: %q, want %q", n, got, want)
		}
	}
	for n, want := range map[float64]string{0: "0", .25: "0.25", .999: "1.0", 3.44: "3.4", 9.96: "10", 811.6: "812", 12345: "12,345",
		math.Inf(1): "?", math.NaN(): "?"} {
		if got := Rate(n); got != want {
			t.Errorf("%v: %q, want %q", n, got, want)
		}
	}
	if got := Counted(1, "event", "events") + ", " + Counted(2000, "event", "events"); got != "1 event, 2,000 events" {
		t.Error(got)
	}
}
