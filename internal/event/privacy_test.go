package event_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"attemptstream/internal/attempt"
	"attemptstream/internal/event"
	"attemptstream/internal/event/eventtest"
)

var hashKey = []byte("0123456789abcdef")

func hashed(s string) string {
	h := hmac.New(sha256.New, hashKey)
	h.Write([]byte(s))
	return "hmac-sha256:" + hex.EncodeToString(h.Sum(nil))
}

func TestPolicy(t *testing.T) {
	t.Parallel()
	additional := members(
		"Email", `" MAY@example.COM\t"`,
		" NAME ", `["May"]`,
		"link", `"https://example.com/?who=May@Example.com&x=1"`,
		"maybe", `"Maybe"`,
		"who", `{"name":{"first":"May"},"id":7,"e-mail":"\u006day@example.com","list":["may","june",{"email":null}]}`,
		"broken", `{"mail":"may@example.com"`,
		"may@example.com", `1`,
		"email", `"other@example.com"`,
	)
	tests := map[string]struct {
		policy      event.Policy
		name, email any // nil: left out
		additional  string
	}{
		"plain": {event.Plain, " May", "May@Example.com ", `{"Email":" MAY@example.COM\t"," NAME ":["May"],"link":"https://example.com/?who=May@Example.com&x=1","maybe":"Maybe",` +
			`"who":{"name":{"first":"May"},"id":7,"e-mail":"may@example.com","list":["may","june",{"email":null}]},"broken":"{\"mail\":\"may@example.com\"","may@example.com":1,"email":"other@example.com"}`},
		"hash": {event.Hash, hashed("May"), hashed("may@example.com"), `{"Email":"` + hashed("may@example.com") + `","link":"` + hashed("https://example.com/?who=may@example.com&x=1") + `","maybe":"Maybe",` +
			`"who":{"id":7,"e-mail":"` + hashed("may@example.com") + `","list":["` + hashed("may") + `","june",{}]},"email":"` + hashed("other@example.com") + `"}`},
		"drop": {event.Drop, nil, nil, `{"maybe":"Maybe","who":{"id":7,"list":["june",{}]}}`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := contractObservation()
			o.Attempt.Name, o.Attempt.Email, o.Attempt.Additional = attempt.Some(" May"), attempt.Some("May@Example.com "), additional
			value := newEncoder(t, test.policy, hashKey).AppendValue(nil, &o)
			eventtest.Validate(t, value)
			var got struct {
				Attempt struct {
					Name, Email any
					Additional  json.RawMessage
				}
			}
			if err := json.Unmarshal(value, &got); err != nil {
				t.Fatal(err)
			}
			if got.Attempt.Name != test.name || got.Attempt.Email != test.email {
				t.Errorf("name %v and email %v, want %v and %v", got.Attempt.Name, got.Attempt.Email, test.name, test.email)
			}
			if string(got.Attempt.Additional) != test.additional {
				t.Errorf("additional\n%s, want\n%s", got.Attempt.Additional, test.additional)
			}
		})
	}
}

func TestPolicyOfAbsentAndEmpty(t *testing.T) {
	t.Parallel()
	for _, p := range []event.Policy{event.Plain, event.Hash, event.Drop} {
		o := contractObservation()
		o.Attempt.Name, o.Attempt.Email = attempt.Some(""), attempt.Optional[string]{}
		o.Attempt.Additional = members("code", `""`)
		e := eventtest.Validate(t, newEncoder(t, p, hashKey).AppendValue(nil, &o))
		if e.Attempt.Email != nil {
			t.Errorf("%v: email %q, want none", p, *e.Attempt.Email)
		}
		if wantName := p != event.Drop; (e.Attempt.Name != nil) != wantName || wantName && *e.Attempt.Name != "" {
			t.Errorf("%v: name %v, want an empty one unless dropped", p, e.Attempt.Name)
		}
		if string(e.Attempt.Additional["code"]) != `""` {
			t.Errorf("%v: additional %q, want the empty code as it came", p, e.Attempt.Additional)
		}
	}
	o := contractObservation()
	o.Attempt.Additional = members("EMAIL", `"may@example.com"`)
	if value := newEncoder(t, event.Drop, nil).AppendValue(nil, &o); bytes.Contains(value, []byte("additional")) {
		t.Errorf("an empty additional is left in %s", value)
	}
}

// Whatever the answer looks like, the name and the email of the attempt are in no value and no header under another
// policy than Plain.
func TestPersonalDataDoesNotLeak(t *testing.T) {
	t.Parallel()
	keyed := map[event.Policy]*event.Encoder{event.Hash: newEncoder(t, event.Hash, hashKey), event.Drop: newEncoder(t, event.Drop, nil)}
	rapid.Check(t, func(t *rapid.T) {
		const person, address = "Zoë Quartermaine", "zoe.q+x@mail.example.org"
		spelled := rapid.SampledFrom([]string{person, address, strings.ToUpper(person), strings.ToUpper(address), " " + address + " ", "mailto:" + address, `"Zoe" <` + address + ">"})
		leaf := rapid.OneOf(rapid.Map(spelled, func(s string) any { return s }), rapid.Map(rapid.Int(), func(n int) any { return n }), rapid.Just[any](nil))
		called := rapid.SampledFrom([]string{"name", "eMail", "note", address, "\tname"})
		tree := leaf
		for range rapid.IntRange(0, 4).Draw(t, "depth") {
			inner := tree
			tree = rapid.OneOf(leaf,
				rapid.Map(rapid.MapOfN(called, inner, 0, 3), func(m map[string]any) any { return m }),
				rapid.Map(rapid.SliceOfN(inner, 0, 3), func(s []any) any { return s }))
		}
		o := contractObservation()
		o.Attempt.Name, o.Attempt.Email, o.Attempt.InvitationType = attempt.Some(person), attempt.Some(address), attempt.Some("api")
		for range rapid.IntRange(0, 4).Draw(t, "members") {
			text, err := json.Marshal(tree.Draw(t, "value"))
			if err != nil {
				t.Fatal(err)
			}
			cut := rapid.SampledFrom([]int{0, 0, 0, 1}).Draw(t, "cut")
			o.Attempt.Additional = append(o.Attempt.Additional, members(called.Draw(t, "called"), string(text[:len(text)-cut]))...)
		}
		for p, e := range keyed {
			value := e.AppendValue(nil, &o)
			if _, err := eventtest.Check(value); err != nil {
				t.Fatalf("%v: %v in %s", p, err, value)
			}
			for _, h := range headersOf(t, e, &o) {
				value = append(value, h.Value...)
			}
			for _, secret := range []string{"quartermaine", "mail.example", "zoe.q"} {
				if strings.Contains(strings.ToLower(string(value)), secret) {
					t.Fatalf("%v: %q is in %s", p, secret, value)
				}
			}
		}
	})
}

func TestParsePolicy(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]event.Policy{"plain": event.Plain, "hash": event.Hash, "drop": event.Drop} {
		if got, err := event.ParsePolicy(name); err != nil || got != want || got.String() != name {
			t.Errorf("ParsePolicy(%q) is %v, %v", name, got, err)
		}
	}
	for _, name := range []string{"", "Plain", "none"} {
		if _, err := event.ParsePolicy(name); err == nil || !strings.Contains(err.Error(), "want plain, hash or drop") {
			t.Errorf("ParsePolicy(%q): error %v, want one that names the policies", name, err)
		}
	}
}

func TestNewEncoderRefuses(t *testing.T) {
	t.Parallel()
	if _, err := event.NewEncoder(event.Hash, hashKey[:15]); err == nil || strings.Contains(err.Error(), "0123") {
		t.Errorf("a key of 15 bytes: error %v, want one without the key", err)
	}
	if _, err := event.NewEncoder(event.Policy(3), hashKey); err == nil {
		t.Error("an unknown policy is taken")
	}
}

func TestHashKeyIsCopied(t *testing.T) {
	t.Parallel()
	key := bytes.Clone(hashKey)
	e := newEncoder(t, event.Hash, key)
	clear(key)
	o := contractObservation()
	if got := eventtest.Validate(t, e.AppendValue(nil, &o)); *got.Attempt.Name != hashed("May") {
		t.Errorf("name %q, want the hash with the key as it was", *got.Attempt.Name)
	}
}
