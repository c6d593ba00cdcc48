package kafkatest

import (
	"flag"
	"fmt"
	"os"
	"testing"
)

// atOnce is how many tests run at once where nobody says otherwise.
const atOnce = "8"

// Main runs a binary's tests for its TestMain and returns the exit code. Tests with brokers wait most of the time, for
// them, for time-outs and for pauses; so more of them run at once than there are processors, unless -parallel is given.
func Main(m *testing.M) int {
	flag.Parse()
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "test.parallel" })
	if !given {
		if err := flag.Set("test.parallel", atOnce); err != nil {
			fmt.Fprintln(os.Stderr, "kafkatest:", err)
			return 1
		}
	}
	return m.Run()
}
