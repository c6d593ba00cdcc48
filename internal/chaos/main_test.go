//go:build unix

package chaos_test

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"testing"
)

// The command is built by the first test that has a Kafka, into a folder that goes with the test binary.
var (
	folder string
	binary = sync.OnceValues(build)
)

func TestMain(m *testing.M) {
	// The tests wait most of the time, for answers and brokers that are slow on purpose: they need no processor each.
	flag.Parse()
	if err := flag.Set("test.parallel", strconv.Itoa(max(6, runtime.GOMAXPROCS(0)))); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	var err error
	if folder, err = os.MkdirTemp("", "attemptstream-chaos-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	_ = os.RemoveAll(folder)
	os.Exit(code)
}

// build makes the command as the tests are made: with the race detector, or without.
func build() (string, error) {
	path := filepath.Join(folder, "attemptstream")
	args := []string{"build", "-o", path}
	if race {
		args = append(args, "-race")
	}
	if out, err := exec.Command("go", append(args, "attemptstream/cmd/attemptstream")...).CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the command: %w: %s", err, out)
	}
	return path, nil
}

// scale is how many times as long the tests are to take.
func scale(t testing.TB) int {
	t.Helper()
	text := os.Getenv("ATTEMPTSTREAM_CHAOS")
	if text == "" {
		return 1
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("ATTEMPTSTREAM_CHAOS is %q: want a whole number from 1 on", text)
	}
	return n
}
