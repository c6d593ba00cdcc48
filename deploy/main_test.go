package deploy

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// The program is built by the first test that needs it, into a folder that goes with the test binary.
var (
	folder string
	binary = sync.OnceValues(build)
)

func TestMain(m *testing.M) {
	var err error
	if folder, err = os.MkdirTemp("", "attemptstream-deploy-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	_ = os.RemoveAll(folder) // it is in the folder for temporary files anyway
	os.Exit(code)
}

// build builds attemptstream from the folder above and returns its path.
func build() (string, error) {
	path := filepath.Join(folder, "attemptstream")
	cmd := exec.Command("go", "build", "-buildvcs=false", "-o", path, "./cmd/attemptstream")
	cmd.Dir = ".."
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build attemptstream: %w\n%s", err, out)
	}
	return path, nil
}

func program(t *testing.T) string {
	t.Helper()
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	return path
}
