package audit

import (
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"testing"

	"attemptstream/internal/attempt"
)

// contractEvent is the event that the contract shows, which came back.
const contractEvent = `{"eventType":"TestAttemptObserved","schemaVersion":1,"eventId":"default:2655161:Completed@2026-11-23T21:39:30Z",` +
	`"observedAt":"2026-11-23T21:40:03.512Z","account":"default","state":"completed","window":{"start":"2026-11-23T21:30:00Z","end":"2026-11-23T21:39:30Z"},` +
	`"late":true,"replay":{"id":"r"},"attempt":{"testInvitationId":2655161,"testId":292930,"name":"May","email":"may@example.com","testStatus":"Completed"}}`

// FuzzEvent holds what the audit reads of an event against what encoding/json sees in the same bytes. What it does not
// read, it refuses without a word of the content.
func FuzzEvent(f *testing.F) {
	f.Add([]byte(contractEvent))
	for old, changed := range map[string]string{
		`"late":true`: `"late":{"account":"x"}`, `"late":true,`: `"late":["eventId"],`, `"replay":{"id":"r"}`: `"replay":null`,
		"2655161,": "2655161.0,", `"window":{`: `"window":{},"window":{`, `"attempt":{`: `"attempt":{"testStatus":"x"},"attempt":{`,
		"Completed\"": "Compl\\u0065ted\"", "T21:30:00Z": "T21:30:00.5Z", "default": "d\\ufffd",
	} {
		f.Add([]byte(strings.Replace(contractEvent, old, changed, 1)))
	}
	f.Add([]byte(`{"eventId":":0:"}`))
	f.Add([]byte(strings.Repeat(`{"x":`, 20_000)))
	p := &eventParser{}
	f.Fuzz(func(t *testing.T, value []byte) {
		e, err := p.parse(value)
		if err != nil {
			if !errors.Is(err, errNoEvent) || len(err.Error()) > 80 {
				t.Fatalf("error %v", err)
			}
			return
		}
		var all map[string]json.RawMessage
		var want struct {
			id, account, state, replay, status string
			window                             attempt.Window
			late                               bool
			invitation                         int64
		}
		read := func(text json.RawMessage, into any) {
			t.Helper()
			if text != nil {
				if err := json.Unmarshal(text, into); err != nil {
					t.Fatalf("%s of an event that was taken: %v", text, err)
				}
			}
		}
		members := func(text json.RawMessage) (of map[string]json.RawMessage) {
			t.Helper()
			read(text, &of)
			return of
		}
		read(value, &all)
		read(all["eventId"], &want.id)
		read(all["account"], &want.account)
		read(all["state"], &want.state)
		read(all["late"], &want.late)
		read(members(all["replay"])["id"], &want.replay)
		read(members(all["window"])["start"], &want.window.Start)
		read(members(all["window"])["end"], &want.window.End)
		read(members(all["attempt"])["testInvitationId"], &want.invitation)
		read(members(all["attempt"])["testStatus"], &want.status)
		if e.eventID != want.id || string(e.account) != want.account || string(e.state) != want.state || e.late != want.late ||
			e.replay != want.replay || e.window != want.window || e.id != want.invitation || string(e.status) != want.status {
			t.Fatalf("read as %+v, want %+v", e, want)
		}
		identity := want.account + ":" + strconv.FormatInt(want.invitation, 10) + ":" + want.status
		if e.cameBack != (want.id != identity) || !strings.HasPrefix(want.id, identity) {
			t.Fatalf("eventId %q of %s: came back %v", want.id, identity, e.cameBack)
		}
	})
}
