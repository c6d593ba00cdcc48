package imocha

import (
	"bytes"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"attemptstream/internal/attempt"
)

// An entryParser makes entries of their text, of which it keeps what they say and nothing else.
type entryParser struct {
	layout   layout
	statuses map[string]attempt.Status // so that a status costs no memory
	status   attempt.Status            // the last one
	texts    slab
	scratch  []byte
}

// maxStatuses bounds the statuses that are remembered: there are some, unless an API goes mad.
const maxStatuses = 64

// fill fills in e with the entry raw, which layout lays out, and behind which so many bytes have arrived. It returns why the
// entry is no attempt; empty: it is one.
func (p *entryParser) fill(e *Entry, raw []byte, after int) (reason string) {
	p.texts.entry(len(raw), after)
	clear(e.Attempt.Additional)
	*e = Entry{Attempt: attempt.Attempt{Size: len(raw), Additional: e.Attempt.Additional[:0]}}
	return p.attempt(&e.Attempt, raw)
}

// malformed makes e an entry that is no attempt.
func malformed(e *Entry, raw []byte, reason string) {
	clear(e.Attempt.Additional)
	*e = Entry{
		Attempt:   attempt.Attempt{Additional: e.Attempt.Additional[:0]},
		Malformed: &attempt.Malformed{Raw: string(raw), Reason: reason},
	}
}

// attempt fills in a. It returns why the entry is none; empty: it is one. Of one that is none no text is kept.
func (p *entryParser) attempt(a *attempt.Attempt, raw []byte) (reason string) {
	l, ok := &p.layout, false
	if !l.known[fieldID].set(raw) {
		return "it has no testInvitationId"
	}
	if a.ID, ok = parseInteger(l.known[fieldID].in(raw)); !ok {
		return "testInvitationId is not a 64-bit integer"
	}
	if reason := p.setStatus(a, raw); reason != "" {
		return reason
	}
	if l.known[fieldTestID].set(raw) {
		if a.TestID.Value, a.TestID.Set = parseInteger(l.known[fieldTestID].in(raw)); !a.TestID.Set {
			l.misfit(fieldTestID)
		}
	}
	p.setString(&a.Name, raw, fieldName)
	p.setString(&a.Email, raw, fieldEmail)
	p.setString(&a.InvitationType, raw, fieldInvitationType)
	for _, m := range l.others {
		var name string
		if m.field != fields {
			name = m.field.name()
		} else {
			name = p.texts.keep(p.text(raw, m.name))
		}
		a.Additional = append(a.Additional, attempt.Member{Name: name, Value: p.texts.keep(m.value.in(raw))})
	}
	return ""
}

func (p *entryParser) setStatus(a *attempt.Attempt, raw []byte) (reason string) {
	value := p.layout.known[fieldStatus]
	if !value.set(raw) {
		return "it has no testStatus"
	}
	if raw[value.from] != '"' {
		return "testStatus is not a string"
	}
	text := p.text(raw, value)
	if string(text) == string(p.status) && p.status != "" {
		a.Status = p.status
		return ""
	}
	switch {
	case len(bytes.TrimSpace(text)) == 0:
		return "testStatus is empty"
	case len(text) > attempt.MaxStatusLength:
		return "testStatus is longer than " + strconv.Itoa(attempt.MaxStatusLength) + " bytes"
	}
	a.Status = p.intern(text)
	p.status = a.Status
	return ""
}

// setString puts a string in its place.
func (p *entryParser) setString(o *attempt.Optional[string], raw []byte, f field) {
	value := p.layout.known[f]
	switch {
	case !value.set(raw):
	case raw[value.from] != '"':
		p.layout.misfit(f)
	default:
		*o = attempt.Some(p.texts.keep(p.text(raw, value)))
	}
}

// text is what the JSON string at s says, until the next one is asked for.
func (p *entryParser) text(raw []byte, s place) []byte {
	if !s.escaped {
		return raw[s.from+1 : s.to-1]
	}
	// The error would be of bytes that are not UTF-8, which are replaced, as they would be later.
	p.scratch, _ = jsontext.AppendUnquote(p.scratch[:0], s.in(raw))
	return p.scratch
}

func (p *entryParser) intern(status []byte) attempt.Status {
	if known, ok := p.statuses[string(status)]; ok {
		return known
	}
	own := attempt.Status(status)
	if p.statuses == nil {
		p.statuses = map[string]attempt.Status{}
	}
	if len(p.statuses) < maxStatuses {
		p.statuses[string(own)] = own
	}
	return own
}
