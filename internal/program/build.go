package program

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// builds are the commands of this test binary: nothing narrower than it knows all its tests.
var builds struct {
	mu     sync.Mutex
	folder string
	once   map[string]func() (string, error) // by the flags
}

// Main runs the tests of a binary and removes what was built for them. run is testing.M's Run, or what wraps it.
func Main(run func() int) int {
	code := run()
	builds.mu.Lock()
	defer builds.mu.Unlock()
	if builds.folder != "" {
		_ = os.RemoveAll(builds.folder) // what stays is in a temporary folder
	}
	return code
}

// Command is the path of the command, built with further flags of go build (such as -overlay=…). The first test that asks
// waits for the compiler.
func Command(t testing.TB, flags ...string) string {
	t.Helper()
	path, err := once(flags)()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func once(flags []string) func() (string, error) {
	builds.mu.Lock()
	defer builds.mu.Unlock()
	key := strings.Join(flags, "\x00")
	if f := builds.once[key]; f != nil {
		return f
	}
	if builds.once == nil {
		builds.once = map[string]func() (string, error){}
	}
	if builds.folder == "" {
		folder, err := os.MkdirTemp("", "attemptstream-")
		if err != nil {
			return func() (string, error) { return "", err }
		}
		builds.folder = folder
	}
	path := filepath.Join(builds.folder, fmt.Sprint("attemptstream-", len(builds.once)))
	builds.once[key] = sync.OnceValues(func() (string, error) { return path, build(path, flags) })
	return builds.once[key]
}

func build(path string, flags []string) error {
	args := []string{"build", "-o", path}
	if race {
		args = append(args, "-race")
	}
	args = append(append(args, flags...), "attemptstream/cmd/attemptstream")
	if out, err := exec.Command("go", args...).CombinedOutput(); err != nil {
		return fmt.Errorf("build the command: %w: %s", err, out)
	}
	return nil
}
