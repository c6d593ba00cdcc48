package imocha

import (
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"attemptstream/internal/attempt"
)

// A referenceParser makes entries of JSON values that are known to be valid. One pass over the text of an entry finds its
// members; strings without escapes are parts of that text, so that an entry costs one allocation.
type referenceParser struct {
	scratch []byte

	seen  [fields]referenceSeen
	entry *Entry
}

// A referenceSeen is what the last member of a field's name was.
type referenceSeen struct {
	set        bool // it was not null
	wrong      bool // it had the wrong type
	additional int  // its place in Attempt.Additional, plus one; 0: none
}

// parse fills in e with the entry raw, a valid JSON value without white space around it.
func (p *referenceParser) parse(raw string, e *Entry) {
	clear(e.Attempt.Additional)
	*e = Entry{Attempt: attempt.Attempt{Size: len(raw), Additional: e.Attempt.Additional[:0]}}
	reason := "it is not an object"
	if raw[0] == '{' {
		p.entry, p.seen = e, [fields]referenceSeen{}
		p.members(raw)
		p.entry = nil
		reason = p.reason(e.Attempt.Status)
	}
	if reason != "" {
		*e = Entry{
			Attempt:   attempt.Attempt{Additional: e.Attempt.Additional[:0]},
			Malformed: &attempt.Malformed{Raw: raw, Reason: reason},
		}
	}
}

// reason is why the entry is no attempt; empty: it is one.
func (p *referenceParser) reason(status attempt.Status) string {
	id, st := p.seen[fieldID], p.seen[fieldStatus]
	switch {
	case id.wrong:
		return "testInvitationId is not a 64-bit integer"
	case !id.set:
		return "it has no testInvitationId"
	case st.wrong:
		return "testStatus is not a string"
	case !st.set:
		return "it has no testStatus"
	case strings.TrimSpace(string(status)) == "":
		return "testStatus is empty"
	case len(status) > attempt.MaxStatusLength:
		return "testStatus is longer than " + strconv.Itoa(attempt.MaxStatusLength) + " bytes"
	}
	return ""
}

func (p *referenceParser) members(raw string) {
	i := walkSpace(raw, 1)
	for raw[i] != '}' {
		end, escaped := walkString(raw, i)
		name := p.text(raw[i:end], escaped)
		i = walkSpace(raw, walkSpace(raw, end)+1) // the colon
		end, escaped = walkValue(raw, i)
		if f := fieldOf([]byte(name)); f != fields {
			p.known(f, name, raw[i:end], escaped)
		} else {
			p.additional(name, raw[i:end])
		}
		i = walkSpace(raw, end)
		if raw[i] == ',' {
			i = walkSpace(raw, i+1)
		}
	}
}

// known puts a value in its place, or among the additional ones where its type is wrong. The last of a name counts.
func (p *referenceParser) known(f field, name, value string, escaped bool) {
	p.forget(f)
	if value[0] == 'n' {
		return
	}
	a, ok := &p.entry.Attempt, false
	switch f {
	case fieldID:
		a.ID, ok = parseInteger([]byte(value))
	case fieldTestID:
		a.TestID.Value, ok = parseInteger([]byte(value))
		a.TestID.Set = ok
	case fieldName:
		ok = p.optional(&a.Name, value, escaped)
	case fieldEmail:
		ok = p.optional(&a.Email, value, escaped)
	case fieldInvitationType:
		ok = p.optional(&a.InvitationType, value, escaped)
	case fieldStatus:
		if ok = value[0] == '"'; ok {
			a.Status = attempt.Status(p.text(value, escaped))
		}
	}
	p.seen[f].set, p.seen[f].wrong = ok, !ok
	if !ok && f != fieldID && f != fieldStatus {
		p.additional(name, value)
		p.seen[f].additional = len(a.Additional)
	}
}

func (p *referenceParser) optional(o *attempt.Optional[string], value string, escaped bool) bool {
	if value[0] != '"' {
		return false
	}
	*o = attempt.Some(p.text(value, escaped))
	return true
}

// forget takes back what an earlier member of the same name has left.
func (p *referenceParser) forget(f field) {
	last, a := p.seen[f], &p.entry.Attempt
	if last == (referenceSeen{}) {
		return
	}
	p.seen[f] = referenceSeen{}
	switch f {
	case fieldID:
		a.ID = 0
	case fieldTestID:
		a.TestID = attempt.Optional[int64]{}
	case fieldName:
		a.Name = attempt.Optional[string]{}
	case fieldEmail:
		a.Email = attempt.Optional[string]{}
	case fieldInvitationType:
		a.InvitationType = attempt.Optional[string]{}
	case fieldStatus:
		a.Status = ""
	}
	if last.additional == 0 {
		return
	}
	a.Additional = slices.Delete(a.Additional, last.additional-1, last.additional)
	for other := range p.seen {
		if p.seen[other].additional > last.additional {
			p.seen[other].additional--
		}
	}
}

func (p *referenceParser) additional(name, value string) {
	p.entry.Attempt.Additional = append(p.entry.Attempt.Additional, attempt.Member{Name: name, Value: value})
}

// text is what a JSON string says. Without escapes it is a part of the entry.
func (p *referenceParser) text(quoted string, escaped bool) string {
	if !escaped {
		return quoted[1 : len(quoted)-1]
	}
	// The error would be of bytes that are not UTF-8, which are replaced, as they would be later.
	p.scratch, _ = jsontext.AppendUnquote(p.scratch[:0], quoted)
	return string(p.scratch)
}

func walkSpace(s string, i int) int {
	for s[i] <= ' ' { // no other control character can be here
		i++
	}
	return i
}

// walkString is the end of the string that begins at i, and whether escapes are in it.
func walkString(s string, i int) (end int, escaped bool) {
	i++
	quote := i + strings.IndexByte(s[i:], '"')
	escape := strings.IndexByte(s[i:quote], '\\')
	if escape < 0 {
		return quote + 1, false
	}
	for i += escape; s[i] != '"'; i++ {
		if s[i] == '\\' {
			i++
		}
	}
	return i + 1, true
}

// walkValue is the end of the value that begins at i, and, if it is a string, whether escapes are in it.
func walkValue(s string, i int) (end int, escaped bool) {
	switch s[i] {
	case '"':
		return walkString(s, i)
	case '{', '[':
		return walkNested(s, i), false
	}
	for s[i] > ' ' && s[i] != ',' && s[i] != '}' && s[i] != ']' {
		i++
	}
	return i, false
}

func walkNested(s string, i int) int {
	for depth := 0; ; i++ {
		switch s[i] {
		case '"':
			end, _ := walkString(s, i)
			i = end - 1
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
}
