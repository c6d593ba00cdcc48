package event

import (
	"strconv"
	"time"
	"unicode/utf8"

	"attemptstream/internal/attempt"
)

// AppendValue appends the value of o's record: a JSON object on one line, its members in the contract's order.
func (e *Encoder) AppendValue(dst []byte, o *Observation) []byte {
	dst = append(dst, `{"eventType":"`+Type+`","schemaVersion":1,"eventId":"`...)
	dst = o.appendID(dst, appendEscaped)
	dst = append(dst, `","observedAt":"`...)
	dst = appendMillis(dst, o.ObservedAt)
	dst = append(dst, `","account":`...)
	dst = appendString(dst, string(o.Account))
	dst = append(dst, `,"state":`...)
	dst = appendString(dst, string(o.State))
	dst = append(dst, `,"window":{"start":"`...)
	dst = appendInstant(dst, o.Window.Start)
	dst = append(dst, `","end":"`...)
	dst = appendInstant(dst, o.Window.End)
	dst = append(dst, `"}`...)
	if o.Late {
		dst = append(dst, `,"late":true`...)
	}
	if o.Replay != "" {
		dst = append(dst, `,"replay":{"id":`...)
		dst = appendString(dst, o.Replay)
		dst = append(dst, '}')
	}
	dst = append(dst, `,"attempt":`...)
	dst = e.appendAttempt(dst, &o.Attempt)
	return append(dst, '}')
}

func (e *Encoder) appendAttempt(dst []byte, a *attempt.Attempt) []byte {
	dst = append(dst, `{"testInvitationId":`...)
	dst = strconv.AppendInt(dst, a.ID, 10)
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
	dst = append(dst, `,"testStatus":`...)
	dst = appendString(dst, string(a.Status))
	if len(a.Additional) > 0 {
		dst = e.appendAdditional(dst, a)
	}
	return append(dst, '}')
}

func appendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	dst = appendEscaped(dst, s)
	return append(dst, '"')
}

// appendEscaped appends s as the inside of a JSON string (RFC 8259, section 7).
func appendEscaped(dst []byte, s string) []byte {
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
