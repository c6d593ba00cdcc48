package imocha

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"testing/iotest"
	"time"

	"pgregory.net/rapid"
)

// What an answer is read as: its entries, and how it ends.
type outcome struct {
	entries []Entry
	problem string
	kind    Kind
	stop    error
}

type reader func(*body, func(*Entry) error) (*Error, error)

var errEnough = errors.New("enough")

// readAs reads all of r with read, or as many entries as there may be at most.
func readAs(read reader, r io.Reader, limit int64, most int) (o outcome) {
	_, watch := newWatchdog(context.Background(), time.Hour)
	defer watch.end()
	keep := collect(&o.entries)
	problem, stop := read(newBody(io.NopCloser(r), watch, limit), func(e *Entry) error {
		if len(o.entries) == most {
			return errEnough
		}
		if len(e.Attempt.Additional) == 0 {
			e.Attempt.Additional = nil
		}
		return keep(e)
	})
	if o.stop = stop; problem != nil {
		o.problem, o.kind = problem.Error(), problem.Kind
	}
	return o
}

// torn reads from text pieces of random lengths, mostly below longest, and then err.
func torn(text []byte, seed uint64, longest int, err error) io.Reader {
	return &tornReader{text: text, random: rand.New(rand.NewPCG(seed, 1)), longest: longest, err: err}
}

type tornReader struct {
	text    []byte
	random  *rand.Rand
	longest int
	err     error
}

func (r *tornReader) Read(p []byte) (int, error) {
	if len(r.text) == 0 {
		return 0, r.err
	}
	n := copy(p, r.text[:min(len(r.text), r.random.IntN(r.longest+1))]) // and now and then nothing
	r.text = r.text[n:]
	return n, nil
}

// checkLikeness holds readAnswer against the reference: an answer is read as the same entries and comes to the same end, however it is
// cut into pieces, and whoever stops it.
func checkLikeness(t interface{ Fatalf(string, ...any) }, text []byte, seed uint64) {
	want := readAs(readReference, bytes.NewReader(text), maxEntry, -1)
	check := func(what string, got outcome, want outcome) {
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("%s: %q is read as\n%+v\nwant\n%+v", what, text, got, want)
		}
	}
	check("at once", readAs(readAnswer, bytes.NewReader(text), maxEntry, -1), want)
	check("byte by byte", readAs(readAnswer, iotest.OneByteReader(bytes.NewReader(text)), maxEntry, -1), want)
	check("with its end", readAs(readAnswer, iotest.DataErrReader(bytes.NewReader(text)), maxEntry, -1), want)
	for _, longest := range []int{4, 64, 512, shortBuffer + 1, longBuffer} {
		check("torn", readAs(readAnswer, torn(text, seed, longest, io.EOF), maxEntry, -1), want)
	}
	if n := len(want.entries); n > 0 {
		most := int(seed % uint64(n))
		check("stopped", readAs(readAnswer, torn(text, seed, 512, io.EOF), maxEntry, most), readAs(readReference, bytes.NewReader(text), maxEntry, most))
	}
	broken := func(read reader) outcome {
		return readAs(read, torn(text, seed, 512, syscall.ECONNRESET), maxEntry, -1)
	}
	check("broken off", broken(readAnswer), broken(readReference))

	// Where memory ends depends on the pieces, but for entries, and the smaller they are the sooner it does.
	limit := int64(seed%200 + 1)
	soonest := readAs(readReference, iotest.OneByteReader(bytes.NewReader(text)), limit, -1)
	got := readAs(readAnswer, torn(text, seed, 512, io.EOF), limit, -1)
	if soonest.problem == "" {
		check("just short enough", got, want)
	}
	if len(got.entries) < len(soonest.entries) || len(got.entries) > len(want.entries) ||
		len(got.entries) > 0 && !reflect.DeepEqual(got.entries, want.entries[:len(got.entries)]) {
		t.Fatalf("of at most %d bytes: %q is read as\n%+v\nwant\n%+v", limit, text, got, want)
	}
	for i := range got.entries {
		e := &got.entries[i]
		if int64(e.Attempt.Size) > limit || e.Malformed != nil && int64(len(e.Malformed.Raw)) > limit {
			t.Fatalf("of at most %d bytes: %+v", limit, e)
		}
	}
}

// FuzzLikeness holds the reading of any body against the plainest one.
func FuzzLikeness(f *testing.F) {
	for i, seed := range []string{
		golden, golden[:80], golden + "x", `{"errors":[],"result":{"x":1,"testAttempts":[null,5,"x",[{}],{}]}}`,
		`{"result":{"testAttempts":[{"testInvitationId":1.0e3,"n\u0061me":"\ud83d\ude00","testStatus":"A","x":{"y":["}"]},"name":5,"name":null}]}}`,
		`{"result":null,"errors":["e"]}`, "{\"result\":{\"testAttempts\":[{\"testStatus\":\"\xff\\n\",\"testInvitationId\":-0}]}}",
		`{"result":{"testAttempts":[{` + good + `},{` + good + `,"email":"a","x":[1,{"y":-0.5e+3}]} , {"name":"n",` + good + `},{"testStatus":true},{` + good + `}]},"errors":null}`,
		`{"result":{"testAttempts":[{` + good + `},{` + good + `}:{` + good + `}]}}`, `{"result":{"testAttempts":[{` + good + `},{` + good + `}{` + good + `}]}}`,
		`{"result":{"testAttempts":[{` + good + `},{` + good + `},{"x":1{` + good + `}]}}`, // as the beginning was before, but in the middle
		`{"result":{"testAttempts":[{"testInvitationId":1,"testStatus": "A"},{"testInvitationId": 1,"testStatus":  "A"},{"testInvitationId":
 1,"testStatus":"A"}]}}`,
		`{"result":{"testAttempts":[{` + good + `},{` + good + `}}`, `{"result":{"testAttempts":[{` + good + `},{` + good + `,}]}}`,
		`{"result":{"testAttempts":[` + strings.Repeat("{"+good+`,"name":"n"},`, 300) + `{}]}}`,
	} {
		f.Add([]byte(seed), uint64(i))
	}
	f.Fuzz(func(t *testing.T, text []byte, seed uint64) { checkLikeness(t, text, seed) })
}

// FuzzEntry does the same with two entries, of which the first prepares what the second is compared with.
func FuzzEntry(f *testing.F) {
	for _, seed := range []string{
		"{" + good + "}", sampleEntry, `{"a":[1,-2.5e3,{"b":null}],` + good + `,"name":"\u00e4\\"}`, `{"testStatus":"","testInvitationId":01}`,
		"{" + good + `,"name":5,"x":true,"testId":"7","name":"May","email":{}}`, `{ "testInvitationId" : 1 , "testStatus" : "A" }`,
	} {
		f.Add([]byte(seed), []byte(sampleEntry), uint64(1))
		f.Add([]byte(sampleEntry), []byte(seed), uint64(1))
	}
	f.Fuzz(func(t *testing.T, one, two []byte, seed uint64) {
		text := bytes.Join([][]byte{[]byte(`{"result":{"testAttempts":[{}`), one, two, one, []byte(`{}]},"errors":null}`)}, []byte(","))
		checkLikeness(t, text, seed)
	})
}

// Random answers, some of them damaged.
func TestLikeness(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := []byte(drawAnswer(t))
		for range rapid.IntRange(0, 2).Draw(t, "damages") {
			i := rapid.IntRange(0, len(text)-1).Draw(t, "at")
			c := rapid.SampledFrom([]byte("{}[],:\"\\ \x00\x1f0-.eEx\xff")).Draw(t, "byte")
			switch rapid.IntRange(0, 3).Draw(t, "damage") {
			case 0:
				text[i] = c
			case 1:
				text = append(text[:i:i], text[i+1:]...)
			case 2:
				text = append(text[:i:i], append([]byte{c}, text[i:]...)...)
			case 3:
				text = text[:i+1]
			}
		}
		checkLikeness(t, text, rapid.Uint64().Draw(t, "seed"))
	})
}

func drawAnswer(t *rapid.T) string {
	var b strings.Builder
	space := rapid.SampledFrom([]string{"", "", "", " ", "\n\t", strings.Repeat(" ", 70)})
	text := func(parts ...string) string { return rapid.SampledFrom(parts).Draw(t, "text") }
	str := func() string {
		return `"` + text("", "May", "ä", "a}b{", `a\"}`, `\u00e4\ud83d`, "\xff\xe2", `x\\`, "12345678", strings.Repeat("long ", 30)) + `"`
	}
	var value func(depth int) string
	value = func(depth int) string {
		if depth == 0 {
			return text("null", "true", "false", "0", "-12", "7.5", "1E-2", "9223372036854775807", "1e400", "{}", "[ ]")
		}
		switch rapid.IntRange(0, 5).Draw(t, "kind") {
		case 0:
			return "[" + value(depth-1) + space.Draw(t, "space") + "," + value(0) + "]"
		case 1:
			return "{" + str() + ":" + space.Draw(t, "space") + value(depth-1) + "," + str() + ":" + value(0) + "}"
		case 2:
			return str()
		}
		return value(0)
	}
	entry := func() {
		if rapid.IntRange(0, 15).Draw(t, "no object") == 0 {
			b.WriteString(value(1))
			return
		}
		b.WriteString("{")
		separator := space.Draw(t, "space")
		member := func(name, value string) {
			b.WriteString(separator + name + space.Draw(t, "space") + ":" + space.Draw(t, "space") + value)
			separator = space.Draw(t, "space") + ","
		}
		member(`"testInvitationId"`, text("1", "1", "1", "12345", "1.0", "null", `"1"`))
		for range rapid.IntRange(0, 4).Draw(t, "members") {
			member(text(`"name"`, `"email"`, `"testId"`, `"invitationtype"`, `"n\u0061me"`, `"testStatus"`, `"x"`, `"y\n"`), value(2))
		}
		member(text(`"testStatus"`, `"testStatus"`, `"test\u0053tatus"`), text(`"Completed"`, `"Completed"`, `"Expired"`, `"\u0041"`, `" "`, "5"))
		b.WriteString(space.Draw(t, "space") + "}")
	}
	b.WriteString(`{"result":{"x":` + value(2) + `,"testAttempts":[`)
	for i := range rapid.IntRange(0, 12).Draw(t, "entries") {
		if i > 0 {
			b.WriteString(space.Draw(t, "space") + ",")
		}
		b.WriteString(space.Draw(t, "space"))
		entry()
	}
	b.WriteString(space.Draw(t, "space") + `]},"errors":` + text("null", "[]", `["x"]`) + "}")
	return b.String()
}
