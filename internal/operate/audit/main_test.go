package audit_test

import (
	"testing"

	"attemptstream/internal/console"
	"attemptstream/internal/kafkatest"
)

var noColours console.Colours

func main(m *testing.M) int { return kafkatest.Main(m) }
