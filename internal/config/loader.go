package config

import (
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A loader turns variables into Settings and gathers what is wrong with them.
type loader struct {
	vars     *variables
	need     Need
	now      time.Time
	settings *Settings
	problems []Problem
	warnings []Warning
}

// wrong notes a problem, unless the command does not use the setting.
func (l *loader) wrong(v *variable, format string, args ...any) {
	if l.needs(v.group()) {
		l.problems = append(l.problems, Problem{v.name, fmt.Sprintf(format, args...)})
	}
}

func (l *loader) warn(v *variable, format string, args ...any) {
	if l.needs(v.group()) {
		l.warnings = append(l.warnings, Warning{v.name, fmt.Sprintf(format, args...)})
	}
}

func (l *loader) needs(group Need) bool { return l.need&group == group }

// sort brings the problems into the order of the table.
func (l *loader) sort() {
	place := map[string]int{}
	for i, v := range l.vars.all() {
		place[v.name] = i
	}
	slices.SortStableFunc(l.problems, func(a, b Problem) int { return place[a.Variable] - place[b.Variable] })
}

// read is the value of v by parse, whose errors go on from the text of v: is not …: want …. Without a good value it is
// the default, or the zero value where there is none.
func read[T any](l *loader, v *variable, parse func(string) (T, error)) T {
	var value T
	if text := v.value(); text != "" {
		parsed, err := parse(text)
		if err == nil {
			return parsed
		}
		l.wrong(v, "%s %v", v.quoted(), err)
		if v.def != "" {
			value, _ = parse(v.def)
		}
	}
	return value
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
		if showPath(text) == hidden {
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

// showURL is text without what may be a secret in it: a user's password, the values of a query.
func showURL(text string) string {
	if strings.Contains(text, "@") {
		return hidden
	}
	if i := strings.IndexAny(text, "?#"); i >= 0 {
		return text[:i+1] + hidden
	}
	return text
}

// quote is text in quotes, cut where it is long: an error is read by people.
func quote(text string) string {
	const most = 200
	if len(text) > most {
		return strconv.Quote(strings.ToValidUTF8(text[:most], "")) + "…"
	}
	return strconv.Quote(text)
}

// secret is what the variable v or the file that the variable in file names holds; what says what it is. It is an error
// if both are set; neither is left to the caller.
func (l *loader) secret(v, file *variable, what string, check func(string) error) Secret {
	text := strings.TrimRight(v.text, "\r\n")
	switch inline := strings.TrimSpace(text) != ""; {
	case inline && file.isSet():
		l.wrong(v, "%s is set, and so is %s: want one of them", what, file.name)
	case inline:
		if err := check(text); err != nil {
			l.wrong(v, "%s %v", what, err)
		}
		return StaticSecret(text)
	case file.isSet():
		return l.secretFile(file, file.value(), showPath(file.value()), check)
	}
	return Secret{}
}

// secretFile is the secret in the file at path, which is read if it will be used.
func (l *loader) secretFile(v *variable, path, shown string, check func(string) error) Secret {
	if l.needs(v.group()) {
		text, err := readSecret(path)
		if err == nil {
			err = check(text)
		}
		if err != nil {
			l.wrong(v, "%s %v", shown, err)
		}
	}
	return Secret{path: path, check: check}
}

func parseListenAddr(text string) (string, error) {
	_, port, err := net.SplitHostPort(text)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		return "", fmt.Errorf("is not an address to listen on: want host:port, such as 127.0.0.1:8080, :8080 for all interfaces, or empty for none")
	}
	return text, nil
}

func parseDataDir(text string) (string, error) { return text, nil }
