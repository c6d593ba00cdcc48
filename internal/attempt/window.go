package attempt

import (
	"errors"
	"fmt"
	"time"
)

// An Instant is a point in time in whole Unix seconds, the finest that the API understands.
type Instant int64

// InstantOf is the last whole second that is not after t.
func InstantOf(t time.Time) Instant { return Instant(t.Unix()) }

// Time is i in UTC.
func (i Instant) Time() time.Time { return time.Unix(int64(i), 0).UTC() }

// Add moves i by d, cut to whole seconds toward zero.
func (i Instant) Add(d time.Duration) Instant { return i + Instant(d/time.Second) }

// Sub is the time from j to i.
func (i Instant) Sub(j Instant) time.Duration { return time.Duration(i-j) * time.Second }

// String is i in RFC 3339, UTC, as the API and the events spell it.
func (i Instant) String() string { return i.Time().Format(time.RFC3339) }

// MarshalText is String.
func (i Instant) MarshalText() ([]byte, error) { return []byte(i.String()), nil }

// UnmarshalText reads RFC 3339 in whole seconds. Four digits are all that it has for a year, so what is in another one in
// UTC cannot be written again, and is refused.
func (i *Instant) UnmarshalText(text []byte) error {
	t, err := time.Parse(time.RFC3339, string(text))
	switch {
	case err != nil && len(text) > 64:
		return errors.New("a long text where a time is expected: want RFC 3339 such as 2026-11-23T21:30:00Z")
	case err != nil:
		return fmt.Errorf("time %q: want RFC 3339 such as 2026-11-23T21:30:00Z", text)
	case t.Nanosecond() != 0:
		return fmt.Errorf("time %q: want whole seconds", text)
	case t.UTC().Year() < 0 || t.UTC().Year() > 9999:
		return fmt.Errorf("time %q: want a year from 0 to 9999 in UTC", text)
	}
	*i = InstantOf(t)
	return nil
}

// A Window is a range of time as it is asked for. It is not documented whether the API takes its ends as inclusive, so
// no reader of a Window may assume either: what is certain to be in it are the instants strictly between Start and End.
type Window struct {
	Start Instant `json:"start"`
	End   Instant `json:"end"`
}

// Length is the time from Start to End.
func (w Window) Length() time.Duration { return w.End.Sub(w.Start) }

// String is start/end, as ISO 8601 spells an interval.
func (w Window) String() string { return w.Start.String() + "/" + w.End.String() }

// Overlap is what two windows that follow each other have in common, whichever ends the API takes as inclusive.
const Overlap = time.Second
