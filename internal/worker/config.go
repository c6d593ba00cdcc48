package worker

import (
	"context"
	"time"

	"github.com/segmentio/kafka-go"
	"go.uber.org/zap"

	"attemptstream/internal/attempt"
	"attemptstream/internal/event"
	"attemptstream/internal/imocha"
	"attemptstream/internal/kafkatx"
	"attemptstream/internal/schedule"
	"attemptstream/internal/topics"
)

// API is what a worker needs of an account's client; imocha.Client is one.
type API interface {
	Attempts(ctx context.Context, state attempt.State, w attempt.Window, each func(*imocha.Entry) error) error
}

// An Account is one that the worker reads.
type Account struct {
	Name attempt.Account
	API  API
}

// Config is all that a worker is made of.
type Config struct {
	Accounts []Account // at first; see SetAccounts
	Kafka    *kafkatx.Client
	Topics   topics.Layout
	Events   *event.Encoder
	// Schedule is the same for all accounts. With a Stop, the worker ends when it has read everything up to it.
	Schedule    schedule.Settings
	Concurrency int // requests of an account that may be under way at once
	// ReplayRate is how many requests a second an account's replays may make; 0: as many as there is room for.
	ReplayRate  float64
	Compression kafka.Compression
	// TransactionTimeout is when Kafka ends a transaction that a dead worker left open; 0 is one minute.
	TransactionTimeout time.Duration
	// PieceBytes is about how much of a transaction is written ahead of its commit; 0 is 2 MiB.
	PieceBytes int
	Log        *zap.Logger
	Now        func() time.Time // nil: time.Now
	// Committed is called after every commit, one call at a time for each account; nil is nobody.
	Committed func(Commit)
	// RequestInterval is how often requests for replays are looked for; 0 is two seconds.
	RequestInterval time.Duration
	Meter           Meter // nil: nobody measures
	// Ownership says which accounts are this worker's; nil: all of them, and a worker that is fenced does not go on.
	Ownership Ownership
}

// A Commit is what one transaction held of one account.
type Commit struct {
	Account attempt.Account
	Counts
	States map[attempt.State]Counts // without Windows
	LateBy []time.Duration          // how long after the end of its window each late event was found
	Took   time.Duration            // 0: nothing had to be told or remembered
}
