package imocha

import (
	"strconv"
	"strings"
)

// The functions of this file walk over JSON text that a parser has found valid (RFC 8259), and therefore need not ask
// whether it ends.

func skipSpace(s string, i int) int {
	for s[i] <= ' ' { // no other control character can be here
		i++
	}
	return i
}

// skipString is the end of the string that begins at i, and whether escapes are in it.
func skipString(s string, i int) (end int, escaped bool) {
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

// skipValue is the end of the value that begins at i, and, if it is a string, whether escapes are in it.
func skipValue(s string, i int) (end int, escaped bool) {
	switch s[i] {
	case '"':
		return skipString(s, i)
	case '{', '[':
		return skipNested(s, i), false
	}
	for s[i] > ' ' && s[i] != ',' && s[i] != '}' && s[i] != ']' {
		i++
	}
	return i, false
}

func skipNested(s string, i int) int {
	for depth := 0; ; i++ {
		switch s[i] {
		case '"':
			end, _ := skipString(s, i)
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

// parseInteger is the value of a JSON number that is exactly an int64, however it is spelt: 7, 7.0, 70e-1.
func parseInteger(s string) (int64, bool) {
	if c := s[0]; c != '-' && (c < '0' || c > '9') {
		return 0, false
	}
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		return n, true
	}
	mantissa, exponent := s, 0
	if e := strings.IndexAny(s, "eE"); e >= 0 {
		// One out of range becomes the greatest or least of an int, which is right too, but must not overflow below.
		exponent, _ = strconv.Atoi(s[e+1:])
		exponent = min(max(exponent, -1<<40), 1<<40)
		mantissa = s[:e]
	}
	mantissa, negative := strings.CutPrefix(mantissa, "-")
	whole, fraction, _ := strings.Cut(mantissa, ".")
	exponent -= len(fraction)
	digits := strings.TrimLeft(whole+fraction, "0")
	significant := strings.TrimRight(digits, "0")
	exponent += len(digits) - len(significant)
	const mostDigits = 19 // of an int64
	switch {
	case significant == "":
		return 0, true
	case exponent < 0 || len(significant)+exponent > mostDigits:
		return 0, false
	}
	text := significant + strings.Repeat("0", exponent)
	if negative {
		text = "-" + text
	}
	n, err := strconv.ParseInt(text, 10, 64)
	return n, err == nil
}
