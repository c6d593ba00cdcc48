package check

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"attemptstream/internal/console"
)

// A Result says how an item was found.
type Result string

// Results.
const (
	OK      Result = "ok"
	Notice  Result = "notice"  // a worker runs with it; somebody should know
	Failed  Result = "failed"  // a worker fails with it
	Skipped Result = "skipped" // it cannot be said, because another item failed
)

// An Item is one thing that was looked at.
type Item struct {
	Of     string `json:"of"`     // kafka or imocha
	Name   string `json:"check"`  // what was looked at
	Result Result `json:"result"` //
	Detail string `json:"detail"` // what was found; what is wrong, and how to mend it
	Took   int64  `json:"tookMilliseconds"`
}

// The two that are asked.
const (
	ofKafka  = "kafka"
	ofIMocha = "imocha"
)

// A Report is all items, in the order in which they depend on each other.
type Report struct {
	At    time.Time `json:"at"`
	OK    bool      `json:"ok"` // no item failed
	Items []Item    `json:"items"`
}

// Failures is how many items failed.
func (r *Report) Failures() int {
	n := 0
	for _, i := range r.Items {
		if i.Result == Failed {
			n++
		}
	}
	return n
}

// tableWidth is the longest line, unless a word is longer.
const tableWidth = 100

// Table writes a report for people.
func Table(w io.Writer, r *Report, colours console.Colours) error {
	out := bufio.NewWriter(w)
	of := ""
	for _, i := range r.Items {
		if i.Of != of {
			if of != "" {
				fmt.Fprintln(out)
			}
			of = i.Of
			fmt.Fprintln(out, colours.Strong(map[string]string{ofKafka: "Kafka", ofIMocha: "iMocha"}[of]))
		}
		mark := map[Result]string{OK: colours.Good("ok    "), Notice: colours.Strong("notice"), Failed: colours.Bad("FAILED"),
			Skipped: colours.Faint("-     ")}[i.Result]
		paragraph(out, "  "+mark+"  ", len("  notice  "), i.Name+": "+i.Detail)
	}
	if r.Failures() == 0 {
		fmt.Fprintln(out, colours.Good("\nEverything that a worker needs is there."))
	}
	return out.Flush() // a bufio.Writer keeps its first error
}

// paragraph writes text, broken at spaces, behind a mark that is indent wide.
func paragraph(w io.Writer, mark string, indent int, text string) {
	line, width := mark, indent
	begun := false
	for _, word := range strings.Fields(text) {
		n := utf8.RuneCountInString(word)
		if begun && width+1+n > tableWidth {
			fmt.Fprintln(w, line)
			line, width, begun = strings.Repeat(" ", indent), indent, false
		}
		if begun {
			line, width = line+" ", width+1
		}
		line, width, begun = line+word, width+n, true
	}
	fmt.Fprintln(w, line)
}
