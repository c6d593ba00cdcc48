package state

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"attemptstream/internal/attempt"
	"attemptstream/internal/kafkatx"
)

// requestVersion is the form of the requests that this program writes, and the newest that it reads.
const requestVersion = 1

// A Request asks an account's owner for a replay. Whoever may write to the topic may make one: it is written outside of
// the owner's transactions, and writing it twice is no harm. It is withdrawn by the same record, Cancelled.
type Request struct {
	Version     int             `json:"version"`
	ID          string          `json:"id"`
	Account     attempt.Account `json:"account"`
	From        attempt.Instant `json:"from"` // inclusive
	To          attempt.Instant `json:"to"`   // exclusive
	States      []attempt.State `json:"states"`
	MissingOnly bool            `json:"missingOnly,omitempty"` // only what never was told
	RequestedAt time.Time       `json:"requestedAt"`
	Cancelled   bool            `json:"cancelled,omitempty"`
}

// NewReplayID is an id that no other replay has: the time, so that ids sort by it, and some digits by chance.
func NewReplayID(now time.Time) string {
	return fmt.Sprintf("%s-%04x", now.UTC().Format("20060102T150405Z"), rand.N(1<<16))
}

// longestReplayID bounds ids, which are part of keys and of events.
const longestReplayID = 64

// validReplayID tells whether an id can be part of a key.
func validReplayID(id string) bool {
	return id != "" && len(id) <= longestReplayID && strings.Trim(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-") == ""
}

// Record is the request as a record, for a partition of the state topic.
func (q *Request) Record(at Partition) (kafkatx.Record, error) {
	q.Version = requestVersion
	if err := q.check(q.Account, q.ID); err != nil {
		return kafkatx.Record{}, err
	}
	value, err := json.Marshal(q)
	return kafkatx.Record{Topic: at.Topic, Partition: at.Partition, Value: value, Time: q.RequestedAt,
		Key: []byte(replayKey(q.Account, q.ID) + requestName)}, err
}

// decodeRequest reads the request that a key says it is.
func decodeRequest(account attempt.Account, id string, value []byte) (Request, error) {
	var q Request
	if err := json.Unmarshal(value, &q); err != nil {
		// Not what is wrong with it in detail: anybody may have written it, and the reason is shown and logged.
		return Request{}, errUnreadable
	}
	if q.Version > requestVersion {
		return Request{}, fmt.Errorf("the request has version %d, and the worker knows up to %d: update the worker", q.Version, requestVersion)
	}
	return q, q.check(account, id)
}

func (q *Request) check(account attempt.Account, id string) error {
	switch {
	case q.Version < 1:
		return fmt.Errorf("the request has version %d", q.Version)
	case q.ID != id || !validReplayID(id):
		return errors.New("the request is for another replay than its key says")
	case q.Account != account:
		return errors.New("the request is for another account than its key says")
	case q.From >= q.To:
		return fmt.Errorf("the request's range %s/%s is empty", q.From, q.To)
	case len(q.States) == 0:
		return errors.New("the request names no state")
	}
	for i, state := range q.States {
		if _, err := attempt.ParseState(string(state)); err != nil {
			return errors.New("the request names a state that is none")
		}
		if slices.Contains(q.States[:i], state) {
			return fmt.Errorf("the request names the state %s twice", state)
		}
	}
	return nil
}

var errUnreadable = errors.New("the request cannot be read: attemptstream did not write it")

// An Asked is a request as it was found in the log.
type Asked struct {
	Account attempt.Account
	ID      string
	Offset  int64
	Value   []byte // nil: the request was deleted
}

// Request is what is asked for. The error says why that cannot be known, or carried out.
func (a *Asked) Request() (Request, error) {
	if a.Value == nil {
		return Request{}, errTombstone
	}
	return decodeRequest(a.Account, a.ID, a.Value)
}

// AskedIn is the request that is in a record of the state topic; ok is false if there is something else in it.
func AskedIn(record kafkatx.Record) (a Asked, ok bool) {
	account, id, ok := replayOf(record.Key, kindRequest, requestName)
	if !ok {
		return Asked{}, false
	}
	return Asked{Account: account, ID: id, Offset: record.Offset, Value: bytes.Clone(record.Value)}, true
}

// A Reported is the progress of a replay as it was found in the log.
type Reported struct {
	Account  attempt.Account
	ID       string
	Deleted  bool // its owner has forgotten the replay
	Progress ReplayProgress
}

// ReportedIn is the progress that is in a record of the state topic; ok is false if there is something else in it.
func ReportedIn(record kafkatx.Record) (r Reported, ok bool, err error) {
	account, id, ok := replayOf(record.Key, kindProgress, progressName)
	if !ok {
		return Reported{}, false, nil
	}
	r = Reported{Account: account, ID: id, Deleted: record.Value == nil}
	if !r.Deleted {
		r.Progress, err = decodeProgress(record.Value)
	}
	return r, true, err
}

// replayOf is which replay a key is about, if it is of the given kind. Most keys are not.
func replayOf(record []byte, of kind, suffix string) (account attempt.Account, id string, ok bool) {
	name, _, found := bytes.Cut(record, []byte("/"))
	if !found || !bytes.HasSuffix(record, []byte(suffix)) {
		return "", "", false
	}
	account = attempt.Account(name)
	k, _, err := parseKey(account, record)
	return account, k.replay, err == nil && k.kind == of
}
