package admin

import (
	"time"

	"attemptstream/internal/attempt"
	"attemptstream/internal/operate/status"
)

// A Report is how a worker is doing at one moment: the answer of /status, and what the page shows. Members are added to it
// and never renamed. Times are RFC 3339 in UTC, null where there is none; ages and lengths are whole seconds.
type Report struct {
	At            time.Time  `json:"at"`
	Version       string     `json:"version"`
	StartedAt     time.Time  `json:"startedAt"` // of the process
	UptimeSeconds *int64     `json:"uptimeSeconds,omitempty"`
	Topic         string     `json:"topic"` // of the events
	Ready         bool       `json:"ready"` // as /readyz has it
	Verdict       Verdict    `json:"verdict"`
	Through       *time.Time `json:"coveredThrough"` // of all accounts: everything before it is told
	ThroughAge    *int64     `json:"coveredThroughAgeSeconds,omitempty"`
	Rates         Rates      `json:"rates"`
	Totals        Totals     `json:"totals"`
	// Settings say what is to be expected: nothing younger than the settle delay is asked for.
	Settings ReportSettings `json:"settings"`
	Accounts []Account      `json:"accounts"` // what needs somebody most stands first
	// List is what is wrong with the accounts file, null if nothing is: the accounts above are of an older list then.
	List    *ListProblem `json:"accountsFileProblem"`
	Replays []Replay     `json:"replays"` // that wait or run
	Groups  Groups       `json:"groups"`
}

// A ListProblem is an accounts file that cannot be taken.
type ListProblem struct {
	Since time.Time `json:"since"`
	Text  string    `json:"text"`
}

// A Verdict is the whole in a sentence or two.
type Verdict struct {
	Alarm  Alarm  `json:"alarm"`
	Text   string `json:"text"`
	Detail string `json:"detail"` // may be empty
}

// An Alarm is how much something needs somebody, in the words of the command status.
type Alarm = status.Alarm

// From nothing to somebody has to get up.
const (
	Fine  = status.Fine
	Watch = status.Watch
	Act   = status.Act
)

// Rates are how fast it has been, all accounts together.
type Rates struct {
	Events   float64 `json:"eventsPerSecond"` // of the last half minute
	Requests float64 `json:"requestsPerSecond"`
	// The last minutes, the oldest first, in steps; all have the same length.
	StepSeconds    int     `json:"stepSeconds"`
	EventsByStep   []int64 `json:"eventsByStep"`
	RequestsByStep []int64 `json:"requestsByStep"`
	FailuresByStep []int64 `json:"failedRequestsByStep"`
	LateByStep     []int64 `json:"lateEventsByStep"`
}

// Totals are sums over all accounts.
type Totals struct {
	Told        int64      `json:"eventsTold"`   // in all history
	Late        int64      `json:"lateEvents"`   // in all history
	CameBack    int64      `json:"returnEvents"` // in all history: of invitations that came back to a status
	DeadLetters int        `json:"deadLetters"`  // in all history
	Gaps        int        `json:"gaps"`
	GapSeconds  int64      `json:"gapSeconds"`
	IndexBytes  int64      `json:"indexBytes"`
	Commits     int64      `json:"transactions"` // of this process, as all that follows
	Committed   *time.Time `json:"committedAt"`  // the last one
	Requests    int64      `json:"requests"`
	Failed      int64      `json:"failedRequests"`
	Doubtful    int        `json:"possiblyTruncated"`
}

// ReportSettings are those that the page explains things with.
type ReportSettings struct {
	PollSeconds     int64 `json:"pollIntervalSeconds"`
	SettleSeconds   int64 `json:"settleDelaySeconds"`
	LookbackSeconds int64 `json:"lookbackSeconds"`
}

// An Account is where an account is.
type Account struct {
	Name     attempt.Account `json:"account"`
	Ready    bool            `json:"ready"` // as /readyz has it
	Alarm    Alarm           `json:"alarm"` // the worst of its problems
	Problems []string        `json:"problems"`
	Behind   bool            `json:"catchingUp"`

	Owned      bool       `json:"owned"`   // taken over, and no other owner is known of
	Standby    bool       `json:"standby"` // another worker has it, and this one stands by; the rest is as this one last knew it
	Ended      bool       `json:"ended"`   // not read any more
	Start      *time.Time `json:"start"`
	Through    *time.Time `json:"coveredThrough"`
	ThroughAge *int64     `json:"coveredThroughAgeSeconds,omitempty"`
	Front      *time.Time `json:"front"` // of the state that is furthest behind
	FrontAge   *int64     `json:"frontAgeSeconds,omitempty"`
	Gaps       int        `json:"gaps"`
	GapSeconds int64      `json:"gapSeconds"`
	States     []State    `json:"states"`
	Reading    []Reading  `json:"reading"`

	Told         int64 `json:"eventsTold"`  // in all history
	DeadLetters  int   `json:"deadLetters"` // in all history
	IndexBytes   int64 `json:"indexBytes"`
	ProvenLength int   `json:"provenLength"` // answers of this length were proven to be whole
	AnswerCap    int   `json:"answerCap"`    // answers were found cut at this length; 0: never

	Process Process `json:"process"`
	Past    []Past  `json:"lastProblems"` // the newest first; they may be over
}

// Process are an account's counts since the process started.
type Process struct {
	Events    int        `json:"events"`
	Late      int        `json:"lateEvents"`
	Known     int        `json:"known"` // entries that were told before
	Windows   int        `json:"windows"`
	Doubtful  int        `json:"possiblyTruncated"`
	Requests  int64      `json:"requests"`
	Failed    int64      `json:"failedRequests"`
	Commits   int64      `json:"transactions"`
	Committed *time.Time `json:"committedAt"`
}

// A State is the coverage of one state.
type State struct {
	Name       attempt.State `json:"state"`
	Start      time.Time     `json:"start"`
	Through    time.Time     `json:"coveredThrough"`
	ThroughAge *int64        `json:"coveredThroughAgeSeconds,omitempty"`
	Front      time.Time     `json:"front"`
	FrontAge   *int64        `json:"frontAgeSeconds,omitempty"`
	Gaps       []Gap         `json:"gaps"`     // the oldest first, no more than some dozens
	GapCount   int           `json:"gapCount"` // all of them
	GapSeconds int64         `json:"gapSeconds"`
	Told       int64         `json:"eventsTold"` // in all history, as what follows
	Late       int64         `json:"lateEvents"`
	CameBack   int64         `json:"returnEvents"`
	Dead       int64         `json:"deadLetters"`
}

// A Gap is time that could not be read, and is tried again for ever.
type Gap struct {
	From    time.Time `json:"from"`
	Until   time.Time `json:"until"`
	Seconds int64     `json:"seconds"`
}

// A Reading is what is being read at the moment, or waits in order to be judged.
type Reading struct {
	State attempt.State `json:"state"`
	Kind  string        `json:"kind"` // front, look-back, gap or replay
	From  time.Time     `json:"from"`
	Until time.Time     `json:"until"`
}

// A Past is something that was wrong.
type Past struct {
	First time.Time `json:"first"`
	Last  time.Time `json:"last"`
	Times int       `json:"times"` // in a row
	Text  string    `json:"text"`
}

// A Replay is one that waits or runs.
type Replay struct {
	ID       string          `json:"id"`
	Account  attempt.Account `json:"account"`
	States   []attempt.State `json:"states"`
	Running  bool            `json:"running"`
	From     time.Time       `json:"from"`
	To       time.Time       `json:"to"`
	Position time.Time       `json:"position"` // everything before it is told again, or was passed over
	Told     int64           `json:"eventsTold"`
}

// Groups are the consumer groups of the events.
type Groups struct {
	Known  bool    `json:"known"` // false: Kafka has not said so lately
	Groups []Group `json:"groups"`
}

// A Group is how far a consumer group is behind.
type Group struct {
	Name       string           `json:"group"`
	State      string           `json:"state"` // as Kafka names it
	Members    int              `json:"members"`
	Events     int64            `json:"eventsBehind"` // in all partitions for which it has an offset
	AtMost     bool             `json:"atMost"`       // eventsBehind may be less: not all was counted yet
	Seconds    int64            `json:"secondsBehind"`
	Notes      []string         `json:"notes"`      // what is unusual, in words
	Partitions []GroupPartition `json:"partitions"` // for which it has an offset
}

// A GroupPartition is how far a group is behind in one partition.
type GroupPartition struct {
	Partition int   `json:"partition"`
	Events    int64 `json:"eventsBehind"`
	Seconds   int64 `json:"secondsBehind"`
}
