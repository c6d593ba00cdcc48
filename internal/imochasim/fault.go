package imochasim

import (
	"fmt"
	"math/rand/v2"
	"time"

	"attemptstream/internal/attempt"
)

// A FaultKind is a way in which a request goes wrong.
type FaultKind string

// Faults that pass: the same request may succeed the next time.
const (
	TooMany        FaultKind = "429 seconds" // 429, Retry-After in seconds
	TooManyDate    FaultKind = "429 date"    // 429, Retry-After as a date
	TooManyBare    FaultKind = "429"         // 429 without Retry-After
	Internal       FaultKind = "500"
	BadGateway     FaultKind = "502"
	Unavailable    FaultKind = "503"
	GatewayTimeout FaultKind = "504"
	Reset          FaultKind = "reset"             // the connection is reset before any header
	Hang           FaultKind = "hang"              // no answer until the client gives up, or Faults.HangFor has passed
	CutLength      FaultKind = "cut length"        // the body ends before its Content-Length
	CutChunked     FaultKind = "cut chunked"       // the body ends before its last chunk
	HTML           FaultKind = "html"              // 200 with an HTML page
	Errors         FaultKind = "errors"            // 200 with {"result":null,"errors":["…"]}
	NoResult       FaultKind = "no result"         // 200 with an object that has no result
	ResultString   FaultKind = "result string"     // 200 with a string as result
	AttemptsObject FaultKind = "attempts object"   // 200 with an object as testAttempts
	NullAttempts   FaultKind = "attempts null"     // 200 with null as testAttempts
	Empty          FaultKind = "empty"             // 200 with an empty body
	Trailing       FaultKind = "trailing"          // 200 with the right answer and something after it
	Halved         FaultKind = "cut but well sent" // 200, half of the JSON with a Content-Length that fits
)

// Faults that need somebody to do something.
const (
	KeyRefused FaultKind = "401 key"  // the API key is refused
	BadDate    FaultKind = "401 date" // 401 that names the date
	Forbidden  FaultKind = "403"
	BadRequest FaultKind = "400"
	NotFound   FaultKind = "404"
)

// PassingKinds are the faults after which the same request may succeed.
func PassingKinds() []FaultKind {
	return []FaultKind{TooMany, TooManyDate, TooManyBare, Internal, BadGateway, Unavailable, GatewayTimeout, Reset, Hang,
		CutLength, CutChunked, HTML, Errors, NoResult, ResultString, AttemptsObject, NullAttempts, Empty, Trailing, Halved}
}

// LastingKinds are the faults that a reader must not simply try again.
func LastingKinds() []FaultKind {
	return []FaultKind{KeyRefused, BadDate, Forbidden, BadRequest, NotFound}
}

// A Fault is one request's. The zero Fault is none.
type Fault struct {
	Kind FaultKind
	// RetryAfter is what 429 and 503 ask for; 0: Faults.RetryAfter.
	RetryAfter time.Duration
}

// A Request is what a fault may depend on.
type Request struct {
	Account    string
	State      attempt.State
	Start, End attempt.Instant
	At         time.Time // by the simulator's clock
}

// A FaultFunc says what becomes of the n-th request, from 1. It may be called by several goroutines at once.
type FaultFunc func(n int, r Request) Fault

// An Outage is a time in which an endpoint answers 503.
type Outage struct {
	Account  string        // empty: all
	State    attempt.State // empty: all
	From, To time.Time     // From <= now < To
}

// A Poisoned second fails, with 500, every window that shows what happened at its very start.
type Poisoned struct {
	Account string // empty: all
	State   attempt.State
	Second  attempt.Instant
}

// Faults are what goes wrong. Script is asked first, then Poisoned and Outages, then Rates.
type Faults struct {
	// Rates are probabilities by kind, of at most 1 together.
	Rates    map[FaultKind]float64
	Script   FaultFunc
	Outages  []Outage
	Poisoned []Poisoned
	// RetryAfter is what 429 asks for; 0: a second. It is told in whole seconds, rounded up.
	RetryAfter time.Duration
	// HangFor bounds Hang; 0: two minutes.
	HangFor time.Duration
}

// EveryFault gives each kind, also those that a reader must not try again, its share of the probability p.
func EveryFault(p float64) Faults { return shared(p, append(PassingKinds(), LastingKinds()...)) }

// PassingFaults gives each kind that passes its share of the probability p.
func PassingFaults(p float64) Faults { return shared(p, PassingKinds()) }

func shared(p float64, kinds []FaultKind) Faults {
	f := Faults{Rates: map[FaultKind]float64{}}
	for _, k := range kinds {
		f.Rates[k] = p / float64(len(kinds))
	}
	return f
}

func (f *Faults) check() error {
	known := append(PassingKinds(), LastingKinds()...)
	sum, n := 0.0, 0
	for _, k := range known {
		rate, ok := f.Rates[k]
		if !ok {
			continue
		}
		n++
		sum += rate
		if rate < 0 {
			return fmt.Errorf("simulated API: fault %q has the negative probability %v", k, rate)
		}
	}
	if sum > 1+1e-9 {
		return fmt.Errorf("simulated API: the probabilities of faults are %v together: want at most 1", sum)
	}
	if n != len(f.Rates) {
		return fmt.Errorf("simulated API: a fault has an unknown kind: want some of %q", known)
	}
	if f.RetryAfter < 0 || f.HangFor < 0 {
		return fmt.Errorf("simulated API: retry after %v and hang for %v must not be negative", f.RetryAfter, f.HangFor)
	}
	return nil
}

// pick decides the fault of a request.
func (f *Faults) pick(n int, r Request, b Boundary, random *rand.Rand) Fault {
	if f.Script != nil {
		if fault := f.Script(n, r); fault.Kind != "" {
			return fault
		}
	}
	for _, p := range f.Poisoned {
		if (p.Account == "" || p.Account == r.Account) && p.State == r.State && b.contains(r.Start, r.End, p.Second) {
			return Fault{Kind: Internal}
		}
	}
	for _, o := range f.Outages {
		if (o.Account == "" || o.Account == r.Account) && (o.State == "" || o.State == r.State) && !r.At.Before(o.From) && r.At.Before(o.To) {
			return Fault{Kind: Unavailable}
		}
	}
	if len(f.Rates) == 0 {
		return Fault{}
	}
	x := random.Float64()
	for _, kinds := range [][]FaultKind{PassingKinds(), LastingKinds()} {
		for _, k := range kinds {
			if x -= f.Rates[k]; x < 0 {
				return Fault{Kind: k}
			}
		}
	}
	return Fault{}
}

// contains tells whether a window shows what happened at i.
func (b Boundary) contains(start, end, i attempt.Instant) bool {
	return (start < i || start == i && (b == Inclusive || b == ExclusiveEnd)) &&
		(i < end || i == end && (b == Inclusive || b == ExclusiveStart))
}
