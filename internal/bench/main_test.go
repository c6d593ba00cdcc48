//go:build linux

package bench_test

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"attemptstream/internal/embedded"
	"attemptstream/internal/program"
)

// roleVariable makes this test binary one of the processes that a benchmark needs beside the command.
const roleVariable = "ATTEMPTSTREAM_BENCH_ROLE"

func TestMain(m *testing.M) {
	if role := os.Getenv(roleVariable); role != "" {
		if err := play(role, os.Args[1:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(program.Main(m.Run))
}

// play is one of the processes. A contestant writes its figures to standard output; the others write their address and end
// when their standard input does.
func play(role string, args []string) error {
	var addr string
	switch role {
	case contestantRole:
		return compete(args[0])
	case "api":
		h, err := parseHistory(args)
		if err != nil {
			return err
		}
		if addr, err = h.serve(); err != nil {
			return err
		}
	case "live":
		var err error
		if addr, err = serveLive(args); err != nil {
			return err
		}
	case "broker":
		b, err := embedded.Start(embedded.Config{Addr: "127.0.0.1:0"})
		if err != nil {
			return err
		}
		addr = b.Addr()
	default:
		return fmt.Errorf("no role %q", role)
	}
	fmt.Println(addr)
	_, err := io.Copy(io.Discard, os.Stdin)
	return err
}

// start starts this test binary in a role that lasts as long as the benchmark, and returns its address.
func start(b testing.TB, role string, args ...string) string {
	b.Helper()
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env, cmd.Stderr = append(os.Environ(), roleVariable+"="+role), os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = in.Close()
		_ = cmd.Wait()
	})
	addr, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		b.Fatalf("the process %s does not start: %v", role, err)
	}
	return strings.TrimSpace(addr)
}

// attempts is how long a backfill is.
func attempts(b testing.TB, usual int) int {
	b.Helper()
	text := os.Getenv("ATTEMPTSTREAM_BENCH_ATTEMPTS")
	if text == "" {
		return usual
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		b.Fatalf("ATTEMPTSTREAM_BENCH_ATTEMPTS is %q: want a whole number from 1 on", text)
	}
	return n
}
