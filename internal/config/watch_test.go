package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

// A watched is an accounts file in a directory with some keys, and what its watch has put in force.
type watched struct {
	t     *testing.T
	dir   string
	file  string
	watch *AccountsWatch
	taken []string // lists, in the order in which they were put in force
	fail  error    // of the next one that is to be put in force
	logs  *observer.ObservedLogs
	now   time.Time
}

const firstList = `[{"name":"a","apiKeyFile":"a.key"},{"name":"b","apiKeyFile":"b.key"}]`

func newWatched(t *testing.T) *watched {
	t.Helper()
	dir := t.TempDir()
	w := &watched{t: t, dir: dir, file: filepath.Join(dir, "accounts.json"), now: time.Now()}
	for _, name := range []string{"a", "b", "c"} {
		w.write(name+".key", "key-"+name)
	}
	w.write("accounts.json", firstList)
	list, err := ReadAccounts(w.file, nil)
	if err != nil {
		t.Fatal(err)
	}
	core, logs := observer.New(zap.InfoLevel)
	w.logs = logs
	w.watch = NewAccountsWatch(WatchConfig{Path: w.file, InForce: list, Log: zap.New(core), Now: func() time.Time { return w.now },
		Apply: func(list []Account) error {
			if w.fail != nil {
				return w.fail
			}
			w.taken = append(w.taken, w.names(list))
			return nil
		}})
	return w
}

func (w *watched) names(list []Account) string {
	var names []string
	for _, a := range list {
		names = append(names, string(a.Name)+"="+strings.TrimSuffix(filepath.Base(a.Key.path), ".key"))
	}
	return strings.Join(names, " ")
}

func (w *watched) write(name, content string) {
	w.t.Helper()
	if err := os.WriteFile(filepath.Join(w.dir, name), []byte(content), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

// look must leave these lists in force so far, and say what is wrong, in all of these words; none: nothing is.
func (w *watched) look(lists []string, words ...string) {
	w.t.Helper()
	w.watch.look()
	if !slices.Equal(w.taken, lists) {
		w.t.Errorf("put in force: %q, want %q", w.taken, lists)
	}
	text, since := w.watch.Problem()
	if (text == "") != (len(words) == 0) || (text == "") != since.IsZero() {
		w.t.Errorf("problem %q since %s, want %q", text, since, words)
	}
	for _, word := range words {
		if !strings.Contains(text, word) {
			w.t.Errorf("problem %q does not say %q", text, word)
		}
	}
}

// complaints are the lines of the log that say that the file cannot be taken.
func (w *watched) complaints() (lines []string) {
	for _, e := range w.logs.FilterLevelExact(zap.ErrorLevel).All() {
		lines = append(lines, fmt.Sprint(e.Message, " ", e.ContextMap()["error"]))
	}
	return lines
}

// Whatever is wrong with the file, the list stays as it was, one line of the log names the file and what is wrong, and as soon
// as the file is right it counts.
func TestWatchBadFile(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		content string
		says    []string
	}{
		"empty":               {"", []string{"is not valid JSON"}},
		"half written":        {firstList[:len(firstList)/2], []string{"is not valid JSON", "line 1"}},
		"the old end is left": {`[{"name":"a","apiKeyFile":"a.key"}]` + firstList[30:], []string{"is not valid JSON"}},
		"not JSON":            {"accounts: a", []string{"is not valid JSON"}},
		"no list":             {`{"name":"a","apiKeyFile":"a.key"}`, []string{"wrong type"}},
		"all removed":         {`[]`, []string{"has no accounts"}},
		"one name twice":      {`[{"name":"c","apiKeyFile":"c.key"},{"name":"c","apiKeyFile":"a.key"}]`, []string{`account "c" is there twice`}},
		"an odd name":         {`[{"name":"c","apiKeyFile":"c.key"},{"name":"c/d","apiKeyFile":"a.key"}]`, []string{"entry 2", `"c/d"`}},
		"no key file":         {`[{"name":"c","apiKeyFile":"c.key"},{"name":"d","apiKeyFile":"d.key"}]`, []string{"d.key", `account "d"`, "cannot be read"}},
		"no key in it":        {`[{"name": "c", "apiKeyFile": "accounts.json"}]`, []string{"accounts.json", `account "c"`, "want the key alone"}},
		"a member too many":   {`[{"name":"c","apiKeyFile":"c.key","apiKey":"s3cret"}]`, []string{"a member other than"}},
		"too long":            {strings.Repeat(" ", maxAccounts+1), []string{"longer than"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWatched(t)
			w.write("accounts.json", c.content)
			for range 5 {
				w.look(nil, append(c.says, w.file)...)
			}
			lines := w.complaints()
			if len(lines) != 1 {
				t.Fatalf("%d lines in the log, want one: %q", len(lines), lines)
			}
			for _, word := range append(c.says, AccountsSetting, w.file, "the list as it was stays in force") {
				if !strings.Contains(lines[0], word) {
					t.Errorf("the log does not say %q: %s", word, lines[0])
				}
			}
			if strings.Contains(lines[0], "s3cret") {
				t.Errorf("the log has a key in it: %s", lines[0])
			}
			w.write("accounts.json", `[{"name":"c","apiKeyFile":"c.key"},{"name":"a","apiKeyFile":"a.key"}]`)
			w.look([]string{"c=c a=a"})
			w.look([]string{"c=c a=a"})
		})
	}
}

// A complaint is made once, again when it lasts, and again when the list has changed since.
func TestWatchComplains(t *testing.T) {
	t.Parallel()
	w := newWatched(t)
	const other, bad = `[{"name":"a","apiKeyFile":"a.key"}]`, "?"
	steps := []struct {
		content    string
		after      time.Duration
		complaints int
	}{
		{bad, 0, 1},
		{bad, 2 * time.Second, 1},
		{"[]", time.Second, 2}, // another problem
		{bad, time.Second, 2},
		{firstList, time.Second, 2}, // what is in force
		{bad, time.Second, 2},
		{bad, complainAgain, 3},
		{other, time.Second, 3},
		{bad, time.Second, 4},
	}
	for i, step := range steps {
		w.now = w.now.Add(step.after)
		w.write("accounts.json", step.content)
		w.watch.look()
		if n := len(w.complaints()); n != step.complaints {
			t.Errorf("step %d: %d complaints, want %d", i, n, step.complaints)
		}
	}
	if n := w.logs.FilterMessageSnippet("right again").Len(); n != 2 {
		t.Errorf("that the file is right again was said %d times, want 2", n)
	}
}

// A file that cannot be read, is gone for a moment, or names a key file that comes later.
func TestWatchHeals(t *testing.T) {
	t.Parallel()
	w := newWatched(t)
	if err := os.Remove(w.file); err != nil {
		t.Fatal(err)
	}
	w.look(nil, w.file, "cannot be read")
	w.write("accounts.json", firstList)
	w.look(nil)
	w.write("accounts.json", `[{"name":"d","apiKeyFile":"d.key"}]`)
	w.look(nil, "d.key")
	w.look(nil, "d.key")
	w.write("d.key", "key-d")
	w.look([]string{"d=d"})
	w.fail = errors.New("no client")
	w.write("accounts.json", firstList)
	w.look([]string{"d=d"}, "no client")
	w.fail = nil
	w.look([]string{"d=d", "a=a b=b"})
}

// Only what has changed counts: not who writes the same again, nor how it is laid out. An account that stays needs no key that
// can be read: its trouble keeps nobody else out.
func TestWatchWhatChanged(t *testing.T) {
	t.Parallel()
	w := newWatched(t)
	w.look(nil)
	w.write("accounts.json", firstList)
	w.look(nil)
	w.write("accounts.json", strings.ReplaceAll(firstList, ",", ",\n  "))
	w.look(nil)
	if err := os.Remove(filepath.Join(w.dir, "a.key")); err != nil {
		t.Fatal(err)
	}
	w.look(nil)
	w.write("accounts.json", firstList[:len(firstList)-1]+`,{"name":"c","apiKeyFile":"c.key"}]`)
	w.look([]string{"a=a b=b c=c"})
	w.write("accounts.json", `[{"name":"a","apiKeyFile":"a.key"},{"name":"b","apiKeyFile":"c.key"}]`)
	w.look([]string{"a=a b=b c=c", "a=a b=c"})
	w.write("accounts.json", `[{"name":"b","apiKeyFile":"c.key"},{"name":"a","apiKeyFile":"a.key"}]`)
	w.look([]string{"a=a b=b c=c", "a=a b=c", "b=c a=a"})
}

// Editors put another file in its place; Kubernetes keeps the file behind links, and exchanges the one of the directory.
func TestWatchExchanged(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("links need rights there")
	}
	w := newWatched(t)
	w.write("next", `[{"name":"c","apiKeyFile":"c.key"}]`)
	rename := func(from, to string) {
		t.Helper()
		if err := os.Rename(filepath.Join(w.dir, from), filepath.Join(w.dir, to)); err != nil {
			t.Fatal(err)
		}
	}
	link := func(to, name string) {
		t.Helper()
		if err := os.Symlink(to, filepath.Join(w.dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	rename("next", "accounts.json")
	w.look([]string{"c=c"})
	for version, list := range []string{`[{"name":"c","apiKeyFile":"c.key"}]`, `[{"name":"b","apiKeyFile":"b.key"}]`} {
		dir := fmt.Sprint("..", version)
		if err := os.Mkdir(filepath.Join(w.dir, dir), 0o700); err != nil {
			t.Fatal(err)
		}
		w.write(filepath.Join(dir, "accounts.json"), list)
	}
	link("..0", "..data")
	link(filepath.Join("..data", "accounts.json"), "linked")
	rename("linked", "accounts.json")
	w.look([]string{"c=c"})
	link("..1", "..data_tmp")
	rename("..data_tmp", "..data")
	w.look([]string{"c=c", "b=b"})
}

// A change takes effect within five seconds, and the watch ends with its context.
func TestWatchRuns(t *testing.T) {
	t.Parallel()
	w := newWatched(t)
	synctest.Test(t, func(t *testing.T) {
		done := make(chan struct{})
		ctx := t.Context()
		go func() {
			defer close(done)
			w.watch.Run(ctx)
		}()
		t.Cleanup(func() { <-done })
		synctest.Wait()
		w.write("accounts.json", `[{"name":"c","apiKeyFile":"c.key"}]`)
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if !slices.Equal(w.taken, []string{"c=c"}) {
			t.Errorf("in force after five seconds: %q", w.taken)
		}
	})
}
