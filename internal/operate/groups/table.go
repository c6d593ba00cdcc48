package groups

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"attemptstream/internal/console"
)

// Table writes a report for people.
func Table(w io.Writer, r *Report, colours console.Colours) error {
	t := &table{w: bufio.NewWriter(w), colours: colours}
	t.line("%s at %s: %s", r.Topic, clock(r.At), console.Counted(len(r.Groups), "consumer group", "consumer groups"))
	if len(r.Groups) == 0 {
		t.line("No group has committed an offset of the topic or subscribes to it. One appears when its first consumer joins.")
	}
	for i := range r.Groups {
		t.group(&r.Groups[i])
	}
	return t.w.Flush() // a bufio.Writer keeps its first error
}

type table struct {
	w       *bufio.Writer
	colours console.Colours
}

func (t *table) line(format string, args ...any) { fmt.Fprintf(t.w, format+"\n", args...) }

// text writes a paragraph with a mark before its first line.
func (t *table) text(mark, text string) {
	line := ""
	for _, word := range strings.Fields(text) {
		if line != "" && utf8.RuneCountInString(mark+line)+1+utf8.RuneCountInString(word) > textWidth {
			t.line("%s%s", mark, line)
			mark, line = strings.Repeat(" ", utf8.RuneCountInString(mark)), ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	t.line("%s%s", mark, line)
}

// textWidth is the longest line of text.
const textWidth = 100

func clock(at time.Time) string { return at.UTC().Format("2006-01-02 15:04:05") + " UTC" }

func (t *table) group(g *Group) {
	behind := t.colours.Good("has read everything")
	switch {
	case g.Events > 0:
		behind = t.colours.Strong(figure(g.Events, g.AtMost)+" behind") + ", " + console.Span(seconds(g.Seconds))
	case g.NoOffset > 0:
		behind = "has no offset for some partitions"
	}
	t.line("\n%s  %s  %s, %s", t.colours.Strong(plain(g.Name)), behind, g.State, console.Counted(len(g.Members), "member", "members"))
	readers := make(map[int]string)
	for _, m := range g.Members {
		for _, p := range m.Partitions {
			readers[p] = plain(m.ClientID) + " at " + plain(strings.TrimPrefix(m.Host, "/"))
		}
	}
	rows := [][]string{{"PARTITION", "OFFSET", "END", "EVENTS BEHIND", "TIME BEHIND", "READ BY"}}
	for i := range g.Partitions {
		p := &g.Partitions[i]
		reader := readers[p.Partition]
		if reader == "" {
			reader = "nobody"
		}
		offset, behind := "none", atMost(p.Events, p.AtMost)
		if p.Committed != nil {
			offset = strconv.FormatInt(*p.Committed, 10)
		}
		if p.Committed == nil || p.Beyond {
			behind = "(" + behind + ")"
		}
		rows = append(rows, []string{
			strconv.Itoa(p.Partition), offset, strconv.FormatInt(p.LastStable, 10), behind, console.Span(seconds(p.Seconds)), reader,
		})
	}
	t.rows(rows)
	for _, note := range g.Notes() {
		t.text("  ! ", note)
	}
}

// plain is a name that others chose, quoted where it would do something to a terminal. Kafka takes any text.
func plain(name string) string {
	if strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return strconv.Quote(name)
	}
	return name
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

func atMost(n int64, most bool) string {
	if most {
		return "≤ " + console.Count(n)
	}
	return console.Count(n)
}

func figure(n int64, most bool) string {
	if most {
		return "≤ " + console.Counted(n, "event", "events")
	}
	return console.Counted(n, "event", "events")
}

// MoveTable writes a move for people.
func MoveTable(w io.Writer, m *Move, colours console.Colours) error {
	t := &table{w: bufio.NewWriter(w), colours: colours}
	what := "was moved to"
	if m.DryRun {
		what = "would move to"
	}
	t.line("%s %s the first event of %s observed at or after %s", colours.Strong(plain(m.Group)), what, m.Topic, m.To.Format("2006-01-02T15:04:05.999Z07:00"))
	rows := [][]string{{"PARTITION", "FROM", "TO", "FIRST EVENT", "EVENTS ON THE WAY", "THEN AHEAD"}}
	var again, skipped, ahead int64
	for i := range m.Steps {
		s := &m.Steps[i]
		from, first, way := "none", "none that young: the end", "the same place"
		if s.From != nil {
			from = strconv.FormatInt(*s.From, 10)
		}
		if s.First != nil {
			first = s.First.Format("2006-01-02 15:04:05.000 UTC")
		}
		switch {
		case s.Refused != "":
			way = "REFUSED: " + s.Refused
		case s.Again > 0:
			way = console.Count(s.Again) + " again"
		case s.Skipped > 0:
			way = console.Count(s.Skipped) + " skipped"
		case s.From == nil:
			way = "had no offset"
		}
		rows = append(rows, []string{strconv.Itoa(s.Partition), from, strconv.FormatInt(s.To, 10), first, way, console.Count(s.Ahead)})
		again, skipped, ahead = again+s.Again, skipped+s.Skipped, ahead+s.Ahead
	}
	t.rows(rows)
	t.line("In all %s to read again, %s skipped; then %s ahead.", console.Counted(again, "event", "events"),
		console.Count(skipped), console.Counted(ahead, "event", "events"))
	if m.DryRun {
		t.line("Nothing was changed. Without --dry-run it is.")
	}
	return t.w.Flush()
}

// rows writes columns, the first row faint.
func (t *table) rows(rows [][]string) {
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	for n, row := range rows {
		var b strings.Builder
		for i, cell := range row {
			b.WriteString("  " + cell + strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell)))
		}
		line := strings.TrimRight(b.String(), " ")
		if n == 0 {
			line = t.colours.Faint(line)
		}
		t.line("%s", line)
	}
}
