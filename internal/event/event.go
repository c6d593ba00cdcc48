// Package event turns what was observed of an invitation into the record that goes to Kafka: its identity, its JSON, its
// headers and its partition, as schemas/test-attempt-observed.v1.schema.json and schemas/attemptstream.asyncapi.json say.
//
// The idea: an event is a pure function of an Observation and the PII policy, appended to memory of the caller's. So the
// same observation always is the same bytes, and encoding allocates nothing for a usual attempt. Most of an event is the same
// for all attempts of an answer; a Form has that ready, in the layout of Kafka's record batches.
//
// Invariants: every value is valid JSON and valid UTF-8 on one line, whatever the API sent: what is not UTF-8 becomes
// U+FFFD, a name that repeats counts with its last value. Ids are written exactly. Under the policies Hash and Drop no
// name and no email leaves this package, but in dead letters, which are raw by contract.
//
// Nothing here fails but NewEncoder and ParsePolicy, on wrong settings.
package event

import (
	"strconv"
	"time"

	"attemptstream/internal/attempt"
)

// Type and SchemaVersion are the same in every event of this version.
const (
	Type          = "TestAttemptObserved"
	SchemaVersion = 1
)

// An Observation is that an attempt was seen in the answer for a window.
type Observation struct {
	Account    attempt.Account
	State      attempt.State
	Window     attempt.Window // that was asked for
	ObservedAt time.Time      // when the answer was read; told in milliseconds, UTC
	Attempt    attempt.Attempt

	Late     bool   // found by reading covered time again
	CameBack bool   // to a status that it had before it had another one
	Replay   string // the id of the replay that asked to tell it again, else empty
}

// AppendKey appends the record key of an invitation's events: its id in decimal.
func AppendKey(dst []byte, id int64) []byte { return strconv.AppendInt(dst, id, 10) }

// maxKey is the length of the longest key.
const maxKey = len("-9223372036854775808")
