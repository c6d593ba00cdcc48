package imocha

import (
	"bytes"
	"encoding/binary"
	"math/bits"
)

// The functions of this file walk over bytes that nobody has checked, and find the ends of JSON values (RFC 8259). What is no
// JSON, or is cut, has none: they return none. As the parser of the envelope does, they take bytes that are not UTF-8, halves
// of surrogate pairs, and objects with a name that comes twice.

// none is the end of what has no end.
const none = -1

func skipSpace(b []byte, i int) int {
	for i < len(b) && b[i] <= ' ' && (b[i] == ' ' || b[i] == '\n' || b[i] == '\r' || b[i] == '\t') {
		i++
	}
	return i
}

// at tells whether c is in its place.
func at(b []byte, i int, c byte) bool { return i < len(b) && b[i] == c }

// scanValue is the end of the value that begins at i, and, if it is a string, whether escapes are in it. Arrays and objects
// that lie deeper in it than depth have no end.
func scanValue(b []byte, i, depth int) (end int, escaped bool) {
	if i >= len(b) {
		return none, false
	}
	switch b[i] {
	case '"':
		return scanString(b, i)
	case '{', '[':
		return scanNested(b, i, depth), false
	case 'n':
		return scanLiteral(b, i, "null"), false
	case 't':
		return scanLiteral(b, i, "true"), false
	case 'f':
		return scanLiteral(b, i, "false"), false
	}
	return scanNumber(b, i), false
}

func scanLiteral(b []byte, i int, literal string) int {
	if bytes.HasPrefix(b[i:], []byte(literal)) {
		return i + len(literal)
	}
	return none
}

// scanString is the end of the string that begins at i, and whether escapes are in it.
func scanString(b []byte, i int) (end int, escaped bool) {
	if !at(b, i, '"') {
		return none, false
	}
	for i = skipPlain(b, i+1); i < len(b); i = skipPlain(b, i) {
		switch b[i] {
		case '"':
			return i + 1, escaped
		case '\\':
			if i = scanEscape(b, i); i == none {
				return none, false
			}
			escaped = true
		default: // a control character
			return none, false
		}
	}
	return none, false
}

// skipPlain passes over characters that stand for themselves in a string, eight at a time. What it stops at is a quotation
// mark, a backslash or a control character.
func skipPlain(b []byte, i int) int {
	const ones, tops = 0x0101010101010101, 0x8080808080808080
	for ; i+8 <= len(b); i += 8 {
		eight := binary.LittleEndian.Uint64(b[i:])
		quote, escape := eight^'"'*ones, eight^'\\'*ones
		// A byte's top bit is set where it is less than a space, or where a difference is nothing; and perhaps above the first such.
		stops := ((eight-' '*ones)&^eight | (quote-ones)&^quote | (escape-ones)&^escape) & tops
		if stops != 0 {
			return i + bits.TrailingZeros64(stops)/8
		}
	}
	for i < len(b) && b[i] >= ' ' && b[i] != '"' && b[i] != '\\' {
		i++
	}
	return i
}

// scanEscape is the end of the escape that begins at i.
func scanEscape(b []byte, i int) int {
	if i+1 >= len(b) {
		return none
	}
	switch b[i+1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return i + 2
	case 'u':
		if i+6 > len(b) {
			return none
		}
		for _, c := range b[i+2 : i+6] {
			if digit := c >= '0' && c <= '9'; !digit && (c|0x20 < 'a' || c|0x20 > 'f') {
				return none
			}
		}
		return i + 6
	}
	return none
}

// scanNumber is the end of the number that begins at i. One that ends with b may go on behind it, which no entry does.
func scanNumber(b []byte, i int) int {
	if at(b, i, '-') {
		i++
	}
	whole := i
	if at(b, i, '0') {
		i++ // what follows is no part of it
	} else if i = skipDigits(b, i); i == whole {
		return none
	}
	if at(b, i, '.') {
		fraction := i + 1
		if i = skipDigits(b, fraction); i == fraction {
			return none
		}
	}
	if at(b, i, 'e') || at(b, i, 'E') {
		i++
		if at(b, i, '+') || at(b, i, '-') {
			i++
		}
		exponent := i
		if i = skipDigits(b, exponent); i == exponent {
			return none
		}
	}
	return i
}

func skipDigits(b []byte, i int) int {
	for i < len(b) && b[i] >= '0' && b[i] <= '9' {
		i++
	}
	return i
}

// scanNested is the end of the array or object that begins at i.
func scanNested(b []byte, i, depth int) int {
	if depth == 0 {
		return none
	}
	object, last := b[i] == '{', byte(']')
	if object {
		last = '}'
	}
	if i = skipSpace(b, i+1); at(b, i, last) {
		return i + 1
	}
	for {
		if object {
			if i, _ = scanString(b, i); i == none {
				return none
			}
			if i = skipSpace(b, i); !at(b, i, ':') {
				return none
			}
			i = skipSpace(b, i+1)
		}
		if i, _ = scanValue(b, i, depth-1); i == none {
			return none
		}
		if i = skipSpace(b, i); at(b, i, last) {
			return i + 1
		}
		if !at(b, i, ',') {
			return none
		}
		i = skipSpace(b, i+1)
	}
}
