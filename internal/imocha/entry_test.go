package imocha

import (
	"math"
	"reflect"
	"strings"
	"testing"
	"unsafe"

	"attemptstream/internal/attempt"
)

const good = `"testInvitationId":1,"testStatus":"Completed"`

func some[T any](v T) attempt.Optional[T] { return attempt.Some(v) }

func TestEntries(t *testing.T) {
	t.Parallel()
	type additional = []attempt.Member
	for name, test := range map[string]struct {
		raw  string
		want attempt.Attempt // without Size
	}{
		"all": {
			`{"testInvitationId":2655161,"testId":292930,"name":"May","email":"may@example.com","invitationtype":"api","testStatus":"Completed"}`,
			attempt.Attempt{ID: 2655161, TestID: some[int64](292930), Name: some("May"), Email: some("may@example.com"),
				InvitationType: some("api"), Status: "Completed"},
		},
		"least":  {"{" + good + "}", attempt.Attempt{ID: 1, Status: "Completed"}},
		"spaced": {"{ \n\"testInvitationId\"\t: 1 , \"testStatus\" : \"Completed\"\r\n}", attempt.Attempt{ID: 1, Status: "Completed"}},
		"nulls": {
			"{" + good + `,"testId":null,"name":null,"email":null,"invitationtype":null}`,
			attempt.Attempt{ID: 1, Status: "Completed"},
		},
		"empty strings are there": {"{" + good + `,"name":"","email":""}`, attempt.Attempt{ID: 1, Status: "Completed", Name: some(""), Email: some("")}},
		"beyond 2^53": {
			`{"testInvitationId":9007199254740993,"testId":9223372036854775807,"testStatus":"Completed"}`,
			attempt.Attempt{ID: 9007199254740993, TestID: some[int64](math.MaxInt64), Status: "Completed"},
		},
		"escapes": {
			`{"testInvitationId":1,"testStatus":"Test\u006ceft","n\u0061me":"M\"\u00e4\\\ud83d\ude00\"","email":"a\/b\\"}`,
			attempt.Attempt{ID: 1, Status: "Testleft", Name: some("M\"ä\\😀\""), Email: some(`a/b\`)},
		},
		"not UTF-8": {
			"{" + good + ",\"name\":\"M\xff\",\"x\xfe\":\"\xfd\",\"email\":\"\\n\xff\"}",
			attempt.Attempt{ID: 1, Status: "Completed", Name: some("M\xff"), Email: some("\n\uFFFD"),
				Additional: additional{{Name: "x\xfe", Value: "\"\xfd\""}}},
		},
		"lone surrogate": {"{" + good + `,"name":"\ud800"}`, attempt.Attempt{ID: 1, Status: "Completed", Name: some("\uFFFD")}},
		"unknown members": {
			`{"score":1.50,"testInvitationId":1,"nested": {"a":["}",{"b":"\"]"}]} ,"testStatus":"Completed","gone":null,"list":[1, 2],"score":[]}`,
			attempt.Attempt{ID: 1, Status: "Completed", Additional: additional{{Name: "score", Value: "1.50"},
				{Name: "nested", Value: `{"a":["}",{"b":"\"]"}]}`}, {Name: "gone", Value: "null"}, {Name: "list", Value: "[1, 2]"}, {Name: "score", Value: "[]"}}},
		},
		"names are exact": {
			"{" + good + `,"Name":"a","invitationType":"b","testid":3}`,
			attempt.Attempt{ID: 1, Status: "Completed", Additional: additional{{Name: "Name", Value: `"a"`}, {Name: "invitationType", Value: `"b"`}, {Name: "testid", Value: "3"}}},
		},
		"wrong types": {
			"{" + good + `,"name":5,"x":1,"testId":"7","email":{"a":"b"},"invitationtype":[true]}`,
			attempt.Attempt{ID: 1, Status: "Completed", Additional: additional{{Name: "name", Value: "5"}, {Name: "x", Value: "1"},
				{Name: "testId", Value: `"7"`}, {Name: "email", Value: `{"a":"b"}`}, {Name: "invitationtype", Value: "[true]"}}},
		},
		"no 64-bit testId": {
			"{" + good + `,"testId":1.5}`,
			attempt.Attempt{ID: 1, Status: "Completed", Additional: additional{{Name: "testId", Value: "1.5"}}},
		},
		"the last of a name counts": {
			`{"testInvitationId":"x","name":5,"email":6,"x":1,"testId":7,"testStatus":2,"name":"May","email":null,"testId":true,"testInvitationId":1,"testStatus":"Expired","email":[]}`,
			attempt.Attempt{ID: 1, Status: "Expired", Name: some("May"), Additional: additional{{Name: "x", Value: "1"}, {Name: "testId", Value: "true"}, {Name: "email", Value: "[]"}}},
		},
		"the last is null": {
			"{" + good + `,"name":"May","name":null,"testId":1,"testId":null,"invitationtype":5,"invitationtype":null,"email":"e","email":null}`,
			attempt.Attempt{ID: 1, Status: "Completed"},
		},
		"longest status": {
			`{"testInvitationId":1,"testStatus":"` + strings.Repeat("s", attempt.MaxStatusLength) + `"}`,
			attempt.Attempt{ID: 1, Status: attempt.Status(strings.Repeat("s", attempt.MaxStatusLength))},
		},
		"status as spelt": {`{"testInvitationId":1,"testStatus":" completed "}`, attempt.Attempt{ID: 1, Status: " completed "}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := Entry{Attempt: attempt.Attempt{ID: 99, Name: some("old"), Additional: additional{{Name: "old"}}}, Malformed: &attempt.Malformed{}}
			var p entryParser
			p.parse(test.raw, &e)
			if e.Malformed != nil {
				t.Fatalf("malformed: %s", e.Malformed.Reason)
			}
			test.want.Size = len(test.raw)
			if len(e.Attempt.Additional) == 0 {
				e.Attempt.Additional = nil
			}
			if !reflect.DeepEqual(e.Attempt, test.want) {
				t.Errorf("\n got %+v\nwant %+v", e.Attempt, test.want)
			}
		})
	}
}

func TestMalformedEntries(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]string{
		`null`:                       "it is not an object",
		`5`:                          "it is not an object",
		`"secret"`:                   "it is not an object",
		`[{` + good + `}]`:           "it is not an object",
		`{}`:                         "it has no testInvitationId",
		`{"testStatus":"Completed"}`: "it has no testInvitationId",
		`{"testInvitationId":1}`:     "it has no testStatus",
		`{` + good[:18] + `:null}`:   "it has no testInvitationId",
		`{"testInvitationid":1}`:     "it has no testInvitationId",
		`{"testInvitationId":"secret","testStatus":"Completed"}`:                                       "testInvitationId is not a 64-bit integer",
		`{"testInvitationId":1.5,"testStatus":"Completed"}`:                                            "testInvitationId is not a 64-bit integer",
		`{"testInvitationId":9223372036854775808,"testStatus":"Completed"}`:                            "testInvitationId is not a 64-bit integer",
		`{"testInvitationId":{},"testStatus":"Completed"}`:                                             "testInvitationId is not a 64-bit integer",
		`{"testInvitationId":1,"testInvitationId":true,"testStatus":"C"}`:                              "testInvitationId is not a 64-bit integer",
		`{"testInvitationId":1,"testInvitationId":null,"testStatus":"C"}`:                              "it has no testInvitationId",
		`{"testInvitationId":1,"testStatus":null}`:                                                     "it has no testStatus",
		`{"testInvitationId":1,"testStatus":7}`:                                                        "testStatus is not a string",
		`{"testInvitationId":1,"testStatus":"C","testStatus":["secret"]}`:                              "testStatus is not a string",
		`{"testInvitationId":1,"testStatus":""}`:                                                       "testStatus is empty",
		`{"testInvitationId":1,"testStatus":" \t\u00a0\u2003"}`:                                        "testStatus is empty",
		`{"testInvitationId":1,"testStatus":"` + strings.Repeat("s", attempt.MaxStatusLength+1) + `"}`: "testStatus is longer than 128 bytes",
	} {
		var p entryParser
		var e Entry
		p.parse(raw, &e)
		if e.Malformed == nil {
			t.Errorf("%s: taken", raw)
			continue
		}
		if e.Malformed.Reason != want || e.Malformed.Raw != raw {
			t.Errorf("%s: %q, raw %s, want %q", raw, e.Malformed.Reason, e.Malformed.Raw, want)
		}
		if !reflect.DeepEqual(e.Attempt, attempt.Attempt{}) && len(e.Attempt.Additional) > 0 {
			t.Errorf("%s: there is an attempt beside: %+v", raw, e.Attempt)
		}
	}
}

func TestIntegers(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int64{
		"0": 0, "-0": 0, "0.0": 0, "0e99999999999999999999": 0, "-0.000e-5": 0,
		"2655161": 2655161, "2655161.0": 2655161, "2.655161e6": 2655161, "2655161e0": 2655161, "26551610E-1": 2655161,
		"0.000001e+6": 1, "-12.50e1": -125, "9007199254740993": 9007199254740993,
		"9223372036854775807": math.MaxInt64, "9223372036854775807.000": math.MaxInt64, "9.223372036854775807e18": math.MaxInt64,
		"-9223372036854775808": math.MinInt64, "-9223372036854775808e0": math.MinInt64, "92233720368547758070e-1": math.MaxInt64,
		"100000000000000000000000000000e-29": 1,
	} {
		if n, ok := parseInteger([]byte(text)); !ok || n != want {
			t.Errorf("%s: %d %v, want %d", text, n, ok, want)
		}
	}
	for _, text := range []string{"1.5", "1e-1", "9223372036854775808", "-9223372036854775809", "9223372036854775807.5", "1e19", "1e99999999999999999999",
		"1e-99999999999999999999", "0.1", `"1"`, "true", "null", "{}", "[]"} {
		if n, ok := parseInteger([]byte(text)); ok {
			t.Errorf("%s: taken as %d", text, n)
		}
	}
}

// Statuses outlive their entries, which must not stay in memory for them.
func TestStatusesAreNoPartOfTheirEntry(t *testing.T) {
	t.Parallel()
	var p entryParser
	var e Entry
	raw := "{" + good + "}"
	p.parse(raw, &e)
	from, at := uintptr(unsafe.Pointer(unsafe.StringData(raw))), uintptr(unsafe.Pointer(unsafe.StringData(string(e.Attempt.Status))))
	if from <= at && at < from+uintptr(len(raw)) {
		t.Error("the status is a part of the entry")
	}
}

func TestStatusesAreBounded(t *testing.T) {
	t.Parallel()
	var p entryParser
	var e Entry
	for i := range 10 * maxStatuses {
		p.parse(`{"testInvitationId":1,"testStatus":"`+strings.Repeat("s", i%attempt.MaxStatusLength+1)+string(rune('a'+i/attempt.MaxStatusLength))+`"}`, &e)
	}
	if len(p.statuses) > maxStatuses {
		t.Errorf("%d statuses are kept", len(p.statuses))
	}
}
