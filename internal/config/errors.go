package config

import (
	"fmt"
	"strings"
)

// An Error names every setting that is wrong, in the order of the settings table. It is a mistake of whoever starts the
// program, not a failure of it.
type Error struct{ Problems []Problem }

// A Problem is what is wrong with one setting, and what it should be.
type Problem struct {
	Variable string
	Text     string
}

// String is the problem in one line.
func (p Problem) String() string { return p.Variable + ": " + p.Text }

func (e *Error) Error() string {
	if len(e.Problems) == 1 {
		return e.Problems[0].String()
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%d settings are wrong:", len(e.Problems))
	for _, p := range e.Problems {
		b.WriteString("\n  " + p.String())
	}
	return b.String()
}

// A Warning is a setting that is likely not what was meant, or not wise.
type Warning struct {
	Variable string
	Text     string
}

// String is the warning in one line.
func (w Warning) String() string { return w.Variable + " " + w.Text }
