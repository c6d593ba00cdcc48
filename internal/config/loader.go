package config

import (
	"fmt"
	"net"
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
	problems []Problem // in the order of the table, since the settings are read in it
	warnings []Warning
	bad      map[*variable]bool // has a problem, needed or not
}

// wrong notes a problem, unless the command does not use the setting.
func (l *loader) wrong(v *variable, format string, args ...any) {
	l.bad[v] = true
	if !l.needs(v.group()) {
		return
	}
	problem := Problem{v.name, fmt.Sprintf(format, args...)}
	count := 1
	for _, p := range l.problems {
		if p.Variable == v.name {
			count++
		}
	}
	switch {
	case count > mostProblems:
		return
	case count == mostProblems:
		problem.Text = "there is more: mend what is above first"
	}
	l.problems = append(l.problems, problem)
}

// mostProblems is how many are named of one setting: a file of accounts could have as many as it has entries.
const mostProblems = 50

func (l *loader) warn(v *variable, format string, args ...any) {
	if l.needs(v.group()) {
		l.warnings = append(l.warnings, Warning{v.name, fmt.Sprintf(format, args...)})
	}
}

func (l *loader) needs(group Need) bool { return l.need&group == group }

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

// secretFile is the secret in the file at path, which is read if it will be used, and is called shown in errors.
func (l *loader) secretFile(v *variable, path, shown string, check func(string) error) Secret {
	if l.needs(v.group()) {
		if err := checkSecret(path, check); err != nil {
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
