package status

import (
	"time"

	"attemptstream/internal/attempt"
)

// A Report is what the state topic says at one moment.
type Report struct {
	Topic    string    `json:"topic"` // of the events
	At       time.Time `json:"at"`
	Accounts []Account `json:"accounts"` // the most alarming first
	Hidden   []Hidden  `json:"hidden"`   // partitions of the state topic that could not be read to their ends
	Workers  []Worker  `json:"workers"`  // that share the accounts; nil: not asked for, or Kafka does not say
}

// A Hidden is a partition of the state topic in which a transaction is open: what was committed behind it is not shown yet.
type Hidden struct {
	Partition int   `json:"partition"`
	From      int64 `json:"fromOffset"` // where the open transaction begins
	End       int64 `json:"endOffset"`  // of the log
}

// A Seconds is a length of time that is told in whole seconds.
type Seconds int64

// secondsOf cuts d to whole seconds; ages are not negative, though two clocks may differ.
func secondsOf(d time.Duration) Seconds { return Seconds(max(0, d) / time.Second) }

// Duration is s as the rest of the program has it.
func (s Seconds) Duration() time.Duration { return time.Duration(s) * time.Second }

// An Account is what is known of one account.
type Account struct {
	Name attempt.Account `json:"account"`
	// Owner is the client id of the worker that has it, empty if none has, or it is not known.
	Owner string `json:"owner"`
	// Alarm is how much it needs somebody: the worst of its problems.
	Alarm    Alarm    `json:"alarm"`
	Problems []string `json:"problems"` // in words, the worst first

	CommittedAt time.Time `json:"committedAt"` // the newest checkpoint that can be seen
	CommitAge   Seconds   `json:"commitAgeSeconds"`
	AtWork      bool      `json:"atWork"` // something was committed lately enough for a worker to be at work

	Told int64 `json:"eventsTold"`  // in all history; replays not counted
	Dead int   `json:"deadLetters"` // in all history

	ProvenLength int `json:"provenLength"` // answers of this length were proven to be whole
	AnswerCap    int `json:"answerCap"`    // answers were found cut at this length; 0: never

	States  []State  `json:"states"`
	Replays []Replay `json:"replays"` // that run or wait; those that have ended are the replay command's to show

	// MayBeNewer: behind an open transaction there may be a newer checkpoint than this one.
	MayBeNewer bool `json:"mayBeNewer"`
}

// A State is the coverage of one state.
type State struct {
	Name              attempt.State   `json:"state"`
	Start             attempt.Instant `json:"start"`
	CoveredThrough    attempt.Instant `json:"coveredThrough"`
	CoveredThroughAge Seconds         `json:"coveredThroughAgeSeconds"`
	Front             attempt.Instant `json:"front"`
	FrontAge          Seconds         `json:"frontAgeSeconds"`
	Gaps              []Gap           `json:"gaps"` // the oldest first
	GapSeconds        Seconds         `json:"gapSeconds"`
	Width             Seconds         `json:"widthSeconds"` // of the next window
	LookedBack        []Tier          `json:"lookedBack"`   // the youngest first
	Counts            Counts          `json:"counts"`
}

// Counts are what was told of a state in all history.
type Counts struct {
	Told     int64 `json:"told"`
	Late     int64 `json:"late"`     // of them: found by reading covered time again, or while the state was behind others
	CameBack int64 `json:"cameBack"` // of them: to a status that the invitation had before
	Dead     int64 `json:"dead"`     // letters
}

// A Gap is time that could not be read, and is tried again for ever.
type Gap struct {
	From   attempt.Instant `json:"from"`
	Until  attempt.Instant `json:"until"`
	Length Seconds         `json:"seconds"`
	Age    Seconds         `json:"ageSeconds"` // of its start
}

// A Tier is a range of ages of covered time that is read again for late arrivals.
type Tier struct {
	Younger Seconds         `json:"youngerSeconds"`
	Older   Seconds         `json:"olderSeconds"` // of the last tier the true end is the look-back's
	At      attempt.Instant `json:"at"`           // it was last read to its end
	Age     Seconds         `json:"ageSeconds"`
}

// An Alarm is how much something needs somebody.
type Alarm string

// From nothing to somebody has to get up.
const (
	Fine  Alarm = "fine"
	Watch Alarm = "watch" // it may mend itself
	Act   Alarm = "act"
)

// Rank orders alarms: the more it is, the sooner.
func (a Alarm) Rank() int {
	switch a {
	case Fine:
		return 0
	case Watch:
		return 1
	}
	return 2
}
