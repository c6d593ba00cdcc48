package imocha

import (
	"bytes"
	"encoding/json"
	"testing"
	"testing/iotest"

	"github.com/go-json-experiment/json/jsontext"
)

// FuzzAnswer holds the reader against encoding/json, and against itself with another division of the bytes: an answer
// is read whole or not at all, and what is handed out is JSON.
func FuzzAnswer(f *testing.F) {
	for _, seed := range []string{
		golden, golden + " ", golden[:80], `{"errors":[],"result":{"x":1,"testAttempts":[null,5,"x",[{}],{}]}}`,
		`{"result":{"testAttempts":[{"testInvitationId":1.0e3,"n\u0061me":"\ud83d\ude00","testStatus":"A","x":{"y":["}"]},"name":5,"name":null}]}}`,
		`{"result":null,"errors":["e"]}`, "{\"result\":{\"testAttempts\":[{\"testStatus\":\"\xff\\n\",\"testInvitationId\":-0}]}}",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var got, slowly []Entry
		problem, err := read(bytes.NewReader(text), maxEntry, collect(&got))
		again, _ := read(iotest.OneByteReader(bytes.NewReader(text)), maxEntry, collect(&slowly))
		if err != nil || (problem == nil) != (again == nil) || len(got) != len(slowly) {
			t.Fatalf("%v %v, %d entries; byte by byte %v, %d", problem, err, len(got), again, len(slowly))
		}
		for i := range got {
			if m := got[i].Malformed; m != nil {
				isJSON(t, m.Raw)
			}
			for _, member := range got[i].Attempt.Additional {
				isJSON(t, member.Value)
			}
		}
		if problem != nil {
			return
		}
		var want struct{ Result map[string]json.RawMessage }
		var all map[string]json.RawMessage
		var list []json.RawMessage
		if err := json.Unmarshal(text, &all); err != nil {
			t.Fatalf("taken, but not JSON: %v", err)
		}
		if err := json.Unmarshal(all["result"], &want.Result); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(want.Result["testAttempts"], &list); err != nil {
			t.Fatal(err)
		}
		if len(list) != len(got) {
			t.Fatalf("%d entries, want %d", len(got), len(list))
		}
		for i := range list {
			checkEntry(t, &got[i], list[i])
		}
	})
}

func isJSON(t *testing.T, text string) {
	t.Helper()
	if !jsontext.Value(text).IsValid(decodeOptions()...) {
		t.Errorf("not JSON: %q", text)
	}
}

// checkEntry holds what decides on an entry's identity against what encoding/json makes of the same bytes.
func checkEntry(t *testing.T, e *Entry, raw json.RawMessage) {
	t.Helper()
	if e.Malformed != nil {
		if e.Malformed.Raw != string(raw) {
			t.Errorf("%q, want %q", e.Malformed.Raw, raw)
		}
		return
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(raw, &members); err != nil {
		t.Fatal(err)
	}
	if e.Attempt.Size != len(raw) {
		t.Errorf("%q has %d bytes", raw, e.Attempt.Size)
	}
	var id float64
	var status string
	if err := json.Unmarshal(members["testInvitationId"], &id); err != nil || id != float64(e.Attempt.ID) {
		t.Errorf("id %d of %q: %v", e.Attempt.ID, raw, err)
	}
	if err := json.Unmarshal(members["testStatus"], &status); err != nil || status != string([]rune(string(e.Attempt.Status))) {
		t.Errorf("status %q of %q: %v", e.Attempt.Status, raw, err)
	}
}
