package imocha

import (
	"bytes"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
)

// Of all texts that are as short as these, and some that are longer, a value's end lies where the parser finds it, and those are refused
// that it refuses.
func TestScan(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		before, alphabet string
		most             int
	}{
		"numbers":                   {"", "-01.e+E", 5},
		"numbers with more":         {"-1.5", "09.e+-E", 4},
		"literals":                  {"", "nulfaserti", 4},
		"literals with more":        {"fals", "e E,1\"", 2},
		"strings":                   {`"`, "\"\\un/ \x1f\xff0", 4},
		"strings of eight and more": {`"1234567`, "\"\\ \x1f\x00\x7f\x80\xa2\xdc\xff\x2189", 3},
		"escapes":                   {`"\u`, "0aGF\"", 5},
		"digits of escapes":         {`"\u00`, "09afgAFG@`:/\"", 3},
		"escapes at the end":        {`"12345\`, `u0bfnrtv"\`, 3},
		"nested":                    {"", `{}[],:"1 `, 4},
		"objects":                   {`{"a"`, "{}[],:\"1 \v", 4},
		"arrays":                    {`[1 `, "{}[],:\"1 \n\r\t\v\x00", 3},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var dec jsontext.Decoder
			var source bytes.Reader
			text := append([]byte(c.before), make([]byte, c.most)...)
			var try func(i int)
			try = func(i int) {
				checkScan(t, append(text[:i:i], ','), &dec, &source)
				if i == len(text) {
					return
				}
				for _, char := range []byte(c.alphabet) {
					text[i] = char
					try(i + 1)
				}
			}
			try(len(c.before))
		})
	}
}

func checkScan(t *testing.T, text []byte, dec *jsontext.Decoder, source *bytes.Reader) {
	if skipSpace(text, 0) > 0 {
		return // no value begins with it
	}
	source.Reset(text)
	dec.Reset(source, decodeOptions()...)
	value, err := dec.ReadValue()
	end, escaped := scanValue(text, 0, anyDepth)
	switch {
	case err != nil && end != none:
		t.Errorf("%q is taken to %d: %v", text, end, err)
	case err == nil && end != len(value):
		t.Errorf("%q is taken to %d, want %d", text, end, len(value))
	case err == nil && value[0] == '"' && escaped != bytes.Contains(value, []byte(`\`)):
		t.Errorf("%q: escapes %t", value, escaped)
	}
}

// A value that is cut has no end, and nothing behind it is looked at.
func TestScanOfCutValues(t *testing.T) {
	t.Parallel()
	value := []byte(`{"a":[1,-2.5e+3,"\u00e4\n12345678",{"b":null,"c":[]}],"d":false,"e":{} }`)
	for n := range value {
		for _, bytes := range [][]byte{value[:n], value[:n:n]} {
			if end, _ := scanValue(bytes, 0, anyDepth); end != none {
				t.Errorf("%q has an end at %d", bytes, end)
			}
		}
	}
}

// The depth of what an answer may need of the stack is bounded, to what usual entries need.
func TestScanOfDeepValues(t *testing.T) {
	t.Parallel()
	for _, both := range [][2]string{{"[", "]"}, {`{"a":`, "}"}} {
		deep := func(n int) []byte { return []byte(strings.Repeat(both[0], n) + "0" + strings.Repeat(both[1], n)) }
		if end, _ := scanValue(deep(usualDepth), 0, usualDepth); end != len(deep(usualDepth)) {
			t.Errorf("%q has an end at %d", deep(usualDepth), end)
		}
		if end, _ := scanValue(deep(usualDepth+1), 0, usualDepth); end != none {
			t.Errorf("%q has an end at %d", deep(usualDepth+1), end)
		}
	}
}
