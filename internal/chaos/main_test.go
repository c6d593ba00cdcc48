//go:build unix

package chaos_test

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"testing"

	"attemptstream/internal/program"
)

func TestMain(m *testing.M) {
	// The tests wait most of the time, for answers and brokers that are slow on purpose: they need no processor each.
	flag.Parse()
	if err := flag.Set("test.parallel", strconv.Itoa(max(6, runtime.GOMAXPROCS(0)))); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(program.Main(m.Run))
}

// scale is how many times as long the tests are to take.
func scale(t testing.TB) int {
	t.Helper()
	text := os.Getenv("ATTEMPTSTREAM_CHAOS")
	if text == "" {
		return 1
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("ATTEMPTSTREAM_CHAOS is %q: want a whole number from 1 on", text)
	}
	return n
}
