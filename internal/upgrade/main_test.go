//go:build unix

package upgrade_test

import (
	"os"
	"testing"

	"attemptstream/internal/kafkatest"
	"attemptstream/internal/program"
)

func TestMain(m *testing.M) {
	os.Exit(program.Main(func() int { return kafkatest.Main(m) }))
}
