package groups

import (
	"io"
	"strconv"
	"strings"
	"time"
	"unicode"

	"attemptstream/internal/console"
)

// Table writes a report for people.
func Table(w io.Writer, r *Report, colours console.Colours) error {
	t := table{console.NewPage(w, colours)}
	t.Line("%s at %s: %s", r.Topic, clock(r.At), console.Counted(len(r.Groups), "consumer group", "consumer groups"))
	if len(r.Groups) == 0 {
		t.Line("No group has committed an offset of the topic or subscribes to it. One appears when its first consumer joins.")
	}
	for i := range r.Groups {
		t.group(&r.Groups[i])
	}
	return t.Flush()
}

type table struct{ *console.Page }

func clock(at time.Time) string { return at.UTC().Format("2006-01-02 15:04:05") + " UTC" }

func (t table) group(g *Group) {
	behind := t.Colours.Good("has read everything")
	switch {
	case g.Events > 0:
		behind = t.Colours.Strong(figure(g.Events, g.AtMost)+" behind") + ", " + console.Span(seconds(g.Seconds))
	case g.NoOffset > 0:
		behind = "has no offset for some partitions"
	}
	t.Line("\n%s  %s  %s, %s", t.Colours.Strong(plain(g.Name)), behind, g.State, console.Counted(len(g.Members), "member", "members"))
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
	t.Rows("  ", len(rows[0]), rows)
	for _, note := range g.Notes() {
		t.Text("  ! ", note)
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
	t := table{console.NewPage(w, colours)}
	what := "was moved to"
	if m.DryRun {
		what = "would move to"
	}
	t.Line("%s %s the first event of %s observed at or after %s", colours.Strong(plain(m.Group)), what, m.Topic, m.To.Format("2006-01-02T15:04:05.999Z07:00"))
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
	t.Rows("  ", len(rows[0]), rows)
	t.Line("In all %s to read again, %s skipped; then %s ahead.", console.Counted(again, "event", "events"),
		console.Count(skipped), console.Counted(ahead, "event", "events"))
	if m.DryRun {
		t.Line("Nothing was changed. Without --dry-run it is.")
	}
	return t.Flush()
}
