package imocha

import (
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"attemptstream/internal/attempt"
)

// An entryParser makes entries of their text. Strings without escapes are parts of it, so that they cost no memory.
type entryParser struct {
	layout   layout
	statuses map[string]attempt.Status // so that a status does not keep its entry in memory
	status   attempt.Status            // the last one
	unquoted slab                      // strings that had escapes
	scratch  []byte
}

// maxStatuses bounds the statuses that are remembered: there are some, unless an API goes mad.
const maxStatuses = 64

// unquotedRoom is for how much text memory is taken at once, when a string has escapes.
const unquotedRoom = 1 << 10

// fill fills in e with the entry raw, which layout lays out.
func (p *entryParser) fill(e *Entry, raw string) {
	clear(e.Attempt.Additional)
	*e = Entry{Attempt: attempt.Attempt{Raw: raw, Additional: e.Attempt.Additional[:0]}}
	if reason := p.attempt(&e.Attempt); reason != "" {
		malformed(e, raw, reason)
	}
}

// malformed makes e an entry that is no attempt.
func malformed(e *Entry, raw, reason string) {
	clear(e.Attempt.Additional)
	*e = Entry{
		Attempt:   attempt.Attempt{Additional: e.Attempt.Additional[:0]},
		Malformed: &attempt.Malformed{Raw: raw, Reason: reason},
	}
}

// attempt fills in a. It returns why the entry is none; empty: it is one.
func (p *entryParser) attempt(a *attempt.Attempt) (reason string) {
	l, ok := &p.layout, false
	if !l.known[fieldID].set(a.Raw) {
		return "it has no testInvitationId"
	}
	if a.ID, ok = parseInteger(l.known[fieldID].in(a.Raw)); !ok {
		return "testInvitationId is not a 64-bit integer"
	}
	if reason := p.setStatus(a); reason != "" {
		return reason
	}
	if l.known[fieldTestID].set(a.Raw) {
		if a.TestID.Value, a.TestID.Set = parseInteger(l.known[fieldTestID].in(a.Raw)); !a.TestID.Set {
			l.misfit(fieldTestID)
		}
	}
	p.setString(&a.Name, a.Raw, fieldName)
	p.setString(&a.Email, a.Raw, fieldEmail)
	p.setString(&a.InvitationType, a.Raw, fieldInvitationType)
	for _, m := range l.others {
		var name string
		if m.field != fields {
			name = m.field.name()
		} else {
			name = p.text(a.Raw, m.name)
		}
		a.Additional = append(a.Additional, attempt.Member{Name: name, Value: m.value.in(a.Raw)})
	}
	return ""
}

func (p *entryParser) setStatus(a *attempt.Attempt) (reason string) {
	value := p.layout.known[fieldStatus]
	if !value.set(a.Raw) {
		return "it has no testStatus"
	}
	if a.Raw[value.from] != '"' {
		return "testStatus is not a string"
	}
	text := p.text(a.Raw, value)
	if text == string(p.status) && text != "" {
		a.Status = p.status
		return ""
	}
	switch {
	case strings.TrimSpace(text) == "":
		return "testStatus is empty"
	case len(text) > attempt.MaxStatusLength:
		return "testStatus is longer than " + strconv.Itoa(attempt.MaxStatusLength) + " bytes"
	}
	a.Status = p.intern(text)
	p.status = a.Status
	return ""
}

// setString puts a string in its place.
func (p *entryParser) setString(o *attempt.Optional[string], raw string, f field) {
	value := p.layout.known[f]
	switch {
	case !value.set(raw):
	case raw[value.from] != '"':
		p.layout.misfit(f)
	default:
		*o = attempt.Some(p.text(raw, value))
	}
}

// text is what the JSON string at s says. Without escapes it is a part of the entry.
func (p *entryParser) text(raw string, s place) string {
	if !s.escaped {
		return raw[s.from+1 : s.to-1]
	}
	// The error would be of bytes that are not UTF-8, which are replaced, as they would be later.
	p.scratch, _ = jsontext.AppendUnquote(p.scratch[:0], s.in(raw))
	return p.unquoted.keep(p.scratch, unquotedRoom)
}

func (p *entryParser) intern(status string) attempt.Status {
	if known, ok := p.statuses[status]; ok {
		return known
	}
	own := attempt.Status(strings.Clone(status))
	if p.statuses == nil {
		p.statuses = map[string]attempt.Status{}
	}
	if len(p.statuses) < maxStatuses {
		p.statuses[string(own)] = own
	}
	return own
}
