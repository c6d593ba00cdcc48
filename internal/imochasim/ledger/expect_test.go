package ledger_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"attemptstream/internal/attempt"
	"attemptstream/internal/imochasim/ledger"
)

// epoch is a whole second from which the tests count.
var epoch = time.Date(2026, 11, 23, 21, 0, 0, 0, time.UTC)

func at(seconds float64) time.Time { return epoch.Add(time.Duration(seconds * float64(time.Second))) }

// entries reads "Expired@10 Completed@20.5~300": statuses of invitation 1 by the time that they are taken and, after ~,
// by the time that they become visible. A ? marks what the simulator may never have shown.
func entries(t testing.TB, text string) []ledger.Entry {
	t.Helper()
	var out []ledger.Entry
	for _, word := range strings.Fields(text) {
		e := ledger.Entry{Account: "default", Class: ledger.Event, ID: 1}
		word, e.Unsure = strings.CutSuffix(word, "?")
		status, times, ok := strings.Cut(word, "@")
		taken, shown, late := strings.Cut(times, "~")
		if !late {
			shown = taken
		}
		var a, v float64
		if _, err := fmt.Sscan(taken+" "+shown, &a, &v); err != nil || !ok {
			t.Fatalf("%q: %v", word, err)
		}
		e.Status, e.At, e.Visible = attempt.Status(status), at(a), at(v)
		e.State, _ = ledger.StateOf(e.Status)
		out = append(out, e)
	}
	return out
}

// spell writes events as "Expired (Completed) Expired+": those that need not be told in brackets, a + where an event may
// be late.
func spell(events []ledger.Expectation) string {
	var words []string
	for _, e := range events {
		word := string(e.Status)
		if e.Late {
			word += "+"
		}
		if !e.Required {
			word = "(" + word + ")"
		}
		words = append(words, word)
	}
	return strings.Join(words, " ")
}

func TestExpect(t *testing.T) {
	t.Parallel()
	window := ledger.Scope{From: at(100), To: at(200)}
	tests := map[string]struct {
		life  string
		scope ledger.Scope
		want  string
	}{
		"once":                              {"Completed@10", ledger.Scope{}, "Completed"},
		"every status":                      {"Cancelled@10 Expired@20 Completed@30 Testleft@40", ledger.Scope{}, "Cancelled Expired Completed Testleft"},
		"resent and completed":              {"Expired@10 Pending@20 Completed@30", ledger.Scope{}, "Expired Completed"},
		"resent and expired again":          {"Expired@10 Pending@20 Expired@30", ledger.Scope{}, "Expired"},
		"consecutive equal statuses":        {"Expired@10 Expired@20 Completed@30 Completed@90", ledger.Scope{}, "Expired Completed"},
		"come-back":                         {"Expired@10 Cancelled@20 Expired@30", ledger.Scope{}, "Expired Cancelled Expired"},
		"come-back through Pending":         {"Expired@10 Cancelled@20 Pending@25 Expired@30 Pending@50", ledger.Scope{}, "Expired Cancelled Expired"},
		"come-backs":                        {"Expired@10 Cancelled@20 Expired@30 Cancelled@40 Expired@50", ledger.Scope{}, "Expired Cancelled Expired Cancelled Expired"},
		"out of order in the ledger":        {"Expired@30 Cancelled@20 Expired@10", ledger.Scope{}, "Expired Cancelled Expired"},
		"same second: the contract's order": {"Completed@10.1 Expired@10.5 Cancelled@10.9", ledger.Scope{}, "Cancelled Expired Completed"},
		"same second, there and back":       {"Cancelled@10.1 Expired@10.5 Cancelled@10.9", ledger.Scope{}, "Cancelled Expired"},
		"across a whole second":             {"Completed@9.9 Cancelled@10", ledger.Scope{}, "Completed Cancelled"},
		"quick come-back":                   {"Expired@10 Cancelled@11 Expired@12", ledger.Scope{}, "Expired Cancelled (Expired)"},
		"quick by whole seconds":            {"Expired@10 Cancelled@11 Expired@12.9", ledger.Scope{}, "Expired Cancelled (Expired)"},
		"not that quick":                    {"Expired@10.9 Cancelled@11 Expired@13", ledger.Scope{}, "Expired Cancelled Expired"},
		"quick after equal ones":            {"Expired@10 Expired@18 Cancelled@19 Expired@20", ledger.Scope{}, "Expired Cancelled (Expired)"},
		"quick, and what follows from it":   {"Expired@10 Cancelled@11 Expired@12 Cancelled@60", ledger.Scope{}, "Expired Cancelled (Expired) (Cancelled)"},
		"quick, and then something else":    {"Expired@10 Cancelled@11 Expired@12 Completed@60 Expired@90", ledger.Scope{}, "Expired Cancelled (Expired) Completed Expired"},
		"late":                              {"Completed@10~500", ledger.Scope{}, "Completed+"},
		"late between":                      {"Expired@10 Cancelled@20~500 Expired@30", ledger.Scope{}, "Expired Cancelled+ (Expired)"},
		"late come-back":                    {"Expired@10 Cancelled@20 Expired@30~500", ledger.Scope{}, "Expired Cancelled (Expired+)"},
		"come-back after a late first time": {"Expired@10~500 Cancelled@20 Expired@30", ledger.Scope{}, "(Expired+) Cancelled Expired"},
		"never shown for sure":              {"Expired@10? Completed@20", ledger.Scope{}, "(Expired) Completed"},
		"gaps":                              {"Expired@10 Cancelled@20 Expired@30", ledger.Scope{Gaps: true}, "Expired+ Cancelled+ (Expired+)"},
		"one state":                         {"Expired@10 Cancelled@20 Expired@30", ledger.Scope{States: []attempt.State{attempt.Expired}}, "Expired"},
		"before and after the scope":        {"Expired@98.9 Cancelled@99 Completed@200", window, "(Cancelled) (Completed)"},
		"just in the scope":                 {"Expired@100 Cancelled@199.9", window, "Expired Cancelled"},
		"visible too late":                  {"Expired@100~400 Cancelled@101~300", ledger.Scope{Seen: at(300)}, "(Expired+) Cancelled+"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			expected := ledger.Expect(entries(t, test.life), test.scope)
			if got := spell(expected.Invitations[1]); got != test.want {
				t.Errorf("%s: %q, want %q", test.life, got, test.want)
			}
			if n := len(strings.Fields(test.want)) - strings.Count(test.want, "("); expected.Required() != n {
				t.Errorf("%s: %d required, want %d", test.life, expected.Required(), n)
			}
		})
	}
}

func TestClassify(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]ledger.Class{
		`{"testInvitationId":7,"testStatus":"Completed"}`:                           ledger.Event,
		`{"testStatus":"New one","name":[],"testInvitationId":9223372036854775807}`: ledger.Event,
		`{"testInvitationId":7,"testStatus":"` + strings.Repeat("x", 128) + `"}`:    ledger.Event,
		`{"testInvitationId":7,"testStatus":"` + strings.Repeat("x", 129) + `"}`:    ledger.Either,
		`{"testInvitationId":7.0,"testStatus":"Completed"}`:                         ledger.Either,
		`{"testInvitationId":7e2,"testStatus":"Completed"}`:                         ledger.Either,
		`{"testInvitationId":-7,"testStatus":"Completed"}`:                          ledger.Either,
		`{"testInvitationId":7,"testInvitationId":8,"testStatus":"Completed"}`:      ledger.Either,
		`{"testInvitationId":7,"testStatus":"Pending"}`:                             ledger.Either,
		`{"testInvitationId":9223372036854775808,"testStatus":"Completed"}`:         ledger.Letter,
		`{"testInvitationId":7.5,"testStatus":"Completed"}`:                         ledger.Letter,
		`{"testInvitationId":"7","testStatus":"Completed"}`:                         ledger.Letter,
		`{"testInvitationId":null,"testStatus":"Completed"}`:                        ledger.Letter,
		`{"testInvitationId":true,"testStatus":"Completed"}`:                        ledger.Letter,
		`{"testStatus":"Completed"}`:                                                ledger.Letter,
		`{"testInvitationId":7}`:                                                    ledger.Letter,
		`{"testInvitationId":7,"testStatus":null}`:                                  ledger.Letter,
		`{"testInvitationId":7,"testStatus":""}`:                                    ledger.Letter,
		`{"testInvitationId":7,"testStatus":1}`:                                     ledger.Letter,
		`null`:                                                                      ledger.Letter, `7`: ledger.Letter, `"x"`: ledger.Letter, `[]`: ledger.Letter, `{}`: ledger.Letter,
	} {
		if got, _, _ := ledger.Classify([]byte(raw)); got != want {
			t.Errorf("%.80s: %s, want %s", raw, got, want)
		}
	}
}

func TestLedgerIsReadAsWritten(t *testing.T) {
	t.Parallel()
	want := entries(t, "Expired@10.25~300 Pending@20 Completed@30?")
	want = append(want, ledger.Entry{Account: "default", Class: ledger.Letter, State: attempt.Expired, At: at(1), Visible: at(1), Raw: "{\"a\":\"<\xff\u2028\"}"})
	var text strings.Builder
	if err := ledger.Write(&text, want); err != nil {
		t.Fatal(err)
	}
	got, err := ledger.Read(strings.NewReader(text.String()))
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%v, error %v, want %v", got, err, want)
	}
	if _, err := ledger.Read(strings.NewReader(`{"id":1}{"id":`)); err == nil {
		t.Error("half a ledger is taken")
	}
}
