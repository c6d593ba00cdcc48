package config

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// days is a duration that begins with days, which Go does not know.
var days = regexp.MustCompile(`^([-+]?)(\d{1,9})d(.*)$`)

// ParseDuration reads a duration as Go writes it, and d for days of 24 hours at its beginning: 30s, 168h, 7d, 1d12h.
func ParseDuration(text string) (time.Duration, error) {
	parts := days.FindStringSubmatch(text)
	if parts == nil {
		d, err := time.ParseDuration(text)
		if err != nil {
			return 0, errNoDuration
		}
		return d, nil
	}
	count, err := strconv.ParseInt(parts[2], 10, 64)
	if err != nil || count > int64(math.MaxInt64/(24*time.Hour)) {
		return 0, errNoDuration
	}
	d := time.Duration(count) * 24 * time.Hour
	if rest := parts[3]; rest != "" {
		r, err := time.ParseDuration(rest)
		if err != nil || r < 0 || strings.HasPrefix(rest, "+") || d+r < 0 {
			return 0, errNoDuration
		}
		d += r
	}
	if parts[1] == "-" {
		d = -d
	}
	return d, nil
}

var errNoDuration = errors.New("is not a duration: want something like 30s, 10m, 168h or 7d")

// ParseTime reads a point in time: RFC 3339, a date (its beginning, in UTC), or a span before now, such as -36h or -7d.
// The time is in UTC, in the years 1 to 9999: the others have no form in RFC 3339. The error goes on from the text: is not …:
// want ….
func ParseTime(text string, now time.Time) (time.Time, error) {
	text = strings.TrimSpace(text)
	if strings.HasPrefix(text, "-") {
		d, err := ParseDuration(text)
		if err != nil {
			return time.Time{}, errNoTime
		}
		return now.UTC().Add(d), nil
	}
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			if t = t.UTC(); t.Year() < 1 || t.Year() > 9999 {
				return time.Time{}, errors.New("is out of range: want a year from 1 to 9999 in UTC")
			}
			return t, nil
		}
	}
	if _, err := ParseDuration(text); err == nil {
		return time.Time{}, fmt.Errorf("is a span without direction: want -%s for that long before now", strings.TrimPrefix(text, "+"))
	}
	return time.Time{}, errNoTime
}

var errNoTime = errors.New("is not a time: want RFC 3339 such as 2026-11-23T21:30:00Z, a date such as 2026-11-23, or a span before now such as -36h or -7d")

// positive reads a duration of more than nothing.
func positive(text string) (time.Duration, error) {
	d, err := ParseDuration(text)
	if err == nil && d <= 0 {
		return 0, errors.New("is not more than nothing: want something like 30s")
	}
	return d, err
}

// seconds reads a duration in whole seconds of at least least: the API knows nothing finer.
func seconds(least time.Duration) func(string) (time.Duration, error) {
	return func(text string) (time.Duration, error) {
		d, err := ParseDuration(text)
		switch {
		case err != nil:
			return 0, err
		case d < least && least == 0:
			return 0, errors.New("is negative: want 0 or more, something like 30s")
		case d < least:
			return 0, fmt.Errorf("is too short: want at least %s", least)
		case d%time.Second != 0:
			return 0, errors.New("has a fraction of a second: want whole seconds")
		}
		return d, nil
	}
}

// integer reads a whole number of the range.
func integer(least, most int) func(string) (int, error) {
	want := fmt.Sprintf("want a whole number of %d to %d", least, most)
	if most == math.MaxInt32 {
		want = fmt.Sprintf("want a whole number of at least %d", least)
	}
	return func(text string) (int, error) {
		n, err := strconv.Atoi(text)
		switch {
		case errors.Is(err, strconv.ErrSyntax):
			return 0, fmt.Errorf("is not a whole number: %s", want)
		case err != nil || n < least || n > most:
			return 0, fmt.Errorf("is out of range: %s", want)
		}
		return n, nil
	}
}

// rate reads a number per second.
func rate(text string) (float64, error) {
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(f) || math.IsInf(f, 0) {
		return 0, errors.New("is not a number: want requests a second, such as 5 or 0.5")
	}
	if f <= 0 {
		return 0, errors.New("is not more than 0: want requests a second, such as 5 or 0.5")
	}
	return f, nil
}

func boolean(text string) (bool, error) {
	b, err := strconv.ParseBool(strings.ToLower(text))
	if err != nil {
		return false, errors.New("is neither true nor false: want one of them")
	}
	return b, nil
}

// oneOf reads one of some words, in any case.
func oneOf[T ~string](words ...T) func(string) (T, error) {
	return func(text string) (T, error) {
		for _, word := range words {
			if strings.EqualFold(text, string(word)) {
				return word, nil
			}
		}
		list := make([]string, len(words))
		for i, word := range words {
			list[i] = string(word)
		}
		return "", fmt.Errorf("is not known: want %s", anyOf(list))
	}
}

// anyOf is "a, b or c".
func anyOf(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " or " + words[last]
}
