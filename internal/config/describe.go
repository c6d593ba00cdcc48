package config

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
	"unicode/utf8"
)

// An Entry is one setting as people and scripts see it.
type Entry struct {
	Name    string   `json:"name"`
	Value   string   `json:"value"` // of secrets only whether there is one; as it stands, also where it is wrong
	Default string   `json:"default"`
	Meaning string   `json:"meaning"`
	Secret  bool     `json:"secret"`
	Errors  []string `json:"errors,omitempty"` // what is wrong with the value
}

// Describe is every setting in the contract's order. It reads what Load reads; what Load would find wrong is in Errors.
func Describe(env Environment, need Need, now time.Time) []Entry {
	l := load(env, need, now)
	var entries []Entry
	for _, v := range env.vars.all() {
		e := Entry{Name: v.name, Value: v.shown(), Default: plainText(v.shownDefault()), Meaning: plainText(v.meaning), Secret: v.kind == "secret"}
		for _, p := range l.problems {
			if p.Variable == v.name {
				e.Errors = append(e.Errors, p.Text)
			}
		}
		entries = append(entries, e)
	}
	return entries
}

// shownDefault is the default, or what stands for it.
func (v *variable) shownDefault() string {
	if v.def == "" {
		return v.unset
	}
	return v.def
}

// plainText is text without the marks of Markdown.
func plainText(text string) string { return strings.ReplaceAll(text, "`", "") }

// Print writes entries as "table" or "json".
func Print(w io.Writer, entries []Entry, format string) error {
	switch format {
	case "json":
		encoder := json.NewEncoder(w)
		encoder.SetEscapeHTML(false)
		encoder.SetIndent("", "  ")
		return encoder.Encode(entries)
	case "table":
		return printTable(w, entries)
	}
	return fmt.Errorf("output format %q: want table or json", format)
}

// The last column fills up what the others leave of the table's width, but stays wide enough to be read.
const (
	tableWidth       = 120
	narrowestMeaning = 44
	widestDefault    = 24
	between          = 2 // columns
)

func printTable(w io.Writer, entries []Entry) error {
	names, values, defaults := 0, 0, 0
	for _, e := range entries {
		names, values = max(names, utf8.RuneCountInString(e.Name)), max(values, utf8.RuneCountInString(e.Value))
		for _, line := range wrap(e.Default, widestDefault) {
			defaults = max(defaults, utf8.RuneCountInString(line))
		}
	}
	width := max(narrowestMeaning, tableWidth-names-values-defaults-3*between)
	table := tabwriter.NewWriter(w, 0, 0, between, ' ', 0)
	fmt.Fprintln(table, "NAME\tVALUE\tDEFAULT\tMEANING")
	for _, e := range entries {
		defaults := wrap(e.Default, widestDefault)
		meaning := wrap(e.Meaning, width)
		for _, text := range e.Errors {
			meaning = append(meaning, wrap("WRONG: "+text, width)...)
		}
		name, value := e.Name, e.Value
		for i := range max(len(defaults), len(meaning)) {
			fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", name, value, at(defaults, i), at(meaning, i))
			name, value = "", ""
		}
	}
	return table.Flush()
}

func at(lines []string, i int) string {
	if i < len(lines) {
		return lines[i]
	}
	return ""
}

// wrap breaks text at spaces into lines of at most width characters; words that are longer stay whole.
func wrap(text string, width int) []string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(text) {
		if line != "" && utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > width {
			lines, line = append(lines, line), ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	return append(lines, line)
}

// Markdown is the table of all settings for the README.
func Markdown() string {
	var b strings.Builder
	b.WriteString("| variable | default | meaning |\n| --- | --- | --- |\n")
	escape := strings.NewReplacer("|", `\|`)
	for _, v := range newVariables().all() {
		def := v.unset
		if v.def != "" {
			def = "`" + v.def + "`"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", v.name, escape.Replace(def), escape.Replace(v.meaning))
	}
	return b.String()
}
