//go:build unix

package secured_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"attemptstream/internal/kafkatest"
)

// The command is built by the first test that has a Kafka, into a folder that goes with the test binary.
var (
	folder string
	binary = sync.OnceValues(build)
)

func TestMain(m *testing.M) {
	var err error
	if folder, err = os.MkdirTemp("", "attemptstream-secured-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := kafkatest.Main(m)
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
