//go:build unix

package discreet_test

import (
	"os"
	"testing"

	"attemptstream/internal/program"
)

func TestMain(m *testing.M) { os.Exit(program.Main(m.Run)) }
