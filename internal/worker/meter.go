package worker

import (
	"time"

	"attemptstream/internal/attempt"
)

// A Meter is told what happens as it happens, for metrics. Its methods are called from several goroutines, and must not
// block.
type Meter interface {
	// Request was made and answered, or failed; its time includes what it had to wait for the rate limit.
	Request(account attempt.Account, state attempt.State, took time.Duration, err error)
	// Transaction ended as err says: nil is committed, else see package kafkatx.
	Transaction(account attempt.Account, took time.Duration, err error)
	// Told says what a transaction held, once it has committed, or what was read where none was needed.
	Told(c Commit)
	// Fenced says that an account has another owner.
	Fenced(account attempt.Account)
}

// noMeter measures nothing.
type noMeter struct{}

func (noMeter) Request(attempt.Account, attempt.State, time.Duration, error) {}
func (noMeter) Transaction(attempt.Account, time.Duration, error)            {}
func (noMeter) Told(Commit)                                                  {}
func (noMeter) Fenced(attempt.Account)                                       {}
