// Package eventtest reads events as a downstream service would: by the schema and with encoding/json, knowing nothing of
// the encoder. Tests hold every event they see to it.
package eventtest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"sync"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"attemptstream/schemas"
)

// An Event is the value of an event's record.
type Event struct {
	EventType     string    `json:"eventType"`
	SchemaVersion int       `json:"schemaVersion"`
	EventID       string    `json:"eventId"`
	ObservedAt    time.Time `json:"observedAt"`
	Account       string    `json:"account"`
	State         string    `json:"state"`
	Window        struct {
		Start time.Time `json:"start"`
		End   time.Time `json:"end"`
	} `json:"window"`
	Late   bool `json:"late"`
	Replay *struct {
		ID string `json:"id"`
	} `json:"replay"`
	Attempt struct {
		TestInvitationID int64                      `json:"testInvitationId"`
		TestID           *int64                     `json:"testId"`
		Name             *string                    `json:"name"`
		Email            *string                    `json:"email"`
		InvitationType   *string                    `json:"invitationType"`
		TestStatus       string                     `json:"testStatus"`
		Additional       map[string]json.RawMessage `json:"additional"`
	} `json:"attempt"`
}

// FirstID is the eventId that e has unless it came back to its status.
func (e *Event) FirstID() string {
	return fmt.Sprintf("%s:%d:%s", e.Account, e.Attempt.TestInvitationID, e.Attempt.TestStatus)
}

// CameBack says whether e tells of an invitation that came back to its status: whether its eventId says so.
func (e *Event) CameBack() bool { return e.EventID != e.FirstID() }

// Parse decodes an event's value.
func Parse(value []byte) (Event, error) {
	decoder := json.NewDecoder(bytes.NewReader(value))
	decoder.DisallowUnknownFields()
	var e Event
	if err := decoder.Decode(&e); err != nil {
		return Event{}, fmt.Errorf("decode the event: %w", err)
	}
	if _, err := decoder.Token(); err != io.EOF {
		return Event{}, fmt.Errorf("decode the event: there is something after it")
	}
	return e, nil
}

// Check parses an event's value and says what of it is not as the schema and the contract want it.
func Check(value []byte) (Event, error) {
	schema, err := compiled()
	if err != nil {
		return Event{}, err
	}
	instance, err := jsonschema.UnmarshalJSON(bytes.NewReader(value))
	if err != nil {
		return Event{}, fmt.Errorf("the event is not JSON: %w", err)
	}
	if err := schema.Validate(instance); err != nil {
		return Event{}, fmt.Errorf("the event breaks its schema: %w", err)
	}
	e, err := Parse(value)
	if err != nil {
		return Event{}, err
	}
	// What a schema cannot say.
	switch id := e.FirstID(); {
	case e.EventID != id && e.EventID != id+"@"+e.Window.End.Format(time.RFC3339):
		return e, fmt.Errorf("eventId is %q, want %q, with or without the end of the window", e.EventID, id)
	case e.Window.End.Before(e.Window.Start):
		return e, fmt.Errorf("the window ends at %v, before it starts at %v", e.Window.End, e.Window.Start)
	}
	// An event may be late and say that its invitation came back: a state that was behind the others shows both.
	return e, nil
}

// Validate is Check, and fails the test where Check fails.
func Validate(t testing.TB, value []byte) Event {
	t.Helper()
	e, err := Check(value)
	if err != nil {
		t.Fatalf("%v\n%s", err, value)
	}
	return e
}

var compiled = sync.OnceValues(func() (*jsonschema.Schema, error) {
	file, err := schemas.Files.Open(schemas.TestAttemptObserved)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	document, err := jsonschema.UnmarshalJSON(file)
	if err != nil {
		return nil, err
	}
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	if err := compiler.AddResource(schemas.TestAttemptObserved, document); err != nil {
		return nil, err
	}
	return compiler.Compile(schemas.TestAttemptObserved)
})
