package safeguards

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// A suite is tests of one package.
type suite struct {
	pkg   string   // its folder, from the module's root
	tests []string // as -v prints them, "TestA" or "TestA/one of its cases"
	flags []string // for the test binary
}

// tests are some of a package.
func tests(pkg string, names ...string) suite { return suite{pkg: pkg, tests: names} }

// build makes the test binary of a package, with an overlay unless that is empty.
func build(ctx context.Context, root, dir, pkg, overlay string) (binary string, err error) {
	binary = filepath.Join(dir, strings.ReplaceAll(pkg, "/", "_")+".test")
	// Not vetted: code without a safeguard may leave something unused that go vet would mind.
	args := []string{"test", "-c", "-vet=off", "-ldflags=-s -w", "-o", binary}
	if overlay != "" {
		args = append(args, "-overlay", overlay)
	}
	cmd := exec.CommandContext(ctx, "go", append(args, "./"+pkg)...)
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%s does not compile: %w\n%s", pkg, err, out)
	}
	return binary, nil
}

// A report is what became of a suite's tests.
type report struct {
	passed, failed, skipped []string // all of them, those that hold others too
	says                    string   // the first line that the first failed test has logged
	output                  string
}

// An event is a line of go tool test2json.
type event struct{ Action, Test, Output string }

// run runs the suite's tests in their folder. The error is nil if all of them ran to their end, whatever that was.
func (s *suite) run(ctx context.Context, root, binary string, limit time.Duration) (*report, error) {
	args := append([]string{"-test.v=test2json", "-test.count=1", "-test.paniconexit0", "-test.timeout=" + limit.String(),
		"-test.run=" + pattern(s.tests)}, s.flags...)
	cmd := exec.CommandContext(ctx, binary, args...)
	cmd.Dir = filepath.Join(root, filepath.FromSlash(s.pkg))
	cmd.Env = append(os.Environ(), variable+"=")
	cmd.WaitDelay = 10 * time.Second
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	ended := cmd.Run()
	var exit *exec.ExitError
	if ended != nil && !errors.As(ended, &exit) {
		return nil, ended
	}
	convert := exec.CommandContext(ctx, "go", "tool", "test2json")
	convert.Dir, convert.Stdin = root, bytes.NewReader(out.Bytes())
	events, err := convert.Output()
	if err != nil {
		return nil, fmt.Errorf("go tool test2json: %w", err)
	}
	r, err := read(events)
	switch {
	case err != nil:
	case ctx.Err() != nil:
		err = context.Cause(ctx)
	case (ended != nil) != (len(r.failed) > 0):
		err = fmt.Errorf("it ended with %v, and %d tests failed", ended, len(r.failed))
	}
	if err != nil {
		return nil, fmt.Errorf("tests of %s: %w\n%s", s.pkg, err, tail(out.String()))
	}
	r.output = out.String()
	return r, nil
}

// message is how a test's log begins: the file and the line.
var message = regexp.MustCompile(`^\s+[a-z_0-9]+_test\.go:\d+: (.*)`)

// read makes a report of what test2json says.
func read(events []byte) (*report, error) {
	r := &report{}
	said := map[string]string{}
	for line := range bytes.Lines(events) {
		var e event
		if err := json.Unmarshal(line, &e); err != nil {
			return nil, fmt.Errorf("%w in %s", err, line)
		}
		switch e.Action {
		case "output":
			for _, end := range []string{"panic: ", "fatal error: "} {
				if strings.HasPrefix(e.Output, end) {
					return nil, fmt.Errorf("it did not come to its end: %s", strings.TrimSpace(e.Output))
				}
			}
			if m := message.FindStringSubmatch(e.Output); m != nil && said[e.Test] == "" {
				said[e.Test] = strings.TrimSpace(m[1])
			}
		case "pass", "fail", "skip":
			if e.Test == "" {
				continue
			}
			to := map[string]*[]string{"pass": &r.passed, "fail": &r.failed, "skip": &r.skipped}[e.Action]
			*to = append(*to, e.Test)
			if e.Action == "fail" && r.says == "" {
				r.says = said[e.Test]
			}
		}
	}
	return r, nil
}

// pattern is the regular expression, as -run takes it, of exactly these tests.
func pattern(tests []string) string {
	var all []string
	for _, t := range tests {
		var parts []string
		for part := range strings.SplitSeq(t, "/") {
			parts = append(parts, "^"+regexp.QuoteMeta(spelled(part))+"$")
		}
		all = append(all, strings.Join(parts, "/"))
	}
	return strings.Join(all, "|")
}

// spelled is a test's name as reports have it.
func spelled(test string) string { return strings.ReplaceAll(test, " ", "_") }

// within tells whether a test is one of those named, part of one, or holds one.
func within(test string, named []string) bool {
	return slices.ContainsFunc(named, func(n string) bool {
		n = spelled(n)
		return test == n || strings.HasPrefix(test, n+"/") || strings.HasPrefix(n, test+"/")
	})
}

func tail(text string) string {
	const lines = 40
	all := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}
