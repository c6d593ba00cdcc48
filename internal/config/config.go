// Package config reads the settings: environment variables, as README.md lists them.
//
// The idea: one struct, variables, is the table of all settings. Its tags hold each one's name, default and meaning;
// envconfig reads the environment into it, [Describe] and [Markdown] print it, and [Load] turns it into typed
// [Settings]. envconfig stops at the first value that it cannot take, so the fields of the table take any text, and
// all values are checked together afterwards: whoever starts the program learns everything that is wrong at once.
//
// Invariants:
//
//   - Settings that Load returns are whole and within their limits; nobody checks them again.
//   - No error, warning, table or formatted value has a secret in it. A path that may be a secret in the wrong variable
//     counts as one.
//   - An empty variable is one that is not set. Only ADMIN_ADDR differs, where empty means no status page.
//   - The environment and the time are passed in, so that tests do not share them.
//
// The list of accounts is the one setting that may change while the program runs: an [AccountsWatch] follows its file.
//
// Failure: an [*Error] that names every wrong setting, or none. Files with secrets are read once at the start, to find
// what is wrong with them then, and again by [Secret.Read] whenever the secret is needed.
package config

import (
	"net/url"
	"time"

	"github.com/segmentio/kafka-go"

	"attemptstream/internal/attempt"
	"attemptstream/internal/event"
)

// Settings are all settings, ready for use.
type Settings struct {
	IMocha    IMocha
	Kafka     Kafka
	Stream    Stream
	PII       PII
	AdminAddr string // host:port; empty: no status page
	Log       Log
	DataDir   string // of the embedded broker
}

// IMocha is how the API is asked.
type IMocha struct {
	BaseURL        *url.URL  // http or https, no query, no slash at its end
	Accounts       []Account // at least one, no name twice
	AccountsFile   string    // where they are listed; empty: there is one, and no list
	RequestTimeout time.Duration
	RateLimit      float64 // requests a second and account
	Concurrency    int     // requests under way at once, per account
}

// An Account is one iMocha account and its key.
type Account struct {
	Name attempt.Account
	Key  Secret
}

// Kafka is where the brokers are, how they are spoken to, and the topics.
type Kafka struct {
	Brokers           []string // host:port; EmbeddedAddr alone where Embedded is set
	Embedded          bool     // the worker brings its own broker
	Topic             string
	Partitions        int // of topics that are created
	ReplicationFactor int // of topics that are created; -1: the broker's default
	Compression       kafka.Compression

	TLSEnabled  bool
	TLSCAFile   string // empty: the system's
	TLSCertFile string // and TLSKeyFile: both or none
	TLSKeyFile  string

	SASLMechanism Mechanism
	SASLUsername  string
	SASLPassword  Secret
}

// EmbeddedAddr is where the embedded broker listens.
const EmbeddedAddr = "127.0.0.1:9092"

// Stream is what is read when. Durations are in whole seconds.
type Stream struct {
	States           []attempt.State // no duplicates, at least one
	StartAt          attempt.Instant // where a state with no checkpoint begins
	PollInterval     time.Duration
	SettleDelay      time.Duration // may be 0
	Lookback         time.Duration // 0: covered time is not read again
	LookbackInterval time.Duration
	WindowMax        time.Duration
	WindowAttempts   int
}

// PII is what becomes of names and emails.
type PII struct {
	Policy  event.Policy
	HashKey Secret // set under event.Hash
}

// Encoder is the encoder of events under p. It reads the file of the hash key.
func (p PII) Encoder() (*event.Encoder, error) {
	if p.Policy != event.Hash {
		return event.NewEncoder(p.Policy, nil)
	}
	key, err := p.HashKey.Read()
	if err != nil {
		return nil, err
	}
	return event.NewEncoder(p.Policy, []byte(key))
}

// Need says which settings a command uses. The others are neither required nor reported when they are wrong; their
// values are then the defaults.
type Need uint

// The groups of settings. LOG_ and DATA_DIR are always needed.
const (
	NeedIMocha Need = 1 << iota
	NeedKafka
	NeedStream
	NeedPII
	NeedAdmin

	NeedAll = NeedIMocha | NeedKafka | NeedStream | NeedPII | NeedAdmin
)

// Load reads all settings from env and checks those that the command needs. A span such as -24h in STREAM_START_AT counts
// from now. The error is an *Error; the settings are nil then. Warnings are for the log, also when there is an error.
func Load(env Environment, need Need, now time.Time) (*Settings, []Warning, error) {
	l := load(env, need, now)
	if len(l.problems) > 0 {
		return nil, l.warnings, &Error{Problems: l.problems}
	}
	return l.settings, l.warnings, nil
}

// load does the work of Load and Describe.
func load(env Environment, need Need, now time.Time) *loader {
	l := &loader{vars: env.vars, need: need, now: now, settings: &Settings{}, bad: map[*variable]bool{}}
	l.imocha(&l.settings.IMocha)
	l.kafka(&l.settings.Kafka)
	l.stream(&l.settings.Stream)
	l.pii(&l.settings.PII)
	l.settings.AdminAddr = read(l, &l.vars.AdminAddr, parseListenAddr)
	l.settings.Log = Log{
		Level:  read(l, &l.vars.LogLevel, parseLevel),
		Format: read(l, &l.vars.LogFormat, oneOf(JSON, Console)),
	}
	l.settings.DataDir = l.vars.DataDir.value()
	l.warnings = append(l.warnings, unknown(env)...)
	return l
}
