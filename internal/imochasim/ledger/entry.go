package ledger

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
	"unicode/utf8"

	"attemptstream/internal/attempt"
)

// Pending is the status of an invitation that was sent again. The API shows it in no state.
const Pending attempt.Status = "Pending"

// StateOf is the state that shows a status; false for Pending, which none does.
func StateOf(status attempt.Status) (attempt.State, bool) {
	switch status {
	case Pending:
		return "", false
	case "Cancelled":
		return attempt.Cancelled, true
	case "Expired":
		return attempt.Expired, true
	}
	return attempt.Completed, true
}

// A Class says what must become of an entry that is shown.
type Class string

const (
	Event  Class = "event"  // it is an attempt
	Letter Class = "letter" // it cannot be one: a dead letter
	Either Class = "either" // the contract leaves it open: it may be told or be a dead letter, once
)

// An Entry is one thing that happened: an invitation took a status, or something strange stands in the API's answers.
type Entry struct {
	Account attempt.Account `json:"account"`
	Class   Class           `json:"class"`
	State   attempt.State   `json:"state,omitempty"` // empty for Pending
	ID      int64           `json:"id,omitempty"`
	Status  attempt.Status  `json:"status,omitempty"`
	At      time.Time       `json:"at"`
	Visible time.Time       `json:"visible"` // when the API begins to show it; after At for a late arrival
	// Unsure is set where the simulator, as it was configured, may never have shown it.
	Unsure bool `json:"unsure,omitempty"`
	// Raw is the entry as it is shown, where it was added as such.
	Raw string `json:"raw,omitempty"`
}

func (e *Entry) late() bool { return e.Visible.After(e.At) }

// Classify says what an entry of an answer is, and the id and status that it has where it can be told.
func Classify(raw []byte) (class Class, id int64, status attempt.Status) {
	var members struct {
		ID     json.RawMessage `json:"testInvitationId"`
		Status json.RawMessage `json:"testStatus"`
	}
	var object map[string]json.RawMessage
	if json.Unmarshal(raw, &object) != nil || object == nil {
		return Letter, 0, ""
	}
	members.ID, members.Status = object["testInvitationId"], object["testStatus"]
	var text *string
	if json.Unmarshal(members.Status, &text) != nil || text == nil || *text == "" {
		return Letter, 0, ""
	}
	var number json.Number
	if len(members.ID) == 0 || members.ID[0] == '"' || json.Unmarshal(members.ID, &number) != nil || number == "" {
		return Letter, 0, ""
	}
	status = attempt.Status(*text)
	repeated := bytes.Count(raw, []byte(`"testInvitationId"`)) > 1 || bytes.Count(raw, []byte(`"testStatus"`)) > 1
	id, err := number.Int64()
	switch {
	case err != nil && !bytes.ContainsAny(members.ID, ".eE"): // beyond 64 bits
		return Letter, 0, ""
	case err != nil:
		f, err := number.Float64()
		if err != nil || f != float64(int64(f)) {
			return Letter, 0, ""
		}
		return Either, int64(f), status
	case id <= 0 || repeated || len(status) > attempt.MaxStatusLength || status == Pending:
		return Either, id, status
	}
	return Event, id, status
}

// A line is an entry in JSON, where a string cannot hold what is not UTF-8.
type line struct {
	Entry
	Bytes []byte `json:"rawBase64,omitempty"` // instead of raw
}

// Write writes entries as JSON lines.
func Write(w io.Writer, entries []Entry) error {
	b := bufio.NewWriter(w)
	encoder := json.NewEncoder(b)
	encoder.SetEscapeHTML(false)
	for _, e := range entries {
		l := line{Entry: e}
		if !utf8.ValidString(e.Raw) {
			l.Raw, l.Bytes = "", []byte(e.Raw)
		}
		if err := encoder.Encode(&l); err != nil {
			return fmt.Errorf("write the ledger: %w", err)
		}
	}
	if err := b.Flush(); err != nil {
		return fmt.Errorf("write the ledger: %w", err)
	}
	return nil
}

// Read reads what Write wrote.
func Read(r io.Reader) ([]Entry, error) {
	var entries []Entry
	decoder := json.NewDecoder(r)
	for {
		var l line
		if err := decoder.Decode(&l); errors.Is(err, io.EOF) {
			return entries, nil
		} else if err != nil {
			return nil, fmt.Errorf("read the ledger after %d entries: %w", len(entries), err)
		}
		if l.Bytes != nil {
			l.Raw = string(l.Bytes)
		}
		entries = append(entries, l.Entry)
	}
}
