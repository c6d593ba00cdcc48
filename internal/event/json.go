package event

import (
	"strconv"
	"time"
	"unicode/utf8"

	"attemptstream/internal/attempt"
)

// AppendValue appends the value of o's record: a JSON object on one line, its members in the contract's order.
func (e *Encoder) AppendValue(dst []byte, o *Observation) []byte {
	return e.Form(o).AppendValue(dst, &o.Attempt)
}

// appendPerson appends the members of an attempt's object between its id and its status.
func (e *Encoder) appendPerson(dst []byte, a *attempt.Attempt) []byte {
	if a.TestID.Set {
		dst = append(dst, `,"testId":`...)
		dst = strconv.AppendInt(dst, a.TestID.Value, 10)
	}
	dst = e.appendPersonal(dst, `,"name":`, name, a.Name)
	dst = e.appendPersonal(dst, `,"email":`, email, a.Email)
	if a.InvitationType.Set {
		dst = append(dst, `,"invitationType":`...)
		dst = appendString(dst, a.InvitationType.Value)
	}
	return dst
}

func appendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	dst = appendEscaped(dst, s)
	return append(dst, '"')
}

// appendEscaped appends s as the inside of a JSON string (RFC 8259, section 7).
func appendEscaped(dst []byte, s string) []byte {
	if plain(s) {
		return append(dst, s...)
	}
	from := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' && c < utf8.RuneSelf {
			i++
			continue
		}
		size, replacement := 1, ""
		switch {
		case c == '"':
			replacement = `\"`
		case c == '\\':
			replacement = `\\`
		case c == '\n':
			replacement = `\n`
		case c == '\r':
			replacement = `\r`
		case c == '\t':
			replacement = `\t`
		case c < ' ':
			const hex = "0123456789abcdef"
			dst = append(append(dst, s[from:i]...), '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
			i++
			from = i
			continue
		default:
			var r rune
			if r, size = utf8.DecodeRuneInString(s[i:]); r != utf8.RuneError || size > 1 {
				i += size
				continue
			}
			replacement = "\uFFFD"
		}
		dst = append(append(dst, s[from:i]...), replacement...)
		i += size
		from = i
	}
	return append(dst, s[from:]...)
}

// plain tells whether s is ASCII without anything that a JSON string has to escape, eight bytes at a time.
func plain(s string) bool {
	const each, high = 0x0101010101010101, 0x8080808080808080
	for ; len(s) >= 8; s = s[8:] {
		x := uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
			uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
		quote, escape := x^each*'"', x^each*'\\' // a byte of zeros where there is one
		if (x|(x-each*' ')|(quote-each)|(escape-each))&high != 0 {
			return false
		}
	}
	for i := range len(s) {
		if c := s[i]; c < ' ' || c == '"' || c == '\\' || c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// appendValid appends s with every byte that is not UTF-8 replaced, as appendEscaped does.
func appendValid(dst []byte, s string) []byte {
	if utf8.ValidString(s) {
		return append(dst, s...)
	}
	for _, r := range s { // yields U+FFFD for each such byte
		dst = utf8.AppendRune(dst, r)
	}
	return dst
}

func validString(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	return string(appendValid(nil, s))
}

func appendInstant(dst []byte, i attempt.Instant) []byte {
	return i.Time().AppendFormat(dst, time.RFC3339)
}

// appendMillis appends t in RFC 3339, UTC, always with three digits of a second.
func appendMillis(dst []byte, t time.Time) []byte {
	t = t.UTC()
	dst = t.AppendFormat(dst, time.RFC3339) // several times as fast as a layout with a fraction in it
	ms := t.Nanosecond() / int(time.Millisecond)
	return append(dst[:len(dst)-len("Z")], '.', byte('0'+ms/100), byte('0'+ms/10%10), byte('0'+ms%10), 'Z')
}
