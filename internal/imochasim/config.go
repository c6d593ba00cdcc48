package imochasim

import (
	"fmt"
	"time"

	"attemptstream/internal/imochasim/ledger"
)

// A Boundary says which ends of a window belong to it.
type Boundary int

// The four that an API can have; which one iMocha has is not documented.
const (
	Inclusive      Boundary = iota // [start, end]
	ExclusiveEnd                   // [start, end)
	ExclusiveStart                 // (start, end]
	Exclusive                      // (start, end)
)

var boundaryNames = [...]string{"[]", "[)", "(]", "()"}

// String is the boundary as a pair of brackets.
func (b Boundary) String() string {
	if b < 0 || int(b) >= len(boundaryNames) {
		return fmt.Sprintf("Boundary(%d)", int(b))
	}
	return boundaryNames[b]
}

// Resolution is what windows with this boundary can tell apart.
func (b Boundary) Resolution() ledger.Resolution {
	switch b {
	case ExclusiveEnd:
		return ledger.RoundDown
	case ExclusiveStart:
		return ledger.RoundUp
	default:
		return ledger.Apart
	}
}

// Boundaries are all of them.
func Boundaries() []Boundary { return []Boundary{Inclusive, ExclusiveEnd, ExclusiveStart, Exclusive} }

// ParseBoundary reads what String writes.
func ParseBoundary(s string) (Boundary, error) {
	for _, b := range Boundaries() {
		if s == b.String() {
			return b, nil
		}
	}
	return 0, fmt.Errorf("boundary %q: want [], [), (] or ()", s)
}

// Latency is how long an answer takes: Fixed, and a random time up to Random.
type Latency struct{ Fixed, Random time.Duration }

// A Config is how the simulated API behaves. The zero Config is a flawless one for the account "default".
type Config struct {
	// Keys are the accounts' names by API key. Without any, every key is one of the account "default".
	Keys map[string]string
	// Now is the clock; nil: time.Now. Changes are visible, and faults begin and end, by it.
	Now      func() time.Time
	Date     func() time.Time // what answers are dated by; nil: Now
	Boundary Boundary
	// Cap is the most entries that an answer holds, silently; 0: no cap. The oldest are kept, by time and then id; with
	// CapNewest the newest.
	Cap       int
	CapNewest bool
	// Current shows an invitation only under its latest visible status, in the window of that status. Otherwise each
	// status that it took stays visible in its own window.
	Current bool
	// Duplicates is the share of entries that stand twice in an answer.
	Duplicates float64
	Latency    Latency
	Faults     Faults
	// RateLimit is how many requests a second an account may make, with bursts of as many; 0: no limit. Quota is how many
	// it may make in a UTC day; 0: no limit. Both are answered with 429.
	RateLimit float64
	Quota     int
	// Seed makes all randomness.
	Seed uint64
}

func (c *Config) check() error {
	switch {
	case c.Boundary < 0 || int(c.Boundary) >= len(boundaryNames):
		return fmt.Errorf("simulated API: unknown boundary %d", int(c.Boundary))
	case c.Cap < 0 || c.Quota < 0 || c.RateLimit < 0:
		return fmt.Errorf("simulated API: cap %d, quota %d and rate limit %v must not be negative", c.Cap, c.Quota, c.RateLimit)
	case c.Duplicates < 0 || c.Duplicates > 1:
		return fmt.Errorf("simulated API: share of duplicates %v: want 0 to 1", c.Duplicates)
	case c.Latency.Fixed < 0 || c.Latency.Random < 0:
		return fmt.Errorf("simulated API: latency %v must not be negative", c.Latency)
	}
	return c.Faults.check()
}
