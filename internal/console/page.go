package console

import (
	"bufio"
	"fmt"
	"io"
	"regexp"
	"strings"
	"unicode/utf8"
)

// PageWidth is the longest line of a page's text.
const PageWidth = 100

// A Page is a report for people: lines, paragraphs and columns. What goes wrong in writing it shows in Flush.
type Page struct {
	Colours Colours
	w       *bufio.Writer // keeps its first error
}

// NewPage is an empty page.
func NewPage(w io.Writer, colours Colours) *Page {
	return &Page{Colours: colours, w: bufio.NewWriter(w)}
}

// Flush writes what is left of the page.
func (p *Page) Flush() error { return p.w.Flush() }

// Line writes a line as it is.
func (p *Page) Line(format string, args ...any) { fmt.Fprintf(p.w, format+"\n", args...) }

// Text writes a paragraph with mark before its first line, and the same room before the others. Words that are longer than
// a line stay whole.
func (p *Page) Text(mark, text string) {
	room := width(mark)
	for _, line := range Wrap(text, PageWidth-room) {
		p.Line("%s%s", mark, line)
		mark = strings.Repeat(" ", room)
	}
}

// Rows writes columns behind indent, the first row faint, as their head. So many columns from the left hold words, the
// others numbers. Every row must be as long as the first one.
func (p *Page) Rows(indent string, words int, rows [][]string) {
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], width(cell))
		}
	}
	for n, row := range rows {
		cells := make([]string, len(row))
		for i, cell := range row {
			room := strings.Repeat(" ", widths[i]-width(cell))
			if i < words {
				cells[i] = cell + room
			} else {
				cells[i] = room + cell
			}
		}
		line := strings.TrimRight(indent+strings.Join(cells, "  "), " ")
		if n == 0 {
			line = p.Colours.Faint(line)
		}
		p.Line("%s", line)
	}
}

// Wrap breaks text at spaces into lines of at most so many characters; words that are longer stay whole.
func Wrap(text string, most int) []string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(text) {
		if line != "" && width(line)+1+width(word) > most {
			lines, line = append(lines, line), ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	return append(lines, line)
}

var escape = regexp.MustCompile("\x1b\\[[0-9;]*m")

// width is how many columns a text takes, colours not counted.
func width(text string) int {
	if strings.Contains(text, "\x1b") {
		text = escape.ReplaceAllString(text, "")
	}
	return utf8.RuneCountInString(text)
}
