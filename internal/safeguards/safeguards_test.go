package safeguards

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"text/tabwriter"
	"time"
)

// variable says how much of the table is carried out: "all", or else the safeguards that are of the first rank.
const variable = "ATTEMPTSTREAM_SAFEGUARDS"

// limit is how long a suite may take. Those that are named take seconds, on a machine that has time.
const limit = 4 * time.Minute

// A safeguard is something that keeps a promise, and how to do without it.
type safeguard struct {
	name   string
	breaks string // what goes wrong without it
	edits  []edit
	fails  []suite
	first  bool // it is of the first rank: tried each time
}

// table is all safeguards.
func table() []safeguard {
	return slices.Concat(transactions(), memory(), reading(), telling(), owning())
}

// Without any one of the safeguards, the tests that are named for it fail.
func TestSafeguards(t *testing.T) {
	if testing.Short() {
		t.Skip("each safeguard has its tests built anew")
	}
	all := false
	switch text := os.Getenv(variable); text {
	case "":
	case "all":
		all = true
	default:
		t.Fatalf("%s=%s: want all, or nothing for those of the first rank", variable, text)
	}
	root := root(t)
	watch(t, root)
	lab := newLaboratory(root, t.TempDir(), limit)
	tried := results{all: map[string]result{}}
	t.Run("without", func(t *testing.T) {
		for _, s := range table() {
			if !s.first && !all {
				continue
			}
			t.Run(s.name, func(t *testing.T) {
				t.Parallel()
				began := time.Now()
				f, err := lab.try(t.Context(), t.TempDir(), &s)
				if err != nil {
					t.Errorf("without %s: %v", s.name, err)
				} else {
					t.Logf("without %s, %s. A test says: %s", s.name, s.breaks, f.says)
				}
				tried.add(result{name: s.name, finding: f, err: err, took: time.Since(began)})
			})
		}
	})
	t.Logf("\n%s", &tried)
}

// root is the folder of the module.
func root(t *testing.T) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "env", "GOMOD").Output()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Dir(strings.TrimSpace(string(out)))
}

// watch looks into all folders of code. The go command remembers the result of a test for as long as nothing changes that the
// test has looked at, and does not know what the go commands look at that this one starts.
func watch(t *testing.T, root string) {
	t.Helper()
	err := filepath.WalkDir(filepath.Join(root, "internal"), func(_ string, _ fs.DirEntry, err error) error { return err })
	if err != nil {
		t.Fatal(err)
	}
}

// A result is what became of one line of the table.
type result struct {
	name string
	finding
	err  error
	took time.Duration
}

// results are for people to read.
type results struct {
	mu  sync.Mutex
	all map[string]result // by the safeguard's name
}

func (r *results) add(one result) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all[one.name] = one
}

// String is a table, in the order of the safeguards'.
func (r *results) String() string {
	var b strings.Builder
	lines := tabwriter.NewWriter(&b, 0, 0, 3, ' ', 0)
	fmt.Fprintln(lines, "WITHOUT\tTHIS FAILS\tAFTER")
	guarded := 0
	for _, s := range table() {
		one, tried := r.all[s.name]
		if !tried {
			continue
		}
		fails := one.failed
		if one.err == nil {
			guarded++
		} else {
			fails = []string{"NOT GUARDED: see above"}
		}
		name, took := s.name, fmt.Sprintf("%.1f s", one.took.Seconds())
		for _, f := range fails {
			fmt.Fprintf(lines, "%s\t%s\t%s\n", name, f, took)
			name, took = "", ""
		}
	}
	_ = lines.Flush() // to memory
	fmt.Fprintf(&b, "%d of %d safeguards are guarded.\n", guarded, len(r.all))
	return b.String()
}
