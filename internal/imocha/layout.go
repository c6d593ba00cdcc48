package imocha

import (
	"bytes"
	"slices"

	"github.com/go-json-experiment/json/jsontext"
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
	fields // how many there are; and a member that is none of them
	start  // what is before all members
)

// quoted are the fields' names, as entries usually spell them.
var quoted = [fields]string{`"testInvitationId"`, `"testId"`, `"name"`, `"email"`, `"invitationtype"`, `"testStatus"`}

func (f field) name() string { return quoted[f][1 : len(quoted[f])-1] }

func fieldOf(name []byte) field {
	for f := range fields {
		if string(name) == f.name() {
			return f
		}
	}
	return fields
}

// A place is where a JSON text lies in an entry. None is at 0.
type place struct {
	from, to int
	escaped  bool // it is a string with escapes
}

// in is the text of raw that lies there.
func (p place) in(raw []byte) []byte { return raw[p.from:p.to] }

// set tells whether a value lies there that is not null.
func (p place) set(raw []byte) bool { return p.to > 0 && raw[p.from] != 'n' }

// A member is one of an entry that is told as it came.
type member struct {
	field field // whose type is not that of the value; fields: it is none of them
	name  place // if it is none
	value place
}

// A layout is where the members of an entry lie. Of members with a field's name the last counts. It is used again and again.
type layout struct {
	known  [fields]place // values
	others []member      // in the entry's order

	leads   [start + 1]lead // after each field's value; at fields, after another one; at start, before all
	scratch []byte
}

// A lead is what led to a field's value the last time: all text from the end of the one before. Entries are written by a
// program, so it is nearly always the same.
type lead struct {
	field field
	text  []byte
}

// mostLead is the longest text of a lead.
const mostLead = 64

// Depths of arrays and objects in an entry: of one that the parser has found valid, which looks at its depth itself; and of
// others, so that they need no more of the stack than is usual.
const (
	anyDepth   = 1 << 20
	usualDepth = 64
)

// find lays out the object that b begins with, and returns its end; or none, if b does not begin with one that is valid,
// complete, and has nothing deeper in it than depth.
func (l *layout) find(b []byte, depth int) (end int) {
	l.known, l.others = [fields]place{}, l.others[:0]
	i := skipSpace(b, 1)
	if at(b, i, '}') {
		return i + 1
	}
	i = 0
	for last := start; ; {
		var f field
		var name, value place
		if lead := &l.leads[last]; len(lead.text) > 0 && bytes.HasPrefix(b[i:], lead.text) {
			f, value.from = lead.field, skipSpace(b, i+len(lead.text))
		} else if f, name, value.from = l.lead(b, i, last); value.from == none {
			return none
		}
		if value.to, value.escaped = scanValue(b, value.from, depth); value.to == none {
			return none
		}
		if f == fields {
			l.others = append(l.others, member{field: f, name: name, value: value})
		} else {
			l.known[f] = value
		}
		last = f
		if i = skipSpace(b, value.to); at(b, i, '}') {
			return i + 1
		}
		i = value.to
	}
}

// lead reads what leads to a value from i on, after the member last: the beginning of the object or a comma, a name, and a
// colon. It returns where the value begins; none if something else is there.
func (l *layout) lead(b []byte, i int, last field) (f field, name place, value int) {
	from := i
	if last != start {
		if i = skipSpace(b, i); !at(b, i, ',') {
			return fields, name, none
		}
	}
	name.from = skipSpace(b, i+1)
	if name.to, name.escaped = scanString(b, name.from); name.to == none {
		return fields, name, none
	}
	text := b[name.from+1 : name.to-1]
	if name.escaped {
		// The error would be of bytes that are not UTF-8, which no field's name has.
		l.scratch, _ = jsontext.AppendUnquote(l.scratch[:0], b[name.from:name.to])
		text = l.scratch
	}
	if value = skipSpace(b, name.to); !at(b, value, ':') {
		return fields, name, none
	}
	value = skipSpace(b, value+1)
	if f = fieldOf(text); f != fields && value-from <= mostLead {
		l.leads[last] = lead{f, append(l.leads[last].text[:0], b[from:value]...)}
	}
	return f, name, value
}

// misfit makes a known member, whose value has not its field's type, one of the others.
func (l *layout) misfit(f field) {
	i := 0
	for i < len(l.others) && l.others[i].value.from < l.known[f].from {
		i++
	}
	l.others = slices.Insert(l.others, i, member{field: f, value: l.known[f]})
}
