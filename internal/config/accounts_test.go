package config_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"attemptstream/internal/config"
)

// Paths in the accounts file are relative to it.
func TestAccounts(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	absolute := write(t, "b.key", "key-b")
	for name, content := range map[string]string{
		"keys/a":        "key-a\n",
		"accounts.json": fmt.Sprintf(`[{"name":"a","apiKeyFile":"keys/a"}, {"apiKeyFile":%q,"name":"B.2"}]`, absolute),
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s, _ := load(t, enough("IMOCHA_API_KEY", "", "IMOCHA_ACCOUNTS_FILE", filepath.Join(dir, "accounts.json")))
	var got []string
	for _, account := range s.IMocha.Accounts {
		key, err := account.Key.Read()
		got = append(got, fmt.Sprint(account.Name, " ", key, " ", err))
	}
	if want := []string{"a key-a <nil>", "B.2 key-b <nil>"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestAccountsThatAreWrong(t *testing.T) {
	t.Parallel()
	const form = `: want [{"name":"…","apiKeyFile":"…"},…]`
	key := write(t, "key", "k")
	for content, want := range map[string][]string{
		``:                          {"is not valid JSON (line 1)" + form},
		"[\n{},\n]":                 {"is not valid JSON (line 2)" + form},
		`[] []`:                     {"is not valid JSON (line 1)" + form},
		`[]`:                        {"has no accounts: want at least one"},
		`null`:                      {"has no accounts: want at least one"},
		`{"name":"a"}`:              {"has a value of the wrong type (line 1)" + form},
		"[\n{\"name\":1}]":          {"has a value of the wrong type (line 2)" + form},
		"[\n{\"apikeyfile\":1}]":    {"has a member other than name and apiKeyFile (line 2)" + form},
		`[{"name":"a","name":"b"}]`: {"has a member twice in one entry (line 1)" + form},
		`[{"name":"a"},{"apiKeyFile":"KEY"},{"name":"b","apiKeyFile":""}]`: {
			`: entry 1 lacks something: want both "name" and "apiKeyFile"`, ": entry 2 lacks something", ": entry 3 lacks something",
		},
		`[{"name":"a b","apiKeyFile":"KEY"},{"name":"","apiKeyFile":"KEY"}]`: {
			`: entry 1: account name "a b": want letters, digits, dot, underscore and hyphen only`, `: entry 2: account name "": want 1 to 64 characters`,
		},
		`[{"name":"a","apiKeyFile":"KEY"},{"name":"a","apiKeyFile":"KEY"}]`: {`: account "a" is there twice: want each name once`},
		`[{"name":"a","apiKeyFile":"no/such.key"},{"name":"b","apiKeyFile":"nokey"}]`: {
			`: apiKeyFile "DIR/no/such.key" of account "a" cannot be read (no such file or directory)`,
			`: apiKeyFile (hidden, since it may be the secret itself) of account "b" cannot be read`,
		},
	} {
		path := write(t, "accounts.json", strings.ReplaceAll(content, "KEY", key))
		got := problems(t, enough("IMOCHA_API_KEY", "", "IMOCHA_ACCOUNTS_FILE", path), config.NeedAll)
		ok := len(got) == len(want)
		for i := range min(len(got), len(want)) {
			line := fmt.Sprintf("IMOCHA_ACCOUNTS_FILE: %q", path)
			if !strings.HasPrefix(want[i], ":") {
				line += " "
			}
			ok = ok && strings.HasPrefix(got[i], line+strings.ReplaceAll(want[i], "DIR", filepath.Dir(path)))
		}
		if !ok {
			t.Errorf("%s\ngot  %q\nwant %q", content, got, want)
		}
	}
	got := problems(t, enough("IMOCHA_API_KEY_FILE", key, "IMOCHA_ACCOUNTS_FILE", write(t, "accounts.json", `[{"name":"a","apiKeyFile":"`+key+`"}]`)), config.NeedAll)
	want := []string{
		"IMOCHA_API_KEY: is set, and so is IMOCHA_ACCOUNTS_FILE: want the keys of all accounts there, and only there",
		"IMOCHA_API_KEY_FILE: is set, and so is IMOCHA_ACCOUNTS_FILE: want the keys of all accounts there, and only there",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}
