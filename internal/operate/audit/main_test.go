package audit_test

import (
	"os"
	"path/filepath"
	"testing"

	"attemptstream/internal/console"
	"attemptstream/internal/kafkatest"
)

var noColours console.Colours

func TestMain(m *testing.M) { os.Exit(run(m)) }

// run runs the tests, with a folder for the command where a test builds it.
func run(m *testing.M) int {
	var err error
	if folder, err = os.MkdirTemp("", "attemptstream-audit-test-"); err != nil {
		panic(err)
	}
	defer os.RemoveAll(folder)
	return kafkatest.Main(m)
}

var folder string

func commandPath() string { return filepath.Join(folder, "attemptstream") }
