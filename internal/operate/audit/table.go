package audit

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"attemptstream/internal/console"
)

// JSON writes the report for scripts, and for files: all of it, with every line that differs.
func (r *Report) JSON(w io.Writer) error {
	head, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	b := bufio.NewWriter(w)
	_, _ = b.Write(head[:len(head)-len("\n}")]) // a bufio.Writer keeps its first error
	_, _ = b.WriteString(",\n  \"differences\": [")
	if _, err := r.file.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("read what was found: %w", err)
	}
	lines := bufio.NewScanner(r.file)
	lines.Buffer(nil, 16<<20)
	sep := "\n    "
	for lines.Scan() {
		_, _ = b.WriteString(sep)
		_, _ = b.Write(lines.Bytes())
		sep = ",\n    "
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("read what was found: %w", err)
	}
	if sep != "\n    " {
		_, _ = b.WriteString("\n  ")
	}
	_, _ = b.WriteString("]\n}\n")
	if err := b.Flush(); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return nil
}

// Table writes the report for people: of each kind of difference the first lines.
func (r *Report) Table(w io.Writer, colours console.Colours) error {
	t := table{console.NewPage(w, colours)}
	t.head(r)
	t.counts(r)
	t.parts(r)
	for _, k := range Kinds() {
		t.kind(r, k)
	}
	t.Line("")
	t.Line("digest of what is shown  %s", r.Digests.Shown)
	t.Line("digest of what is told   %s  (%s)", r.Digests.Told, map[bool]string{true: "equal", false: "different"}[r.Digests.Equal])
	verdict := colours.Good(r.Verdict)
	if !r.Clean {
		verdict = colours.Bad(r.Verdict)
	}
	t.Line("\n%s", verdict)
	if err := t.Flush(); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return nil
}

type table struct{ *console.Page }

func (t table) head(r *Report) {
	t.Line("Audit of %s by attemptstream %s, begun at %s UTC, took %s", r.Topic, r.Version, r.At.Format(time.DateTime),
		console.Span(time.Duration(r.Took*float64(time.Second))))
	t.Line("from      %s", r.From)
	t.Line("to        %s", r.To)
	t.Line("accounts  %s", joined(r.Accounts))
	t.Line("states    %s", joined(r.States))
}

func joined[T ~string](names []T) string {
	out := make([]string, len(names))
	for i, name := range names {
		out[i] = string(name)
	}
	return strings.Join(out, ", ")
}

func (t table) counts(r *Report) {
	rows := [][]string{{"ACCOUNT", "STATE", "STATUS", "SHOWN", "TOLD", "LATE", "REPLAYED", "NOT SHOWN", "IN A GAP", "MISSING", "TWICE"}}
	add := func(account, state, status string, c *Counts) {
		row := []string{account, state, status}
		for _, n := range []int64{c.Shown, c.Told, c.Late, c.Replayed, c.NotShown, c.InGap, c.Missing, c.Twice} {
			row = append(row, console.Count(n))
		}
		rows = append(rows, row)
	}
	for i := range r.Rows {
		add(string(r.Rows[i].Account), string(r.Rows[i].State), console.Printable(string(r.Rows[i].Status)), &r.Rows[i].Counts)
	}
	add("all", "", "", &r.Totals)
	t.Line("")
	t.Rows("", 3, rows)
	if len(r.Letters) == 0 {
		return
	}
	rows = [][]string{{"ACCOUNT", "STATE", "DEAD LETTERS", "SHOWN", "TOLD", "MISSING", "TWICE"}}
	for _, l := range r.Letters {
		rows = append(rows, []string{string(l.Account), string(l.State), "", console.Count(l.Shown), console.Count(l.Told), console.Count(l.Missing), console.Count(l.Twice)})
	}
	t.Line("")
	t.Rows("", 3, rows)
}

// parts are what was not audited.
func (t table) parts(r *Report) {
	for i, u := range r.NotCovered {
		if i == 0 {
			t.Line("\n%s", t.Colours.Strong("not covered ("+strconv.Itoa(len(r.NotCovered))+")"))
		}
		if i < kindsInReports {
			t.Line("  %s %s %s to %s: %s", u.Account, u.State, u.From, u.Until, u.Reason)
		}
	}
	t.more(len(r.NotCovered))
	for _, list := range []struct {
		title string
		list  []Unread
	}{{"not audited", r.NotAudited}, {"possibly cut", r.Doubtful}} {
		for i, u := range list.list {
			if i == 0 {
				t.Line("\n%s", t.Colours.Strong(list.title+" ("+strconv.Itoa(len(list.list))+")"))
			}
			if i < kindsInReports {
				t.Line("  %s %s %s to %s: %s", u.Account, u.State, u.From, u.Until, u.Reason)
			}
		}
		t.more(len(list.list))
	}
}

func (t table) more(n int) {
	if n > kindsInReports {
		t.Line("  and %s more: --output json has all", console.Count(n-kindsInReports))
	}
}

func (t table) kind(r *Report, k Kind) {
	n := r.Found[k]
	if n == 0 {
		return
	}
	title := string(k) + " (" + console.Count(n) + ")"
	if k.Wrong() {
		title = t.Colours.Bad(title)
	} else {
		title = t.Colours.Strong(title)
	}
	t.Line("\n%s", title)
	for i := range r.first[k] {
		t.Line("  %s", console.Printable(r.first[k][i].String()))
	}
	t.more(int(n))
}

// String is the line for people.
func (l *Line) String() string {
	var b strings.Builder
	if l.Account != "" {
		fmt.Fprintf(&b, "%s %s", l.Account, l.State)
	}
	if l.ID != nil {
		fmt.Fprintf(&b, " %d %s", *l.ID, l.Status)
	}
	if l.Letter != "" {
		b.WriteString(" " + l.Letter)
	}
	if strings.Contains(l.EventID, "@") {
		b.WriteString(" as " + l.EventID)
	}
	if l.Window != nil {
		fmt.Fprintf(&b, " in %s", l.Window)
	}
	if l.Replay != "" {
		b.WriteString(" in replay " + l.Replay)
	}
	for i, p := range l.Records {
		sep := ", "
		if i == 0 {
			sep = " at " + l.Topic + " "
		}
		b.WriteString(sep + p.String())
	}
	if l.Note != "" {
		b.WriteString(": " + l.Note)
	}
	return strings.TrimSpace(b.String())
}
