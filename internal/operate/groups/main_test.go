package groups_test

import (
	"os"
	"testing"

	"attemptstream/internal/kafkatest"
)

func TestMain(m *testing.M) { os.Exit(kafkatest.Main(m)) }
