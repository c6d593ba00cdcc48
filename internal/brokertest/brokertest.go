// Package brokertest runs tests on both brokers that attemptstream has to be right on: the embedded one, always, and a
// real Apache Kafka, where package kafkatest has one.
package brokertest

import (
	"net"
	"os"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest"

	"attemptstream/internal/embedded"
	"attemptstream/internal/kafkatest"
)

// OnBoth runs a test on the embedded broker and on a real Apache Kafka, side by side. The real one is shared by all tests
// of a binary, so topics and groups need names of their own.
func OnBoth(t *testing.T, test func(t *testing.T, brokers []string)) {
	t.Helper()
	t.Parallel()
	t.Run("embedded", func(t *testing.T) {
		t.Parallel()
		test(t, Embedded(t))
	})
	t.Run("kafka", func(t *testing.T) {
		t.Parallel()
		test(t, kafkatest.Shared(t).Addrs())
	})
}

// Embedded is an embedded broker of the test's own, in memory.
func Embedded(t testing.TB) []string {
	t.Helper()
	b, err := embedded.Start(embedded.Config{Addr: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	return []string{b.Addr()}
}

// Nowhere is an address at which nobody listens.
func Nowhere(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return l.Addr().String()
}

// Logger writes to the test's log if ATTEMPTSTREAM_TEST_LOG is set: it is much.
func Logger(t testing.TB) *zap.Logger {
	if os.Getenv("ATTEMPTSTREAM_TEST_LOG") == "" {
		return zap.NewNop()
	}
	return zaptest.NewLogger(t)
}
