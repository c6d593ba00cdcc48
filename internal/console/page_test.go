package console

import (
	"errors"
	"strings"
	"testing"
)

func TestPage(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	p := NewPage(&b, Colours{on: true})
	p.Line("group %s", "billing")
	p.Text("  "+p.Colours.Bad("FAILED")+"  ", strings.Repeat("word ", 30))
	p.Rows("  ", 1, [][]string{{"STATE", "TOLD"}, {"é", p.Colours.Good("7")}, {"completed", "1,390"}})
	if err := p.Flush(); err != nil {
		t.Fatal(err)
	}
	text := escape.ReplaceAllString(b.String(), "")
	want := "group billing\n" +
		"  FAILED  " + strings.TrimSpace(strings.Repeat("word ", 18)) + "\n" + // 10 + 18*5 - 1 = 99 columns
		"          " + strings.TrimSpace(strings.Repeat("word ", 12)) + "\n" +
		"  STATE       TOLD\n" +
		"  é              7\n" +
		"  completed  1,390\n"
	if text != want {
		t.Errorf("the page is\n%s\nwant\n%s", text, want)
	}
}

type full struct{}

var errFull = errors.New("no room")

func (full) Write([]byte) (int, error) { return 0, errFull }

func TestPageThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	p := NewPage(full{}, Colours{})
	p.Line("a line")
	if err := p.Flush(); !errors.Is(err, errFull) {
		t.Errorf("Flush = %v, want the writer's error", err)
	}
}
