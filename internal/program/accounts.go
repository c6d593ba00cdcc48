package program

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// AccountsList is the text of an accounts file: the names in this order, each with the file that has its key.
func AccountsList(t testing.TB, names []string, fileOf func(name string) string) string {
	t.Helper()
	type entry struct {
		Name       string `json:"name"`
		APIKeyFile string `json:"apiKeyFile"`
	}
	list := make([]entry, len(names))
	for i, name := range names {
		list[i] = entry{name, fileOf(name)}
	}
	text, err := json.Marshal(list)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// AccountsFile writes an accounts file with these names, and beside it a file with the key of each. It returns the path of
// the list. The names need not be such as the command takes.
func AccountsFile(t testing.TB, names []string, keyOf func(name string) string) string {
	t.Helper()
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	n := 0
	return write("accounts.json", AccountsList(t, names, func(name string) string {
		n++ // a name may be what no file can have
		return write(fmt.Sprint(n, ".key"), keyOf(name))
	}))
}
