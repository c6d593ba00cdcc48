package console

import (
	"fmt"
	"math"
	"strconv"
	"time"
)

// Span is a length of time in its two largest units: 7d, 2d 22h, 3h 5m, 1m 30s, 12s. Less than a second is 0s.
func Span(d time.Duration) string {
	if d < 0 {
		return "-" + Span(-d)
	}
	units := []struct {
		name   string
		length time.Duration
	}{{"d", 24 * time.Hour}, {"h", time.Hour}, {"m", time.Minute}, {"s", time.Second}}
	for i, u := range units {
		if d < u.length && i < len(units)-1 {
			continue
		}
		text := fmt.Sprintf("%d%s", d/u.length, u.name)
		if i < len(units)-1 {
			next := units[i+1]
			if rest := d % u.length / next.length; rest > 0 {
				text += fmt.Sprintf(" %d%s", rest, next.name)
			}
		}
		return text
	}
	return "0s" // not reached: the last unit takes everything
}

// Count is a number with commas between thousands.
func Count[T int | int64](n T) string {
	text := strconv.FormatInt(int64(n), 10)
	sign := ""
	if n < 0 {
		sign, text = "-", text[1:]
	}
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return sign + text
}

// Counted is a number and what it counts: 1 event, 2 events.
func Counted[T int | int64](n T, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return Count(n) + " " + many
}

// Rate is a number per second, exact enough to see it move: 812, 12, 3.4, 0.25.
func Rate(perSecond float64) string {
	switch {
	case math.IsNaN(perSecond) || math.IsInf(perSecond, 0):
		return "?"
	case perSecond >= 9.95 || perSecond == 0:
		return Count(int64(math.Round(perSecond)))
	case perSecond >= 0.995:
		return strconv.FormatFloat(perSecond, 'f', 1, 64)
	}
	return strconv.FormatFloat(perSecond, 'f', 2, 64)
}
