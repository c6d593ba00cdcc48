package imocha

import (
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"attemptstream/internal/attempt"
)

// A field is a member of an entry that has a place in attempt.Attempt.
type field int

const (
	fieldID field = iota
	fieldTestID
	fieldName
	fieldEmail
	fieldInvitationType
	fieldStatus
	fields
)

func fieldOf(name string) (field, bool) {
	switch name {
	case "testInvitationId":
		return fieldID, true
	case "testId":
		return fieldTestID, true
	case "name":
		return fieldName, true
	case "email":
		return fieldEmail, true
	case "invitationtype":
		return fieldInvitationType, true
	case "testStatus":
		return fieldStatus, true
	}
	return 0, false
}

// An entryParser makes entries of JSON values that are known to be valid. One pass over the text of an entry finds its
// members; strings without escapes are parts of that text, so that an entry costs one allocation.
type entryParser struct {
	statuses map[string]attempt.Status // so that a status does not keep its entry in memory
	scratch  []byte

	seen  [fields]seen
	entry *Entry
}

// seen is what the last member of a field's name was.
type seen struct {
	set        bool // it was not null
	wrong      bool // it had the wrong type
	additional int  // its place in Attempt.Additional, plus one; 0: none
}

// maxStatuses bounds the statuses that are remembered: there are some, unless an API goes mad.
const maxStatuses = 64

// parse fills in e with the entry raw, a valid JSON value without white space around it.
func (p *entryParser) parse(raw string, e *Entry) {
	clear(e.Attempt.Additional)
	*e = Entry{Attempt: attempt.Attempt{Raw: raw, Additional: e.Attempt.Additional[:0]}}
	reason := "it is not an object"
	if raw[0] == '{' {
		p.entry, p.seen = e, [fields]seen{}
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
func (p *entryParser) reason(status attempt.Status) string {
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

func (p *entryParser) members(raw string) {
	i := skipSpace(raw, 1)
	for raw[i] != '}' {
		end, escaped := skipString(raw, i)
		name := p.text(raw[i:end], escaped)
		i = skipSpace(raw, skipSpace(raw, end)+1) // the colon
		end, escaped = skipValue(raw, i)
		if f, ok := fieldOf(name); ok {
			p.known(f, name, raw[i:end], escaped)
		} else {
			p.additional(name, raw[i:end])
		}
		i = skipSpace(raw, end)
		if raw[i] == ',' {
			i = skipSpace(raw, i+1)
		}
	}
}

// known puts a value in its place, or among the additional ones where its type is wrong. The last of a name counts.
func (p *entryParser) known(f field, name, value string, escaped bool) {
	p.forget(f)
	if value[0] == 'n' {
		return
	}
	a, ok := &p.entry.Attempt, false
	switch f {
	case fieldID:
		a.ID, ok = parseInteger(value)
	case fieldTestID:
		a.TestID.Value, ok = parseInteger(value)
		a.TestID.Set = ok
	case fieldName:
		ok = p.optional(&a.Name, value, escaped)
	case fieldEmail:
		ok = p.optional(&a.Email, value, escaped)
	case fieldInvitationType:
		ok = p.optional(&a.InvitationType, value, escaped)
	case fieldStatus:
		if ok = value[0] == '"'; ok {
			a.Status = p.intern(p.text(value, escaped))
		}
	}
	p.seen[f].set, p.seen[f].wrong = ok, !ok
	if !ok && f != fieldID && f != fieldStatus {
		p.additional(name, value)
		p.seen[f].additional = len(a.Additional)
	}
}

func (p *entryParser) optional(o *attempt.Optional[string], value string, escaped bool) bool {
	if value[0] != '"' {
		return false
	}
	*o = attempt.Some(p.text(value, escaped))
	return true
}

// forget takes back what an earlier member of the same name has left.
func (p *entryParser) forget(f field) {
	last, a := p.seen[f], &p.entry.Attempt
	if last == (seen{}) {
		return
	}
	p.seen[f] = seen{}
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

func (p *entryParser) additional(name, value string) {
	p.entry.Attempt.Additional = append(p.entry.Attempt.Additional, attempt.Member{Name: name, Value: value})
}

// text is what a JSON string says. Without escapes it is a part of the entry.
func (p *entryParser) text(quoted string, escaped bool) string {
	if !escaped {
		return quoted[1 : len(quoted)-1]
	}
	// The error would be of bytes that are not UTF-8, which are replaced, as they would be later.
	p.scratch, _ = jsontext.AppendUnquote(p.scratch[:0], quoted)
	return string(p.scratch)
}

func (p *entryParser) intern(status string) attempt.Status {
	if known, ok := p.statuses[status]; ok {
		return known
	}
	own := attempt.Status(strings.Clone(status))
	if p.statuses == nil {
		p.statuses = map[string]attempt.Status{}
	}
	if len(p.statuses) < maxStatuses && len(own) <= attempt.MaxStatusLength {
		p.statuses[string(own)] = own
	}
	return own
}
