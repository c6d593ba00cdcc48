package audit_test

import (
	"os"
	"testing"

	"attemptstream/internal/console"
	"attemptstream/internal/kafkatest"
	"attemptstream/internal/program"
)

var noColours console.Colours

func TestMain(m *testing.M) {
	os.Exit(program.Main(func() int { return kafkatest.Main(m) }))
}
