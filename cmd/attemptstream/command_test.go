package main

import (
	"bytes"
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"attemptstream/internal/config"
)

// patience bounds every wait for a command.
const patience = time.Minute

// An output takes what a command prints, and tells when a text was in it.
type output struct {
	mu      sync.Mutex
	text    bytes.Buffer
	waiting map[string]chan struct{}
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.text.Write(p)
	for text, found := range o.waiting {
		if bytes.Contains(o.text.Bytes(), []byte(text)) {
			close(found)
			delete(o.waiting, text)
		}
	}
	return len(p), nil
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// has is closed when text has been printed.
func (o *output) has(text string) <-chan struct{} {
	o.mu.Lock()
	defer o.mu.Unlock()
	found := make(chan struct{})
	if bytes.Contains(o.text.Bytes(), []byte(text)) {
		close(found)
		return found
	}
	if o.waiting == nil {
		o.waiting = map[string]chan struct{}{}
	}
	o.waiting[text] = found
	return found
}

// A running is a command under way in this process.
type running struct {
	t        testing.TB
	out, err output
	cancel   context.CancelFunc
	done     chan struct{}
	code     int
}

// start runs a command with nothing but env in its environment. It is stopped when the test ends.
func start(t testing.TB, env map[string]string, args ...string) *running {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	r := &running{t: t, cancel: cancel, done: make(chan struct{})}
	a := &app{env: config.FromMap(env), out: &r.out, err: &r.err, variable: func(name string) string { return env[name] }}
	go func() {
		defer close(r.done)
		r.code = execute(ctx, a, args)
	}()
	t.Cleanup(func() {
		cancel()
		<-r.done
	})
	return r
}

// until waits until the command has printed text on standard output.
func (r *running) until(text string) {
	r.t.Helper()
	select {
	case <-r.out.has(text):
	case <-r.done:
		r.t.Fatalf("it ended with %d and did not print %q:\n%s%s", r.code, text, r.out.String(), r.err.String())
	}
}

// wait waits for the command's end, which must be this exit code.
func (r *running) wait(code int) {
	r.t.Helper()
	<-r.done
	if r.code != code {
		r.t.Fatalf("exit code %d, want %d:\n%s%s", r.code, code, r.out.String(), r.err.String())
	}
}

func TestWrongUsage(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		args []string
		want string // on standard error
		see  string
	}{
		{nil, "which command?", "attemptstream --help"},
		{[]string{"simulat"}, `unknown command "simulat"`, "attemptstream --help"},
		{[]string{"demo", "now"}, `unknown command "now"`, "attemptstream demo --help"},
		{[]string{"demo", "--duration", "15"}, "want something like 30s", "attemptstream demo --help"},
		{[]string{"demo", "--duration", "-3s"}, "want 0 or more", "attemptstream demo --help"},
		{[]string{"demo", "--seed", "x"}, "--seed", "attemptstream demo --help"},
		{[]string{"simulate", "--boundary", "[["}, `want "[]", "[)", "(]" or "()"`, "attemptstream simulate --help"},
		{[]string{"simulate", "--since", "24h"}, "want -24h", "attemptstream simulate --help"},
		{[]string{"simulate", "--since", "2999-01-01"}, "is in the future", "attemptstream simulate --help"},
		{[]string{"simulate", "--faults", "2"}, "want a number from 0 to 1", "attemptstream simulate --help"},
		{[]string{"simulate", "--late", "NaN"}, "want a number from 0 to 1", "attemptstream simulate --help"},
		{[]string{"simulate", "--per-day", "many"}, "want 0 or more", "attemptstream simulate --help"},
		{[]string{"simulate", "--keys", "emea"}, "want name=key", "attemptstream simulate --help"},
		{[]string{"simulate", "--keys", "a=1,a=2"}, "twice", "attemptstream simulate --help"},
		{[]string{"simulate", "--keys", "a=1,b=1"}, "twice", "attemptstream simulate --help"},
		{[]string{"simulate", "--keys", "a b=1"}, "want letters", "attemptstream simulate --help"},
		{[]string{"simulate", "--cap", "-1"}, "must not be negative", "attemptstream simulate --help"},
		{[]string{"simulate", "--latency", "soon"}, "want something like 30s", "attemptstream simulate --help"},
		{[]string{"run", "--twice"}, "unknown flag", "attemptstream run --help"},
	} {
		r := start(t, nil, c.args...)
		r.wait(exitUsage)
		if text := r.err.String(); !strings.Contains(text, c.want) || !strings.Contains(text, "See: "+c.see) || r.out.String() != "" {
			t.Errorf("%q: on standard error\n%s\nwant %q and %q; on standard output %q, want nothing", c.args, text, c.want, c.see, r.out.String())
		}
	}
}

func TestHelp(t *testing.T) {
	t.Parallel()
	for _, c := range (&app{}).root().Commands() {
		r := start(t, nil, c.Name(), "--help")
		r.wait(exitDone)
		if text := r.out.String(); !strings.Contains(text, "Examples:\n  ") || !strings.Contains(text, "attemptstream "+c.Name()) {
			t.Errorf("%s --help has no example, or does not show how it is used:\n%s", c.Name(), text)
		}
		for line := range strings.Lines(c.Long) {
			if len(line) > 101 {
				t.Errorf("%s --help has a line of %d: %s", c.Name(), len(line), line)
			}
		}
	}
}
