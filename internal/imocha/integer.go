package imocha

import (
	"strconv"
	"strings"
)

// parseInteger is the value of a JSON number that is exactly an int64, however it is spelt: 7, 7.0, 70e-1.
func parseInteger(number []byte) (int64, bool) {
	if n, ok := parseDigits(number); ok {
		return n, true
	}
	s := string(number)
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

// parseDigits is the value of a number that is nothing but so many digits as always fit, as ids are.
func parseDigits(s []byte) (n int64, ok bool) {
	if len(s) > 18 {
		return 0, false
	}
	for i := range len(s) {
		digit := s[i] - '0'
		if digit > 9 {
			return 0, false
		}
		n = n*10 + int64(digit)
	}
	return n, true
}
