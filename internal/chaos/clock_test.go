//go:build unix

package chaos_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"attemptstream/internal/program"
)

// The command can be built with a clock that can be moved while it runs, as somebody with root's rights or a time server
// moves that of a machine: what time.Now says of the wall changes, the monotonic clock, by which timers and timeouts go,
// does not. Nothing in the command knows of it: the compiler is told to replace files (go help build, -overlay).

// clockVariable names the file that a command with such a clock follows.
const clockVariable = "ATTEMPTSTREAM_TEST_CLOCK"

// What is replaced in time.go of Go's time package, and by what.
const (
	nowBefore = "func Now() Time {\n\tsec, nsec, mono := runtimeNow()\n"
	nowAfter  = nowBefore + "\tsec, nsec = moved(sec, nsec)\n"
)

// timeFile is added to Go's time package.
const timeFile = `package time

import "sync/atomic"

var movedBy atomic.Int64

// MoveClock lets Now say so many nanoseconds more than it is.
func MoveClock(by int64) { movedBy.Store(by) }

func moved(sec int64, nsec int32) (int64, int32) {
	by := movedBy.Load()
	if by == 0 {
		return sec, nsec
	}
	sec, rest := sec+by/1e9, int64(nsec)+by%1e9
	switch {
	case rest < 0:
		sec, rest = sec-1, rest+1e9
	case rest >= 1e9:
		sec, rest = sec+1, rest-1e9
	}
	return sec, int32(rest)
}
`

// commandFile is added to the command.
const commandFile = `package main

import (
	"os"
	"strconv"
	"time"
)

func init() {
	file := os.Getenv("` + clockVariable + `")
	if file == "" {
		return
	}
	follow := func() {
		text, err := os.ReadFile(file)
		if err != nil {
			panic(err)
		}
		by, err := strconv.ParseInt(string(text), 10, 64)
		if err != nil {
			panic(err)
		}
		time.MoveClock(by)
	}
	follow() // before anything asks for the time
	go func() {
		for {
			time.Sleep(10 * time.Millisecond)
			follow()
		}
	}()
}
`

// movable is the one build of this test binary.
var movable struct {
	mu   sync.Mutex
	path string
}

// movableClock is the path of a command whose clock can be moved. The first test that asks waits for the compiler, which
// builds nearly everything anew.
func movableClock(t testing.TB) (path string) {
	t.Helper()
	movable.mu.Lock()
	defer movable.mu.Unlock()
	if movable.path == "" {
		movable.path = program.Command(t, "-overlay="+overlay(t))
	}
	return movable.path
}

// overlay writes what is replaced, and returns the file that says so.
func overlay(t testing.TB) string {
	t.Helper()
	timeFolder := filepath.Join(goEnv(t, "GOROOT"), "src", "time")
	source := filepath.Join(timeFolder, "time.go")
	text, err := os.ReadFile(source)
	if err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(text, []byte(nowBefore)); n != 1 {
		t.Fatalf("%s has %d times what is to be replaced, want once: Go has changed, and clock_test.go has to follow; it looks for\n%s", source, n, nowBefore)
	}
	folder := t.TempDir()
	replace := map[string]string{}
	add := func(original, text string) {
		file := filepath.Join(folder, strconv.Itoa(len(replace))+".go")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		replace[original] = file
	}
	add(source, strings.Replace(string(text), nowBefore, nowAfter, 1))
	add(filepath.Join(timeFolder, "moved.go"), timeFile)
	add(filepath.Join(filepath.Dir(goEnv(t, "GOMOD")), "cmd", "attemptstream", "clock_moved.go"), commandFile)
	list, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(folder, "overlay.json")
	if err := os.WriteFile(file, list, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func goEnv(t testing.TB, name string) string {
	t.Helper()
	out, err := exec.Command("go", "env", name).Output()
	if err != nil {
		t.Fatalf("go env %s: %v", name, err)
	}
	return strings.TrimSpace(string(out))
}

// A clock is that of one machine on which commands run.
type clock struct {
	t    testing.TB
	file string
}

// newClock is a clock that is right.
func newClock(t testing.TB) *clock {
	t.Helper()
	c := &clock{t, filepath.Join(t.TempDir(), "offset")}
	c.set(0)
	return c
}

// env is the setting by which a command has this clock.
func (c *clock) env() string { return clockVariable + "=" + c.file }

// set lets the clock be ahead by offset, or behind where it is negative. Commands that run follow within some milliseconds.
func (c *clock) set(offset time.Duration) {
	c.t.Helper()
	next := c.file + ".next" // so that nobody reads half of it
	if err := os.WriteFile(next, []byte(strconv.FormatInt(int64(offset), 10)), 0o600); err != nil {
		c.t.Fatal(err)
	}
	if err := os.Rename(next, c.file); err != nil {
		c.t.Fatal(err)
	}
}
