//go:build unix

package misuse_test

import (
	"os"
	"testing"

	"attemptstream/internal/kafkatest"
	"attemptstream/internal/program"
)

func TestMain(m *testing.M) {
	os.Exit(program.Main(func() int { return kafkatest.Main(m) }))
}
