package safeguards

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// sum is a package with one safeguard, and sumTests are tests of it, some of which are of no use.
const (
	sum = `package sum

func Sum(a, b int) int {
	if a > b {
		return Sum(b, a)
	}
	return a + b
}
`
	sumTests = `package sum

import "testing"

func TestSum(t *testing.T) {
	t.Run("of small numbers", func(t *testing.T) {
		if got := Sum(1, 2); got != 3 {
			t.Errorf("1 + 2 is %d", got)
		}
	})
	t.Run("of nothing", func(t *testing.T) { Sum(0, 0) })
}

func TestNothing(t *testing.T) {}
func TestSkipped(t *testing.T) { t.Skip("not here") }
func TestWrong(t *testing.T)   { t.Error("it never passed") }
`
)

// What proves that a safeguard is guarded, and all that does not.
func TestTrial(t *testing.T) {
	if testing.Short() {
		t.Skip("it builds a dozen test binaries")
	}
	t.Parallel()
	dir := t.TempDir()
	for name, text := range map[string]string{"go.mod": "module sum\n\ngo 1.26\n", "sum/sum.go": sum, "sum/sum_test.go": sumTests} {
		name = filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	// The case without an end takes all of this, the others a moment on a machine that has time.
	lab := newLaboratory(dir, t.TempDir(), 15*time.Second)
	instead := func(old, with string) []edit { return []edit{{"sum/sum.go", old, with}} }
	wrong := instead("a + b", "a - b")
	for name, c := range map[string]struct {
		edits []edit
		tests []string
		err   string // empty: it is guarded
	}{
		"guarded":                {wrong, []string{"TestSum"}, ""},
		"guarded by a case":      {wrong, []string{"TestSum/of small numbers"}, ""},
		"text not there":         {instead("a * b", "a"), []string{"TestSum"}, "say anew how to take this safeguard out"},
		"text there twice":       {instead("Sum", "sum"), []string{"TestSum"}, "2 times, want once"},
		"no code":                {instead("a + b", "a +"), []string{"TestSum"}, "does not compile"},
		"not needed":             {instead("return Sum(b, a)", "return Sum(b, a) + 0"), []string{"TestSum"}, "passes without it"},
		"one of two passes":      {wrong, []string{"TestSum", "TestNothing"}, "TestNothing passes without it"},
		"panic":                  {instead("return a + b", `panic("no")`), []string{"TestSum"}, "did not come to its end"},
		"exit":                   {instead("return a + b", "os.Exit(3)\n\treturn 0"), []string{"TestSum"}, "does not compile"},
		"exit that compiles":     {[]edit{{"sum/sum.go", "package sum\n", "package sum\n\nimport \"os\"\n"}, {"sum/sum.go", "return a + b", "os.Exit(3)\n\treturn 0"}}, []string{"TestSum"}, "ended with exit status 3"},
		"without end":            {instead("return a + b", "select {}"), []string{"TestSum"}, "did not come to its end"},
		"skipped":                {wrong, []string{"TestSkipped"}, "TestSkipped does not pass"},
		"wrong with it":          {wrong, []string{"TestWrong"}, "as the code is"},
		"no such test":           {wrong, []string{"TestProduct"}, "TestProduct does not pass"},
		"no test named":          {wrong, nil, "no test is named"},
		"two of which one hides": {wrong, []string{"TestSum/of small numbers", "TestSum/of nothing"}, "of nothing passes without it"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &safeguard{edits: c.edits}
			if c.tests != nil {
				s.fails = []suite{tests("sum", c.tests...)}
			}
			f, err := lab.try(t.Context(), t.TempDir(), s)
			switch {
			case c.err == "" && err != nil, c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)):
				t.Errorf("error %v, want %q", err, c.err)
			case err == nil && (!slices.Equal(f.failed, []string{"sum " + c.tests[0]}) || f.says != "1 + 2 is -1"):
				t.Errorf("%+v", f)
			}
		})
	}
}
