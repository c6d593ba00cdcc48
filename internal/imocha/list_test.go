package imocha

import (
	"io"
	"runtime"
	"strings"
	"testing"
	"unsafe"
)

// Entries that lie before the parser as a whole cost neither its time nor memory of their own, whatever is in them; and
// after one that goes another way the next ones do not.
func TestUsualEntriesCostNoAllocation(t *testing.T) {
	const n = 10_000
	for name, entry := range map[string]string{
		"usual":           `{"testInvitationId":2655161,"testId":292930,"name":"May","email":"may@example.com","invitationtype":"api","testStatus":"Completed"}`,
		"another order":   `{"testStatus":"Completed","email":"may@example.com","name":"May","testId":292930,"testInvitationId":2655161}`,
		"white space":     "\n\t{ \"testStatus\": \"Completed\",\n\t\"testInvitationId\": 2655161 }\r\n",
		"escapes":         `{` + good + `,"name":"\u004d\u00e4y"}`,
		"unknown members": `{` + good + `,"score":87.5,"passed":true,"report":{"sections":[{"name":"}"},{}]}}`,
		"wrong types":     `{` + good + `,"name":5,"email":["a"]}`,
	} {
		text := `{"result":{"testAttempts":[` + entry + strings.Repeat(","+entry, n/2) + `,"no object",null,{}` + strings.Repeat(","+entry, n/2) + `]}}`
		allocs := testing.AllocsPerRun(1, func() {
			if problem, err := read(torn([]byte(text), 1, longBuffer, io.EOF), maxEntry, func(*Entry) error { return nil }); problem != nil || err != nil {
				t.Fatal(problem, err)
			}
		})
		if allocs > n/20 {
			t.Errorf("%s: %.2f allocations an entry", name, allocs/n)
		}
	}
}

// Whatever is kept of an answer does not hold much more in memory: what cannot be an attempt, which may be kept longer than all
// others, holds itself, and no slab is longer than it may be.
func TestTextsAreKept(t *testing.T) {
	t.Parallel()
	named := good + `,"name":"` + strings.Repeat("May ", 50) + `"`
	malformed := `{"testInvitationId":1,"testStatus":"","name":"May"}`
	text := `{"result":{"testAttempts":[` + strings.Repeat(`{`+named+`},`, 10) + malformed + strings.Repeat(`,{`+named+`}`, 10_000) + `]}}`
	var got []Entry
	if problem, err := read(strings.NewReader(text), maxEntry, collect(&got)); problem != nil || err != nil {
		t.Fatal(problem, err)
	}
	end, longest, length := uintptr(0), 0, 0
	for i := range got {
		text := got[i].Attempt.Name.Value
		if m := got[i].Malformed; m != nil {
			text = m.Raw
		}
		from := uintptr(unsafe.Pointer(unsafe.StringData(text)))
		switch {
		case got[i].Malformed == nil && from == end:
			length += len(text)
		case got[i].Malformed != nil && from == end:
			t.Error("what is malformed lies in a slab")
		default:
			length = len(text)
		}
		end, longest = from+uintptr(len(text)), max(longest, length)
	}
	if len(got) != 10_011 || longest < slabSize/2 || longest > slabSize {
		t.Errorf("%d entries, slabs of at most %d bytes", len(got), longest)
	}
}

// Of an entry's text only what its strings say takes memory.
func TestMemoryOfTexts(t *testing.T) {
	for name, test := range map[string]struct {
		member string
		kept   int
	}{
		"usual":         {`"name":"Kadomi Terusa","email":"kadomi.terusa@example.com","testId":292930`, 38},
		"no strings":    {`"testId":292930`, 0},
		"escapes":       {`"name":"\u004d\u0061\u0079"`, 3},
		"another field": {`"score":87.5`, 9},
	} {
		const n = 2000
		entry := "{" + good + "," + test.member + "}"
		text := `{"result":{"testAttempts":[` + entry + strings.Repeat(","+entry, n-1) + `]}}`
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		if problem, err := read(strings.NewReader(text), maxEntry, func(*Entry) error { return nil }); problem != nil || err != nil {
			t.Fatal(problem, err)
		}
		runtime.ReadMemStats(&after)
		const others = longBuffer + 16<<10
		if took := int(after.TotalAlloc - before.TotalAlloc); took < n*test.kept || took > n*test.kept*5/4+others {
			t.Errorf("%s: %d bytes for %d entries, of each of which %d are kept", name, took, n, test.kept)
		}
	}
}
