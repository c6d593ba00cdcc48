package metrics_test

import (
	"flag"
	"os"
	"testing"

	"attemptstream/internal/kafkatest"
)

func TestMain(m *testing.M) {
	flag.Bool("update", false, "write deploy/METRICS.md anew")
	os.Exit(kafkatest.Main(m))
}
