package imocha

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"testing/iotest"
	"time"

	"attemptstream/internal/attempt"
)

// golden is the answer that the contract shows.
const golden = `{"result":{"testAttempts":[{"testInvitationId":2655161,"testId":292930,"name":"May","email":"may@example.com","invitationtype":"api","testStatus":"Completed"}]},"errors":null}`

// collect keeps what has to stay valid after the entry is used again.
func collect(into *[]Entry) func(*Entry) error {
	return func(e *Entry) error {
		own := *e
		own.Attempt.Additional = append([]attempt.Member(nil), e.Attempt.Additional...)
		*into = append(*into, own)
		return nil
	}
}

func read(r io.Reader, limit int64, each func(*Entry) error) (*Error, error) {
	_, watch := newWatchdog(context.Background(), time.Hour)
	defer watch.end()
	return readAnswer(newBody(io.NopCloser(r), watch, limit), each)
}

func TestGoldenAnswer(t *testing.T) {
	t.Parallel()
	for name, r := range map[string]io.Reader{
		"at once":      strings.NewReader(golden),
		"byte by byte": iotest.OneByteReader(strings.NewReader(golden)),
		"with its end": iotest.DataErrReader(strings.NewReader(golden)),
	} {
		var got []Entry
		problem, err := read(r, maxEntry, collect(&got))
		want := []Entry{{Attempt: attempt.Attempt{ID: 2655161, TestID: some[int64](292930), Name: some("May"), Email: some("may@example.com"),
			InvitationType: some("api"), Status: "Completed", Size: len(golden) - 17 - 27}}}
		if problem != nil || err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %v %v %+v", name, problem, err, got)
		}
	}
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	entry := "{" + good + "}"
	for name, text := range map[string]string{
		"none":               `{"result":{"testAttempts":[]},"errors":null}`,
		"no errors member":   `{"result":{"testAttempts":[]}}`,
		"errors first":       `{"errors":null,"result":{"testAttempts":[]}}`,
		"errors empty":       `{"errors":[],"result":{"testAttempts":[]},"errors":{},"errors":"","errors":false}`,
		"unknown members":    `{"a":{"result":5},"result":{"page":[1,{}],"testAttempts":[],"b":"c"},"d":[[]]}`,
		"white space around": " \n{\"result\" : {\"testAttempts\":[ ]}}\r\n\t ",
	} {
		problem, err := read(strings.NewReader(text), maxEntry, func(*Entry) error { return errors.New("an entry") })
		if problem != nil || err != nil {
			t.Errorf("%s: %v %v", name, problem, err)
		}
	}
	for name, text := range map[string]string{
		"empty":                  ``,
		"white space":            "  \n",
		"html":                   "<!DOCTYPE html><html>SECRET</html>",
		"text":                   "SECRET",
		"null":                   `null`,
		"array":                  `[]`,
		"string":                 `"SECRET"`,
		"no result":              `{"errors":null}`,
		"result null":            `{"result":null,"errors":null}`,
		"result string":          `{"result":"SECRET"}`,
		"result array":           `{"result":[` + entry + `]}`,
		"no testAttempts":        `{"result":{}}`,
		"testAttempts null":      `{"result":{"testAttempts":null}}`,
		"testAttempts object":    `{"result":{"testAttempts":{"SECRET":1}}}`,
		"testAttempts elsewhere": `{"testAttempts":[],"result":{"TestAttempts":[]}}`,
		"other case":             `{"Result":{"testAttempts":[]}}`,
		"errors":                 `{"result":{"testAttempts":[` + entry + `]},"errors":["SECRET"]}`,
		"errors first":           `{"errors":["SECRET"],"result":{"testAttempts":[]}}`,
		"errors string":          `{"result":{"testAttempts":[]},"errors":"SECRET"}`,
		"errors object":          `{"result":{"testAttempts":[]},"errors":{"SECRET":null}}`,
		"errors true":            `{"result":{"testAttempts":[]},"errors":true}`,
		"errors and null":        `{"result":{"testAttempts":[]},"errors":["SECRET"],"errors":null}`,
		"two results":            `{"result":{"testAttempts":[]},"result":{"testAttempts":[]}}`,
		"two results, one empty": `{"result":{},"result":{"testAttempts":[]}}`,
		"two lists":              `{"result":{"testAttempts":[],"testAttempts":[]}}`,
		"garbage after":          golden + `SECRET`,
		"another answer after":   golden + golden,
		"brace after":            golden + `}`,
		"nul after":              golden + "\x00",
		"comma missing":          `{"result":{"testAttempts":[` + entry + entry + `]}}`,
		"comma too many":         `{"result":{"testAttempts":[` + entry + `,]}}`,
		"bad entry":              `{"result":{"testAttempts":[` + entry + `,{"SECRET":}]}}`,
		"bad number":             `{"result":{"testAttempts":[{"testInvitationId":01}]}}`,
		"control character":      "{\"result\":{\"testAttempts\":[{\"name\":\"SEC\nRET\"}]}}",
		"bad escape":             `{"result":{"testAttempts":[{"name":"\SECRET"}]}}`,
		"nested without end":     `{"result":{"testAttempts":[` + strings.Repeat("[", 100_000),
		"too long an entry":      `{"result":{"testAttempts":[{"name":"` + strings.Repeat("x", 20_000) + `"}]}}`,
		"entry just too long":    `{"result":{"testAttempts":["` + strings.Repeat("x", 9_999) + `"]}}`,
		"too long a member":      `{"x":"` + strings.Repeat("x", 20_000) + `","result":{"testAttempts":[]}}`,
		"too much of nothing":    `{"result":{"testAttempts":[` + strings.Repeat(" ", 20_000) + `]}}`,
	} {
		problem, err := read(strings.NewReader(text), 10_000, func(*Entry) error { return nil })
		if problem == nil || err != nil || problem.Kind != Unreadable {
			t.Errorf("%s: %v %v", name, problem, err)
		} else if strings.Contains(problem.Error(), "SEC") {
			t.Errorf("%s: the error quotes the answer: %s", name, problem)
		}
	}
}

// An answer that is cut anywhere does not count.
func TestCutAnswers(t *testing.T) {
	t.Parallel()
	for n := range len(golden) {
		if problem, err := read(strings.NewReader(golden[:n]), maxEntry, func(*Entry) error { return nil }); problem == nil || err != nil || problem.Kind != Unreadable {
			t.Errorf("after %d bytes: %v %v", n, problem, err)
		}
		broken := io.MultiReader(strings.NewReader(golden[:n]), iotest.ErrReader(io.ErrUnexpectedEOF))
		if problem, err := read(broken, maxEntry, func(*Entry) error { return nil }); problem == nil || err != nil || !errors.Is(problem, io.ErrUnexpectedEOF) {
			t.Errorf("broken after %d bytes: %v %v", n, problem, err)
		}
	}
	// Also when nothing but the connection's own end is missing.
	for _, after := range []string{"", " ", "}"} {
		for cause, want := range map[error]Kind{io.ErrUnexpectedEOF: Unreadable, syscall.ECONNRESET: Unavailable} {
			broken := io.MultiReader(strings.NewReader(golden+after), iotest.ErrReader(cause))
			problem, err := read(broken, maxEntry, func(*Entry) error { return nil })
			if problem == nil || err != nil || after != "}" && (problem.Kind != want || !errors.Is(problem, cause)) {
				t.Errorf("broken after its end and %q: %v %v", after, problem, err)
			}
		}
	}
}

func TestEachStops(t *testing.T) {
	t.Parallel()
	text := `{"result":{"testAttempts":[1,2,3]},"errors":["not reached"]}`
	enough, n := errors.New("enough"), 0
	problem, err := read(strings.NewReader(text), maxEntry, func(*Entry) error {
		if n++; n == 2 {
			return enough
		}
		return nil
	})
	if problem != nil || err != enough || n != 2 {
		t.Errorf("%v %v after %d entries", problem, err, n)
	}
}

// repeated is an answer of n times the same entry that is nowhere as a whole.
func repeated(entry string, n int) io.Reader {
	return io.MultiReader(strings.NewReader(`{"result":{"testAttempts":[`+entry), &repeater{text: []byte("," + entry), n: n - 1},
		strings.NewReader(`]},"errors":null}`))
}

type repeater struct {
	text []byte
	n    int
	rest []byte
}

func (r *repeater) Read(p []byte) (n int, err error) {
	for n < len(p) {
		if len(r.rest) == 0 {
			if r.n == 0 {
				return n, io.EOF
			}
			r.n--
			r.rest = r.text
		}
		c := copy(p[n:], r.rest)
		r.rest, n = r.rest[c:], n+c
	}
	return n, nil
}

// sampleEntry is as long as entries usually are.
const sampleEntry = `{"testInvitationId":2655161,"testId":292930,"name":"Maximiliane Mustermann","email":"maximiliane.mustermann@example.com","invitationtype":"api","testStatus":"Completed","score":87.5,"attemptedOn":"2020-03-20T16:00"}`

// An answer of 100 MB passes through a few hundred KB. It must not run in parallel: it measures the whole heap.
func TestMemoryIsBoundedByAnEntry(t *testing.T) {
	entry := `{"testInvitationId":1,"testStatus":"Completed","x":"` + strings.Repeat("x", 8_000) + `"}`
	n := 100_000_000 / len(entry)
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	cfg := config("http://imocha.test")
	cfg.Transport = roundTrip(func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: 200, Body: io.NopCloser(repeated(entry, n))}, nil
	})
	c := newClient(t, cfg)
	before, most, got := heap(), uint64(0), 0
	err := c.Attempts(t.Context(), attempt.Expired, testWindow, func(*Entry) error {
		if got++; got%1_000 == 0 {
			most = max(most, heap())
		}
		return nil
	})
	if err != nil || got != n {
		t.Fatalf("%v, %d of %d entries", err, got, n)
	}
	if most > before+2<<20 {
		t.Errorf("the heap grew from %d to %d bytes", before, most)
	}
}

func TestAllocations(t *testing.T) {
	const n = 10_000
	allocs := testing.AllocsPerRun(1, func() {
		if problem, err := read(repeated(sampleEntry, n), maxEntry, func(*Entry) error { return nil }); problem != nil || err != nil {
			t.Fatal(problem, err)
		}
	})
	if allocs > n+200 {
		t.Errorf("%.2f allocations an entry, want 1", allocs/n)
	}
}

func BenchmarkAnswer(b *testing.B) {
	const n = 10_000
	var text bytes.Buffer
	if _, err := text.ReadFrom(repeated(sampleEntry, n)); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(text.Len()))
	b.ReportAllocs()
	entries := 0
	for b.Loop() {
		problem, err := read(bytes.NewReader(text.Bytes()), maxEntry, func(*Entry) error { entries++; return nil })
		if problem != nil || err != nil {
			b.Fatal(problem, err)
		}
	}
	b.ReportMetric(float64(entries)/b.Elapsed().Seconds(), "entries/s")
}

func ExampleKindOf() {
	err := fmt.Errorf("window: %w", &Error{Kind: Throttled})
	fmt.Println(KindOf(err), KindOf(io.EOF))
	// Output: throttled other
}
