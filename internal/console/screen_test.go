package console

import (
	"errors"
	"strings"
	"sync"
	"testing"

	"attemptstream/internal/console/consoletest"
)

func TestScreen(t *testing.T) {
	t.Parallel()
	term := &consoletest.Terminal{}
	s := NewScreen(term, func() int { return 80 })
	write := func(text string) func() {
		return func() {
			if n, err := s.Write([]byte(text)); n != len(text) || err != nil {
				t.Errorf("write %q: %d, %v", text, n, err)
			}
		}
	}
	show := func(line string) func() { return func() { s.Show(line) } }
	for i, step := range []struct {
		do   func()
		want string
	}{
		{write("log 1\n"), "log 1/"},
		{show("10%"), "log 1/10%"},
		{write("log 2\n"), "log 1/log 2/10%"},
		{show("9"), "log 1/log 2/9"},
		{write("a\nb\n"), "log 1/log 2/a/b/9"},
		{write("half"), "log 1/log 2/a/b/half"}, // no room until its line ends
		{show("20%"), "log 1/log 2/a/b/half"},
		{write(" line\n"), "log 1/log 2/a/b/half line/20%"},
		{show(""), "log 1/log 2/a/b/half line/"},
		{write(""), "log 1/log 2/a/b/half line/"},
		{write("end\n"), "log 1/log 2/a/b/half line/end/"},
	} {
		before := term.Writes()
		step.do()
		if got := term.String(); got != step.want {
			t.Errorf("step %d: %q, want %q", i, got, step.want)
		}
		if term.Writes() > before+1 {
			t.Errorf("step %d took %d writes, which flickers", i, term.Writes()-before)
		}
	}
}

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errors.New("gone") }

func TestScreenThatIsGone(t *testing.T) {
	t.Parallel()
	s := NewScreen(broken{}, func() int { return 80 })
	s.Show("10%")
	if n, err := s.Write([]byte("log\n")); n != 0 || err == nil {
		t.Errorf("%d bytes written and %v, want the error", n, err)
	}
}

// Logs of several goroutines and progress leave whole lines.
func TestScreenIsSafe(t *testing.T) {
	t.Parallel()
	term := &consoletest.Terminal{}
	s := NewScreen(term, func() int { return 80 })
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 50 {
				_, _ = s.Write([]byte("whole line\n")) // this terminal never fails
				s.Show("42%")
			}
		})
	}
	all.Wait()
	s.Show("")
	if got := term.String(); got != strings.Repeat("whole line/", 200) {
		t.Error(got)
	}
}
