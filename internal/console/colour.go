package console

import (
	"io"
	"os"

	"golang.org/x/term"
)

// IsTerminal tells whether w is a terminal.
func IsTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// Width is how many columns w has; 80 where it is no terminal or does not say.
func Width(w io.Writer) int {
	if f, ok := w.(*os.File); ok {
		if width, _, err := term.GetSize(int(f.Fd())); err == nil && width > 0 {
			return width
		}
	}
	return 80
}

// Colours are the ways in which a line sets words apart. The zero Colours set nothing apart.
type Colours struct{ on bool }

// ColoursFor are those for what is written to w: on a terminal, unless the user wants none (NO_COLOR is not empty, see
// no-color.org).
func ColoursFor(w io.Writer, noColour string) Colours {
	return Colours{on: noColour == "" && IsTerminal(w)}
}

// The SGR codes in use: the eight colours that every terminal has, so that its theme decides how they look.
const (
	bold    = "1"
	dim     = "2"
	red     = "31"
	green   = "32"
	yellow  = "33"
	blue    = "34"
	magenta = "35"
	cyan    = "36"
)

func (c Colours) paint(code, text string) string {
	if !c.on || code == "" || text == "" {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

// Strong is text that is to be seen first.
func (c Colours) Strong(text string) string { return c.paint(bold, text) }

// Faint is text that may be passed over.
func (c Colours) Faint(text string) string { return c.paint(dim, text) }

// Good is text that says that all is well.
func (c Colours) Good(text string) string { return c.paint(bold+";"+green, text) }

// Bad is text that says that something is not.
func (c Colours) Bad(text string) string { return c.paint(bold+";"+red, text) }
