package event_test

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
	"pgregory.net/rapid"

	"attemptstream/internal/attempt"
	"attemptstream/internal/event"
	"attemptstream/internal/event/eventtest"
)

// drawText prefers what an encoder can trip over.
func drawText() *rapid.Generator[string] {
	return rapid.OneOf(
		rapid.String(),
		rapid.Map(rapid.SliceOfN(rapid.Byte(), 0, 12), func(b []byte) string { return string(b) }),
		rapid.StringOf(rapid.RuneFrom([]rune("\"\\/\b\x00\x1f\x7f\u2028\uFFFD<&é漢😀a"))),
	)
}

func drawOptional[T any](t *rapid.T, g *rapid.Generator[T], label string) (o attempt.Optional[T]) {
	if rapid.Bool().Draw(t, label+" set") {
		o = attempt.Some(g.Draw(t, label))
	}
	return o
}

func drawObservation(t *rapid.T) event.Observation {
	day := int64(24 * 3600)
	start := attempt.Instant(rapid.Int64Range(0, 40_000*day).Draw(t, "start"))
	ids := rapid.OneOf(rapid.Int64(), rapid.SampledFrom([]int64{0, -1, 1<<53 + 1, math.MaxInt64, math.MinInt64}))
	o := event.Observation{
		Account:    attempt.Account(rapid.StringMatching(`[A-Za-z0-9._-]{1,64}`).Draw(t, "account")),
		State:      rapid.SampledFrom(attempt.States()).Draw(t, "state"),
		Window:     attempt.Window{Start: start, End: start + attempt.Instant(rapid.Int64Range(0, day).Draw(t, "length"))},
		ObservedAt: time.UnixMilli(rapid.Int64Range(0, 40_000*day*1000).Draw(t, "observed")),
		Replay:     rapid.SampledFrom([]string{"", "20261124T214000Z-5f0c", "\"\xff"}).Draw(t, "replay"),
		Attempt: attempt.Attempt{
			ID:             ids.Draw(t, "id"),
			Status:         attempt.Status(drawText().Filter(func(s string) bool { return len(s) <= attempt.MaxStatusLength }).Draw(t, "status")),
			TestID:         drawOptional(t, ids, "testId"),
			Name:           drawOptional(t, drawText(), "name"),
			Email:          drawOptional(t, drawText(), "email"),
			InvitationType: drawOptional(t, drawText(), "invitationType"),
		},
	}
	switch rapid.IntRange(0, 2).Draw(t, "kind") {
	case 1:
		o.Late = true
	case 2:
		o.CameBack = true
	}
	for range rapid.IntRange(0, 15).Draw(t, "members") {
		value := rapid.OneOf(
			rapid.SampledFrom([]string{"null", "true", " -1.5e-7 ", `"x"`, `{"a":1,"a":[2,{"b":3,"b":{}}]}`, "[\n]", "[1,", "{\"\xff\":\"\\u0000\"}", "nul"}), drawText())
		o.Attempt.Additional = append(o.Attempt.Additional, members(rapid.OneOf(drawText(), rapid.SampledFrom([]string{"a", "b"})).Draw(t, "called"), value.Draw(t, "value"))...)
	}
	return o
}

// readable is s as any reader of JSON sees it.
func readable(s string) string {
	var b strings.Builder
	for _, r := range s {
		b.WriteRune(r)
	}
	return b.String()
}

func TestValueSaysTheObservation(t *testing.T) {
	t.Parallel()
	encoder := newEncoder(t, event.Plain, nil)
	rapid.Check(t, func(t *rapid.T) {
		o := drawObservation(t)
		value := encoder.AppendValue(nil, &o)
		got, err := eventtest.Check(value)
		if err != nil {
			t.Fatalf("%v\n%s", err, value)
		}
		if err := strict(value); err != nil {
			t.Fatalf("a strict reader refuses the event: %v\n%q", err, value)
		}
		same := func(what string, got *string, want attempt.Optional[string]) {
			if (got != nil) != want.Set || want.Set && *got != readable(want.Value) {
				t.Fatalf("%s is %v, want %q", what, got, want.Value)
			}
		}
		same("name", got.Attempt.Name, o.Attempt.Name)
		same("email", got.Attempt.Email, o.Attempt.Email)
		same("invitationType", got.Attempt.InvitationType, o.Attempt.InvitationType)
		switch {
		case got.EventID != idOf(&o):
			t.Fatalf("eventId is %q, want %q", got.EventID, idOf(&o))
		case got.CameBack() != o.CameBack || got.Late != o.Late || (got.Replay != nil) != (o.Replay != "") || got.Replay != nil && got.Replay.ID != readable(o.Replay):
			t.Fatalf("%+v does not say how %+v came to be", got, o)
		case got.Account != string(o.Account) || got.State != string(o.State) || got.Attempt.TestStatus != readable(string(o.Attempt.Status)):
			t.Fatalf("%+v is not %+v", got, o)
		case got.Attempt.TestInvitationID != o.Attempt.ID || (got.Attempt.TestID != nil) != o.Attempt.TestID.Set || got.Attempt.TestID != nil && *got.Attempt.TestID != o.Attempt.TestID.Value:
			t.Fatalf("the ids of %+v are not those of %+v", got.Attempt, o.Attempt)
		case !got.ObservedAt.Equal(o.ObservedAt) || !got.Window.Start.Equal(o.Window.Start.Time()) || !got.Window.End.Equal(o.Window.End.Time()):
			t.Fatalf("the times of %+v are not those of %+v", got, o)
		}
		want := map[string]string{} // the last value of each name; what is not JSON, as a string
		for _, m := range o.Attempt.Additional {
			want[readable(m.Name)] = normalJSON(m.Value)
		}
		if len(got.Attempt.Additional) != len(want) {
			t.Fatalf("additional has %d members, want %d", len(got.Attempt.Additional), len(want))
		}
		for called, v := range got.Attempt.Additional {
			if normalJSON(string(v)) != want[called] {
				t.Fatalf("%q is %s, want %s", called, v, want[called])
			}
		}
		headers := headersOf(t, encoder, &o)
		if string(headers[1].Value) != got.EventID {
			t.Fatalf("ce_id %q is not eventId %q", headers[1].Value, got.EventID)
		}
		for _, h := range headers {
			if !utf8.Valid(h.Value) {
				t.Fatalf("header %s is not UTF-8: %q", h.Key, h.Value)
			}
		}
	})
}

// idOf is the id of an event as the contract has it.
func idOf(o *event.Observation) string {
	id := fmt.Sprintf("%s:%d:%s", o.Account, o.Attempt.ID, readable(string(o.Attempt.Status)))
	if o.CameBack {
		id += "@" + o.Window.End.Time().Format(time.RFC3339)
	}
	return id
}

// strict says why a reader that insists on RFC 7493 and one record per line would refuse value.
func strict(value []byte) error {
	// Neither repeated names nor invalid UTF-8 are allowed by default.
	compact, err := jsontext.AppendFormat(nil, value, jsontext.PreserveRawStrings(true))
	if err == nil && string(compact) != string(value) {
		return &json.SyntaxError{}
	}
	return err
}

// normalJSON is text decoded and encoded again, with numbers as they are spelled; of no JSON, the string.
func normalJSON(text string) string {
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	var v any
	if err := decoder.Decode(&v); err != nil || decoder.More() || !json.Valid([]byte(text)) {
		v = readable(text)
	}
	normal, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(normal)
}

func FuzzAdditional(f *testing.F) {
	for _, seed := range []string{`{"a":1,"a":2}`, "[[[", "\"\xff\"", `"\ud800"`, "1 2", "", `{"email":"x"}`} {
		f.Add("a", seed)
	}
	e := newEncoder(f, event.Plain, nil)
	h := newEncoder(f, event.Hash, hashKey)
	f.Fuzz(func(t *testing.T, called, text string) {
		o := contractObservation()
		o.Attempt.Additional = members(called, text, "after", "1")
		for _, value := range [][]byte{e.AppendValue(nil, &o), h.AppendValue(nil, &o)} {
			eventtest.Validate(t, value)
			if err := strict(value); err != nil {
				t.Fatalf("%v in %s", err, value)
			}
		}
	})
}

func BenchmarkAppendBody(b *testing.B) {
	plain := contractObservation()
	more := contractObservation()
	more.Attempt.Additional = members("timeZone", `"Europe/Berlin"`, "score", "17.5", "sections", `[{"id":1,"score":8},{"id":2,"score":9.5}]`)
	for _, bench := range []struct {
		name   string
		policy event.Policy
		o      *event.Observation
	}{{"plain", event.Plain, &plain}, {"hash", event.Hash, &plain}, {"drop", event.Drop, &plain}, {"additional", event.Plain, &more}, {"additional/hash", event.Hash, &more}} {
		b.Run(bench.name, func(b *testing.B) {
			form := newEncoder(b, bench.policy, hashKey).Form(bench.o)
			buf := make([]byte, 0, 4096)
			b.ReportAllocs()
			for b.Loop() {
				buf = form.AppendBody(buf[:0], &bench.o.Attempt)
			}
		})
	}
}

// BenchmarkForm is what an answer costs with its first event.
func BenchmarkForm(b *testing.B) {
	e, o := newEncoder(b, event.Plain, nil), contractObservation()
	buf := make([]byte, 0, 4096)
	b.ReportAllocs()
	for b.Loop() {
		buf = e.Form(&o).AppendBody(buf[:0], &o.Attempt)
	}
}
