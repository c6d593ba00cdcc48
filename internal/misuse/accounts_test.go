//go:build unix

package misuse_test

import (
	"fmt"
	"strings"
	"testing"

	"attemptstream/internal/program"
	"attemptstream/internal/stage"
)

// secret is what no output may have in it.
const secret = "correct-horse-battery-staple"

// run runs the command with an accounts file that has these names, until it ends.
func run(t *testing.T, names []string, args ...string) *program.Process {
	t.Helper()
	accounts := program.AccountsFile(t, names, func(string) string { return secret })
	p := program.Start(t, program.Command(t), []string{"KAFKA_BROKERS=127.0.0.1:1", "IMOCHA_ACCOUNTS_FILE=" + accounts, "ADMIN_ADDR="}, args...)
	p.End(stage.Patience)
	if strings.Contains(p.Output(), secret) {
		t.Errorf("it tells a secret:\n%s", p.Output())
	}
	return p
}

// Names that cannot stand in a transactional id, the key of a record, a URL or a label, and names that are there twice, are
// all named at once, by commands that use them, and briefly: an accounts file may be anything.
func TestAccountNames(t *testing.T) {
	t.Parallel()
	wrong := map[string]string{ // and what is said of each
		"":                                   `account name "": want 1 to 64 characters`,
		" ":                                  `account name " ": want letters`,
		"a b":                                `account name "a b": want letters`,
		"a/b":                                `account name "a/b": want letters`,
		`a\b`:                                `account name "a\\b": want letters`,
		"a:b":                                `account name "a:b": want letters`,
		"a\n":                                `account name "a\n": want letters`,
		"a\r\nlevel=error":                   `account name "a\r\nlevel=error": want letters`,
		"a\x00":                              `account name "a\x00": want letters`,
		"\x1b[2J":                            `account name "\x1b[2J": want letters`,
		"Müller":                             `account name "Müller": want letters`,
		"а":                                  `account name "а": want letters`, // Cyrillic
		"a\u202eb":                           `account name "a\u202eb": want letters`,
		".":                                  `account name ".": want`,
		"..":                                 `account name "..": want`,
		"../../etc/passwd":                   `account name "../../etc/passwd": want letters`,
		`{"a":1}`:                            `account name "{\"a\":1}": want letters`,
		strings.Repeat("n", 65):              `account name of 65 bytes: want 1 to 64 characters`,
		strings.Repeat("long ", 100_000)[1:]: `account name of 499999 bytes: want 1 to 64 characters`,
	}
	names := []string{"right", "twice", "RIGHT", "a.b_c-D.9", "twice", strings.Repeat("n", 64), "...", "-"}
	for name := range wrong {
		names = append(names, name)
	}
	for _, command := range [][]string{{"run"}, {"run", "--once"}, {"config"}, {"config", "--check"}, {"audit", "--from", "-1d", "--to", "-1h"}} {
		t.Run(strings.Join(command, " "), func(t *testing.T) {
			t.Parallel()
			p := run(t, names, command...)
			if code := p.State().ExitCode(); code != 2 {
				t.Errorf("exit code %d, want 2", code)
			}
			said := p.Log()
			for i, name := range names {
				if want, ok := wrong[name]; ok {
					if want = fmt.Sprintf("entry %d: %s", i+1, want); !strings.Contains(said, want) {
						t.Errorf("it does not say %s", want)
					}
				}
			}
			if n := strings.Count(said, "entry "); n != len(wrong) {
				t.Errorf("it complains of %d entries, want %d", n, len(wrong))
			}
			if n := strings.Count(said, `account "twice" is there twice: want each name once`); n != 1 {
				t.Errorf("it says %d times that a name is there twice", n)
			}
			if len(said) > 16<<10 || strings.ContainsAny(said, "\x1b\x00\r\u202e") {
				t.Errorf("it says too much, or says what a terminal takes for more than text:\n%.20000q", said)
			}
			if t.Failed() {
				t.Logf("it says:\n%.20000s", said)
			}
		})
	}
}

// Names that differ in case alone, or are made of what is allowed only, are accounts of their own.
func TestTwins(t *testing.T) {
	t.Parallel()
	p := run(t, []string{"emea", "EMEA", "Emea", "...", "-", "_"}, "config", "--output", "json")
	if code := p.State().ExitCode(); code != 0 {
		t.Errorf("exit code %d:\n%s", code, p.Output())
	}
}
