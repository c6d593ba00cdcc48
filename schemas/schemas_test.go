package schemas_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"attemptstream/internal/attempt"
	"attemptstream/internal/event"
	"attemptstream/internal/event/eventtest"
	"attemptstream/schemas"
)

// contractExample is the event that downstream services were shown: the one that the encoder's tests reproduce.
func contractExample(t *testing.T) []byte {
	t.Helper()
	text, err := os.ReadFile("../internal/event/testdata/contract.json")
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func load(t *testing.T, name string) map[string]any {
	t.Helper()
	file, err := schemas.Files.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	document, err := jsonschema.UnmarshalJSON(file)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return document.(map[string]any)
}

// compile returns the schema at a JSON pointer of a document.
func compile(t *testing.T, name, pointer string) *jsonschema.Schema {
	t.Helper()
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	for _, file := range []string{schemas.TestAttemptObserved, schemas.AsyncAPI} {
		if err := compiler.AddResource("file:///"+file, load(t, file)); err != nil {
			t.Fatal(err)
		}
	}
	schema, err := compiler.Compile("file:///" + name + "#" + pointer)
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

// The compiler checks the schema against its own meta-schema.
func TestSchemaTakesTheContractAndItsExamples(t *testing.T) {
	t.Parallel()
	eventtest.Validate(t, contractExample(t))
	examples := load(t, schemas.TestAttemptObserved)["examples"].([]any)
	if len(examples) == 0 {
		t.Fatal("the schema has no examples")
	}
	for _, example := range examples {
		value, err := json.Marshal(example)
		if err != nil {
			t.Fatal(err)
		}
		eventtest.Validate(t, value)
	}
}

func TestSchemaRefuses(t *testing.T) {
	t.Parallel()
	schema := compile(t, schemas.TestAttemptObserved, "")
	change := func(change func(e map[string]any)) func() any {
		return func() any {
			v, err := jsonschema.UnmarshalJSON(bytes.NewReader(contractExample(t)))
			if err != nil {
				t.Fatal(err)
			}
			change(v.(map[string]any))
			return v
		}
	}
	inner := func(outer, member string, value any) func() any {
		return change(func(e map[string]any) { e[outer].(map[string]any)[member] = value })
	}
	set := func(member string, value any) func() any {
		return change(func(e map[string]any) { e[member] = value })
	}
	number := func(s string) any { return json.Number(s) }

	taken := map[string]func() any{
		"as it is":      change(func(map[string]any) {}),
		"late":          set("late", true),
		"replay":        set("replay", map[string]any{"id": "r-1"}),
		"greatest id":   inner("attempt", "testInvitationId", number("9223372036854775807")),
		"least id":      inner("attempt", "testInvitationId", number("-9223372036854775808")),
		"new status":    inner("attempt", "testStatus", "Ünknown\n"),
		"no name":       change(func(e map[string]any) { delete(e["attempt"].(map[string]any), "name") }),
		"any addition":  inner("attempt", "additional", map[string]any{"x": nil}),
		"came back":     set("eventId", "default:2655161:Completed@2026-11-23T21:39:30Z"),
		"longest names": set("account", strings.Repeat("a", 64)),
	}
	for name, value := range taken {
		if err := schema.Validate(value()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}

	refused := map[string]func() any{
		"not an object":       func() any { return []any{} },
		"another type":        set("eventType", "TestAttemptTold"),
		"another version":     set("schemaVersion", number("2")),
		"version as text":     set("schemaVersion", "1"),
		"eventId no id":       set("eventId", "default:Completed"),
		"eventId zeros":       set("eventId", "default:007:Completed"),
		"seconds only":        set("observedAt", "2026-11-23T21:40:03Z"),
		"offset":              set("observedAt", "2026-11-23T21:40:03.512+01:00"),
		"no such day":         set("observedAt", "2026-02-30T21:40:03.512Z"),
		"account with space":  set("account", "a b"),
		"account too long":    set("account", strings.Repeat("a", 65)),
		"unknown state":       set("state", "pending"),
		"state's case":        set("state", "Completed"),
		"window in fractions": inner("window", "start", "2026-11-23T21:30:00.000Z"),
		"window no time":      inner("window", "end", "2026-11-23"),
		"window no such hour": inner("window", "end", "2026-11-23T25:00:00Z"),
		"window with more":    inner("window", "inclusive", true),
		"late is false":       set("late", false),
		"replay no object":    set("replay", "r-1"),
		"replay no id":        set("replay", map[string]any{}),
		"replay empty id":     set("replay", map[string]any{"id": ""}),
		"replay with more":    set("replay", map[string]any{"id": "r-1", "by": "me"}),
		"unknown member":      set("traceparent", "x"),
		"id as text":          inner("attempt", "testInvitationId", "2655161"),
		"id in halves":        inner("attempt", "testInvitationId", number("1.5")),
		"id too great":        inner("attempt", "testInvitationId", number("9223372036854775808")),
		"id too small":        inner("attempt", "testInvitationId", number("-9223372036854775809")),
		"testId null":         inner("attempt", "testId", nil),
		"name null":           inner("attempt", "name", nil),
		"email no text":       inner("attempt", "email", number("1")),
		"type of the API":     inner("attempt", "invitationtype", "api"),
		"status too long":     inner("attempt", "testStatus", strings.Repeat("a", attempt.MaxStatusLength+1)),
		"nothing in addition": inner("attempt", "additional", map[string]any{}),
		"addition is a list":  inner("attempt", "additional", []any{number("1")}),
		"window no start":     change(func(e map[string]any) { delete(e["window"].(map[string]any), "start") }),
		"window no end":       change(func(e map[string]any) { delete(e["window"].(map[string]any), "end") }),
		"attempt no id":       change(func(e map[string]any) { delete(e["attempt"].(map[string]any), "testInvitationId") }),
		"attempt no status":   change(func(e map[string]any) { delete(e["attempt"].(map[string]any), "testStatus") }),
	}
	for _, member := range []string{"eventType", "schemaVersion", "eventId", "observedAt", "account", "state", "window", "attempt"} {
		refused["no "+member] = change(func(e map[string]any) { delete(e, member) })
		refused[member+" null"] = set(member, nil)
	}
	for name, value := range refused {
		if schema.Validate(value()) == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

// TestStatesAgree holds the lists of states in the documents to that of the program.
func TestStatesAgree(t *testing.T) {
	t.Parallel()
	var want []string
	for _, s := range attempt.States() {
		want = append(want, string(s))
	}
	slices.Sort(want)
	for name, path := range map[string][]string{
		schemas.TestAttemptObserved: {"properties", "state", "enum"},
		schemas.AsyncAPI:            {"components", "schemas", "state", "enum"},
	} {
		var at any = load(t, name)
		for _, step := range path {
			at = at.(map[string]any)[step]
		}
		var got []string
		for _, s := range at.([]any) {
			got = append(got, s.(string))
		}
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("%s: states %q, want %q", name, got, want)
		}
	}
}

func TestAsyncAPIReferencesResolve(t *testing.T) {
	t.Parallel()
	document := load(t, schemas.AsyncAPI)
	found := 0
	var visit func(path string, node any)
	visit = func(path string, node any) {
		switch node := node.(type) {
		case []any:
			for i, v := range node {
				visit(fmt.Sprintf("%s/%d", path, i), v)
			}
		case map[string]any:
			if ref, ok := node["$ref"].(string); ok {
				found++
				if err := resolve(t, document, ref); err != nil {
					t.Errorf("%s: %v", path, err)
				}
			}
			for _, member := range slices.Sorted(maps.Keys(node)) {
				visit(path+"/"+member, node[member])
			}
		}
	}
	visit("", document)
	if found < 10 {
		t.Errorf("found only %d references", found)
	}
}

func resolve(t *testing.T, document any, ref string) error {
	t.Helper()
	file, pointer, _ := strings.Cut(ref, "#")
	if file != "" {
		document = load(t, strings.TrimPrefix(file, "./"))
	}
	for _, step := range strings.Split(pointer, "/")[1:] {
		object, ok := document.(map[string]any)
		if document = object[step]; !ok || document == nil {
			return fmt.Errorf("%s: there is no %q", ref, step)
		}
	}
	return nil
}

// TestAsyncAPIExamples holds the messages' examples to their schemas, and the schemas to what is really sent.
func TestAsyncAPIMessages(t *testing.T) {
	t.Parallel()
	encoder, err := event.NewEncoder(event.Plain, nil)
	if err != nil {
		t.Fatal(err)
	}
	window := attempt.Window{Start: 1_800_000_000, End: 1_800_000_600}
	o := event.Observation{
		Account: "a.b_c-1", State: attempt.Expired, Window: window, ObservedAt: window.End.Time(), Replay: "r-1", CameBack: true,
		Attempt: attempt.Attempt{ID: -1 << 63, Status: "Expired"},
	}
	record, err := eventtest.Record(encoder.Form(&o).AppendBody(nil, &o.Attempt))
	if err != nil {
		t.Fatal(err)
	}
	var headers []event.Header
	for _, h := range record.Headers {
		headers = append(headers, event.Header(h))
	}
	letter := event.DeadLetter{Account: "default", State: attempt.Cancelled, Window: window, Reason: "not an object", Raw: "[]"}
	messages := load(t, schemas.AsyncAPI)["components"].(map[string]any)["messages"].(map[string]any)
	for name, sent := range map[string]struct {
		headers []event.Header
		payload string
		key     []byte
		schema  string // of the payload, in the message
	}{
		"TestAttemptObserved": {headers, string(record.Value), record.Key, "/payload/schema"},
		"DeadLetter":          {letter.Headers(), letter.Raw, letter.AppendKey(nil), "/payload"},
	} {
		at := "/components/messages/" + name
		headers := compile(t, schemas.AsyncAPI, at+"/headers")
		payload := compile(t, schemas.AsyncAPI, at+sent.schema)
		key := compile(t, schemas.AsyncAPI, at+"/bindings/kafka/key")
		examples := messages[name].(map[string]any)["examples"].([]any)
		if len(examples) == 0 {
			t.Errorf("%s has no examples", name)
		}
		for _, example := range examples {
			example := example.(map[string]any)
			if err := headers.Validate(example["headers"]); err != nil {
				t.Errorf("%s, example %v: headers: %v", name, example["name"], err)
			}
			if err := payload.Validate(example["payload"]); err != nil {
				t.Errorf("%s, example %v: payload: %v", name, example["name"], err)
			}
		}
		values := map[string]any{}
		for _, h := range sent.headers {
			values[h.Key] = string(h.Value)
		}
		if err := headers.Validate(values); err != nil {
			t.Errorf("%s: the headers that are sent: %v", name, err)
		}
		value, err := jsonschema.UnmarshalJSON(strings.NewReader(sent.payload))
		if err != nil {
			t.Fatal(err)
		}
		if err := payload.Validate(value); err != nil {
			t.Errorf("%s: the payload that is sent: %v", name, err)
		}
		if err := key.Validate(string(sent.key)); err != nil {
			t.Errorf("%s: the key that is sent: %v", name, err)
		}
		for _, missing := range slices.Sorted(maps.Keys(values)) {
			without := maps.Clone(values)
			delete(without, missing)
			if missing != "replay" && headers.Validate(without) == nil {
				t.Errorf("%s: headers without %s are taken", name, missing)
			}
		}
	}
}

// TestAsyncAPIChannels holds the topics' names to the contract.
func TestAsyncAPIChannels(t *testing.T) {
	t.Parallel()
	document := load(t, schemas.AsyncAPI)
	if document["asyncapi"] != "3.0.0" {
		t.Errorf("AsyncAPI is %v, want 3.0.0", document["asyncapi"])
	}
	var addresses []string
	for _, channel := range document["channels"].(map[string]any) {
		addresses = append(addresses, channel.(map[string]any)["address"].(string))
	}
	slices.Sort(addresses)
	if want := []string{"{topic}", "{topic}.dlq"}; !slices.Equal(addresses, want) {
		t.Errorf("addresses %q, want %q", addresses, want)
	}
	topic := document["components"].(map[string]any)["parameters"].(map[string]any)["topic"].(map[string]any)
	if topic["default"] != "test-attempts" {
		t.Errorf("the topic's default is %v, want test-attempts", topic["default"])
	}
}
