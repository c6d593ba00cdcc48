package safeguards

import (
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The table fits the code: each text to be taken out is there once, what stands in its place is Go, and the tests that are
// named exist. What the compiler says of it is seen when it is tried.
func TestTable(t *testing.T) {
	t.Parallel()
	root, named := root(t), map[string]bool{}
	for _, s := range table() {
		if named[s.name] || s.name == "" || s.breaks == "" || len(s.edits) == 0 || len(s.fails) == 0 {
			t.Errorf("%q is there twice, or not whole", s.name)
		}
		named[s.name] = true
		files, err := changed(root, s.edits)
		if err != nil {
			t.Errorf("%s: %v", s.name, err)
		}
		for file, text := range files {
			if _, err := parser.ParseFile(token.NewFileSet(), file, text, parser.SkipObjectResolution); err != nil {
				t.Errorf("%s: without it %s is no Go: %v", s.name, file, err)
			}
		}
		for _, suite := range s.fails {
			code := testsOf(t, filepath.Join(root, filepath.FromSlash(suite.pkg)))
			for _, test := range suite.tests {
				test, _, _ = strings.Cut(test, "/")
				if !strings.Contains(code, "\nfunc "+test+"(t *testing.T)") {
					t.Errorf("%s: %s has no test %s: say which test guards it now", s.name, suite.pkg, test)
				}
			}
		}
	}
}

// testsOf is the text of a package's tests.
func testsOf(t *testing.T, dir string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(text)
	}
	return all.String()
}
