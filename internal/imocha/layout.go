package imocha

import (
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
func (p place) in(raw string) string { return raw[p.from:p.to] }

// set tells whether a value lies there that is not null.
func (p place) set(raw string) bool { return p.to > 0 && raw[p.from] != 'n' }

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

	next    [fields + 1]field // which one came last time after each one, and, at fields, before all
	scratch []byte
}

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
	for last := fields; ; {
		f, name := l.name(b, i, last)
		if name.to == none {
			return none
		}
		if i = skipSpace(b, name.to); !at(b, i, ':') {
			return none
		}
		value := place{from: skipSpace(b, i+1)}
		if value.to, value.escaped = scanValue(b, value.from, depth); value.to == none {
			return none
		}
		if f == fields {
			l.others = append(l.others, member{field: f, name: name, value: value})
		} else {
			l.known[f], last = value, f
		}
		if i = skipSpace(b, value.to); at(b, i, '}') {
			return i + 1
		}
		if !at(b, i, ',') {
			return none
		}
		i = skipSpace(b, i+1)
	}
}

// name reads the name at i, the first after that of the field last. It is compared first with the one that came there the
// last time.
func (l *layout) name(b []byte, i int, last field) (field, place) {
	likely := l.next[last]
	if end := i + len(quoted[likely]); end <= len(b) && string(b[i:end]) == quoted[likely] {
		return likely, place{from: i, to: end}
	}
	name := place{from: i}
	if name.to, name.escaped = scanString(b, i); name.to == none {
		return fields, name
	}
	text := b[i+1 : name.to-1]
	if name.escaped {
		// The error would be of bytes that are not UTF-8, which no field's name has.
		l.scratch, _ = jsontext.AppendUnquote(l.scratch[:0], b[i:name.to])
		text = l.scratch
	}
	f := fieldOf(text)
	if f != fields {
		l.next[last] = f
	}
	return f, name
}

// misfit makes a known member, whose value has not its field's type, one of the others.
func (l *layout) misfit(f field) {
	i := 0
	for i < len(l.others) && l.others[i].value.from < l.known[f].from {
		i++
	}
	l.others = slices.Insert(l.others, i, member{field: f, value: l.known[f]})
}
