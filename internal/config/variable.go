package config

import (
	"strconv"
	"strings"
	"unicode"
)

// A variable is one setting: what its tags say, and the text that the environment has for it.
type variable struct {
	name, def, unset, meaning, kind string

	text string
}

// Decode implements envconfig.Decoder. It takes everything: what is wrong is found out later, for all settings at once.
func (v *variable) Decode(text string) error {
	v.text = text
	return nil
}

// group is the need that v belongs to; 0 for those that every command has.
func (v *variable) group() Need {
	prefix, _, _ := strings.Cut(v.name, "_")
	return map[string]Need{"IMOCHA": NeedIMocha, "KAFKA": NeedKafka, "STREAM": NeedStream, "PII": NeedPII, "ADMIN": NeedAdmin}[prefix]
}

// value is the text that counts: without space around it, and the default where that leaves nothing. It is not for
// secrets.
func (v *variable) value() string {
	text := strings.TrimSpace(v.text)
	if text == "" && v.kind != "optional" {
		return v.def
	}
	return text
}

// isSet tells whether there is a value or a default.
func (v *variable) isSet() bool { return v.value() != "" }

// quoted is the value as it may be shown in an error.
func (v *variable) quoted() string {
	text := v.value()
	switch v.kind {
	case "secret":
		return hidden
	case "path":
		return showPath(text)
	case "url":
		return quote(showURL(text))
	}
	return quote(text)
}

// shown is the value as it may be shown in a table; empty if there is none.
func (v *variable) shown() string {
	text := v.value()
	switch {
	case v.kind == "secret" && text == "":
		return "(not set)"
	case v.kind == "secret":
		return "(set)"
	case text == "":
		return ""
	case v.kind == "path":
		if showPath(text) == hiddenPath {
			return hidden
		}
	case v.kind == "url":
		text = showURL(text)
	}
	if q := strconv.Quote(text); q != `"`+text+`"` {
		return q
	}
	return text
}

// showURL is text without what may be a secret in it: a user's password, the values of a query. What does not look like an
// address may be a secret as a whole, in the wrong variable.
func showURL(text string) string {
	if strings.Contains(text, "@") {
		return hidden
	}
	shown := text
	if i := strings.IndexAny(text, "?#"); i >= 0 {
		text, shown = text[:i], text[:i+1]+hidden
	}
	const longestWord = 20
	odd := strings.ContainsFunc(text, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune(".:/,-_[]% ", r)
	})
	if odd || len(text) > longestWord && !strings.ContainsAny(text, ".:") {
		return hidden
	}
	return shown
}

// quote is text in quotes, cut where it is long: an error is read by people.
func quote(text string) string {
	const most = 200
	if len(text) > most {
		return strconv.Quote(strings.ToValidUTF8(text[:most], "")) + "…"
	}
	return strconv.Quote(text)
}
