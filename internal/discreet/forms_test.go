//go:build unix

package discreet_test

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// A secret is a text that must not be shown.
type secret struct {
	what   string
	text   string
	person bool // it is of a candidate
	beside bool // and neither name nor email, so that it is in events under every PII_POLICY
}

// forms are the texts in which a secret could have been written, in lower case, by their names.
func (s secret) forms() map[string]string {
	forms := map[string]string{
		"as it is":            s.text,
		"reversed":            reversed(s.text),
		"quoted":              inner(strconv.Quote(s.text)),
		"quoted as ASCII":     inner(strconv.QuoteToASCII(s.text)),
		"quoted twice":        inner(strconv.Quote(inner(strconv.Quote(s.text)))),
		"in JSON":             inner(asJSON(s.text)),
		"in JSON in JSON":     inner(asJSON(inner(asJSON(s.text)))),
		"in HTML":             html.EscapeString(s.text),
		"in a query":          url.QueryEscape(s.text),
		"in a path":           url.PathEscape(s.text),
		"in a user of a URL":  url.User(s.text).String(),
		"in hex":              hex.EncodeToString([]byte(s.text)),
		"in spaced hex":       fmt.Sprintf("% x", s.text),
		"as a list of bytes":  strings.Trim(fmt.Sprint([]byte(s.text)), "[]"),
		"as a JSON of bytes":  strings.ReplaceAll(strings.Trim(fmt.Sprint([]byte(s.text)), "[]"), " ", ","),
		"without white space": strings.Join(strings.Fields(s.text), ""),
	}
	// In base64 a text looks in one of three ways, after where in the whole it begins. Its first and last characters depend
	// on what is beside it.
	for before := range 3 {
		for name, encoding := range map[string]*base64.Encoding{"base64": base64.RawStdEncoding, "base64 for URLs": base64.RawURLEncoding} {
			whole := encoding.EncodeToString(append(make([]byte, before), s.text...))
			first := (8*before + 5) / 6
			last := 8 * (before + len(s.text)) / 6
			forms[fmt.Sprintf("%s, %d bytes in", name, before)] = whole[first:last]
		}
	}
	for name, form := range forms {
		forms[name] = strings.ToLower(form)
	}
	return forms
}

func reversed(text string) string {
	runes := []rune(text)
	slices.Reverse(runes)
	return string(runes)
}

func inner(quoted string) string { return quoted[1 : len(quoted)-1] }

func asJSON(text string) string {
	b, err := json.Marshal(text)
	if err != nil {
		return `""`
	}
	return string(b)
}

// An output is something that was written or served, and where.
type output struct {
	where, text string
	headers     string // of an answer
	people      bool   // names belong there
	events      bool   // these are events
}

// leaks are the secrets that are in an output, each with the forms in which it is, and what stands around the first.
func leaks(secrets []secret, o output) (found []string) {
	text := strings.ToLower(o.headers + o.text)
	for _, s := range secrets {
		if s.person && (o.people || o.events && s.beside) {
			continue
		}
		var forms []string
		first, length := len(text), 0
		for name, form := range s.forms() {
			if at := strings.Index(text, form); at >= 0 {
				forms = append(forms, name)
				if at < first {
					first, length = at, len(form)
				}
			}
		}
		if len(forms) > 0 {
			slices.Sort(forms)
			found = append(found, fmt.Sprintf("%s shows %s, %s: …%s…", o.where, s.what, strings.Join(forms, ", "),
				text[max(0, first-150):min(len(text), first+length+50)]))
		}
	}
	return found
}

// What has to be found is found, in every form, in the middle of something else.
func TestSearch(t *testing.T) {
	t.Parallel()
	for _, text := range []string{`q7"Zx<9>&K\d/+=é%41 t`, "may.q7lindqvist@example.com", "日本 太郎"} {
		s := secret{what: "it", text: text, person: true}
		written := []string{
			"key " + text + ".", strings.ToUpper(text), fmt.Sprintf("%q", text), fmt.Sprintf("%+q", text), fmt.Sprintf("%x", text), fmt.Sprintf("%X", text),
			fmt.Sprint([]byte("x" + text + "x")), url.QueryEscape("a=" + text + "&b"), (&url.URL{Scheme: "https", User: url.UserPassword("u", text), Host: "h"}).String(),
			asJSON(map[string]string{"k": text}["k"]), asJSON(asJSON("a" + text)), html.EscapeString("<" + text), reversed("ab" + text + "c"), fmt.Sprintf("%q", fmt.Sprintf("%q", text)),
		}
		for i := range 7 {
			around := append([]byte(strings.Repeat("x", i)+text), strings.Repeat("y", i)...)
			written = append(written, base64.StdEncoding.EncodeToString(around), base64.URLEncoding.EncodeToString(around))
		}
		for _, w := range written {
			if len(leaks([]secret{s}, output{where: "here", text: "level=info " + w + " end"})) == 0 {
				t.Errorf("%q is not found in %q", text, w)
			}
		}
		if found := leaks([]secret{s}, output{where: "here", text: "May Day, 日本, q7, example.com"}); len(found) > 0 {
			t.Errorf("found where it is not: %q", found)
		}
		if len(leaks([]secret{s}, output{where: "here", text: text, people: true})) > 0 {
			t.Error("found where it belongs")
		}
	}
}
