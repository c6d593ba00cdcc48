package config_test

import (
	"bytes"
	"flag"
	"os"
	"testing"

	"attemptstream/internal/config"
)

// The README's table of settings is made from the settings; -update writes it.
func TestReadme(t *testing.T) {
	const path = "../../README.md"
	begin, end := []byte("<!-- settings: go test ./internal/config -update -->\n"), []byte("<!-- end of settings -->")
	readme, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := bytes.Cut(readme, begin)
	_, after, closed := bytes.Cut(rest, end)
	if !found || !closed {
		t.Fatalf("README.md has no table of settings between %s and %s", bytes.TrimSpace(begin), end)
	}
	want := bytes.Join([][]byte{before, begin, []byte("\n" + config.Markdown() + "\n"), end, after}, nil)
	if bytes.Equal(readme, want) {
		return
	}
	if flag.Lookup("update").Value.String() == "true" {
		if err := os.WriteFile(path, want, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	t.Error("the README's table of settings is stale: go test ./internal/config -update")
}
