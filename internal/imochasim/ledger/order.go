package ledger

import (
	"cmp"
	"slices"
	"time"
)

// A Resolution says which times within a second an API can tell apart by its windows, whose ends are whole seconds. It
// follows from the ends that windows include, and decides what is in one second where the contract has an order for that.
type Resolution int

const (
	// AnyResolution allows each of the others.
	AnyResolution Resolution = iota
	// RoundDown is that of windows [start, end): a second is k <= t < k+1.
	RoundDown
	// RoundUp is that of windows (start, end]: a second is k < t <= k+1.
	RoundUp
	// Apart is that of windows [start, end] and (start, end): k itself can be read apart from k < t < k+1, or not, as the
	// reader's windows happen to lie. Both orders are right.
	Apart
)

// A key orders changes: by the second that it gives, twice, plus one for what comes after a whole second.
type key func(t time.Time) int64

func roundDown(t time.Time) int64 { return 2 * t.Unix() }

func roundUp(t time.Time) int64 {
	if t.Nanosecond() == 0 {
		return 2 * t.Unix()
	}
	return 2 * (t.Unix() + 1)
}

// apart tells whole seconds from what follows them, but for some.
func apart(but []int64) key {
	return func(t time.Time) int64 {
		if t.Nanosecond() == 0 || slices.Contains(but, t.Unix()) {
			return 2 * t.Unix()
		}
		return 2*t.Unix() + 1
	}
}

// mostMixed bounds the seconds of one invitation of which each is tried both ways.
const mostMixed = 4

// rows are an invitation's events in each order that is right, the contract's first.
func rows(changes []change, r Resolution) [][]Expectation {
	mixed := mixedSeconds(changes)
	var keys []key
	switch {
	case r == RoundUp:
		keys = []key{roundUp}
	case r == RoundDown, !slices.ContainsFunc(changes, func(c change) bool { return c.At.Nanosecond() != 0 }):
		keys = []key{roundDown}
	case r == AnyResolution:
		keys = []key{roundDown, roundUp, apart(nil)}
	case len(mixed) == 0:
		keys = []key{roundDown}
	default:
		mixed = mixed[:min(len(mixed), mostMixed)]
		keys = []key{roundDown}
		for subset := range 1<<len(mixed) - 1 {
			var but []int64
			for i, second := range mixed {
				if subset>>i&1 != 0 {
					but = append(but, second)
				}
			}
			keys = append(keys, apart(but))
		}
	}
	var out [][]Expectation
	for _, k := range keys {
		slices.SortStableFunc(changes, func(a, b change) int {
			return cmp.Or(cmp.Compare(k(a.At), k(b.At)), cmp.Compare(a.State.Rank(), b.State.Rank()), a.At.Compare(b.At))
		})
		out = append(out, expectRow(changes, k))
	}
	return out
}

// mixedSeconds are those in which something happened both at the whole second and after it.
func mixedSeconds(changes []change) []int64 {
	var whole, part, both []int64
	for _, c := range changes {
		if c.At.Nanosecond() == 0 {
			whole = append(whole, c.At.Unix())
		} else {
			part = append(part, c.At.Unix())
		}
	}
	for _, second := range whole {
		if slices.Contains(part, second) && !slices.Contains(both, second) {
			both = append(both, second)
		}
	}
	return both
}
