package safeguards

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// A laboratory tries what tests do without a safeguard.
type laboratory struct {
	root  string        // of the module
	dir   string        // for what is built
	limit time.Duration // of a suite
	slots chan struct{} // as many as may be built and run at once

	mu     sync.Mutex
	intact map[string]*intact // by package
}

// An intact package is built of the code as it is.
type intact struct {
	mu     sync.Mutex
	binary string
	passed []string // tests that are known to pass
}

func newLaboratory(root, dir string, limit time.Duration) *laboratory {
	const atOnce = 2
	return &laboratory{root: root, dir: dir, limit: limit, slots: make(chan struct{}, atOnce), intact: map[string]*intact{}}
}

// A finding is what was seen without a safeguard.
type finding struct {
	failed []string // of the tests that were named
	says   string   // what one of them says
}

// try takes a safeguard out and runs what has to fail then. dir is for what is built. The error is nil if that did fail, and
// passes as long as the safeguard is there.
func (l *laboratory) try(ctx context.Context, dir string, s *safeguard) (f finding, err error) {
	l.slots <- struct{}{}
	defer func() { <-l.slots }()
	over, err := overlay(l.root, dir, s.edits)
	if err != nil {
		return f, err
	}
	for i := range s.fails {
		suite := &s.fails[i]
		if err := l.pass(ctx, suite); err != nil {
			return f, fmt.Errorf("as the code is: %w", err)
		}
		binary, err := build(ctx, l.root, dir, suite.pkg, over)
		if err != nil {
			return f, err
		}
		r, err := suite.run(ctx, l.root, binary, l.limit)
		if err != nil {
			return f, fmt.Errorf("without it: %w", err)
		}
		if err := suite.mustFail(r); err != nil {
			return f, err
		}
		for _, t := range suite.tests {
			f.failed = append(f.failed, strings.TrimPrefix(suite.pkg, "internal/")+" "+t)
		}
		if f.says == "" {
			f.says = r.says
		}
	}
	if len(f.failed) == 0 {
		return f, errors.New("no test is named")
	}
	return f, nil
}

// mustFail is an error unless all that is named failed, and nothing else did.
func (s *suite) mustFail(r *report) error {
	for _, t := range s.tests {
		switch name := spelled(t); {
		case slices.Contains(r.passed, name):
			return fmt.Errorf("%s %s passes without it: a test is missing, or the safeguard is not needed", s.pkg, t)
		case slices.Contains(r.skipped, name):
			return fmt.Errorf("%s %s was skipped", s.pkg, t)
		case !slices.Contains(r.failed, name):
			return fmt.Errorf("%s has no test %s", s.pkg, t)
		}
	}
	for _, t := range r.failed {
		if !within(t, s.tests) {
			return fmt.Errorf("%s %s failed, which is not named", s.pkg, t)
		}
	}
	return nil
}

// pass is an error unless the suite's tests pass on the code as it is. Each is run once, for all safeguards.
func (l *laboratory) pass(ctx context.Context, s *suite) error {
	l.mu.Lock()
	p := l.intact[s.pkg]
	if p == nil {
		p = &intact{}
		l.intact[s.pkg] = p
	}
	l.mu.Unlock()
	p.mu.Lock()
	defer p.mu.Unlock()
	left := suite{pkg: s.pkg, flags: s.flags}
	for _, t := range s.tests {
		if !slices.Contains(p.passed, t) {
			left.tests = append(left.tests, t)
		}
	}
	if len(left.tests) == 0 {
		return nil
	}
	if p.binary == "" {
		binary, err := build(ctx, l.root, l.dir, s.pkg, "")
		if err != nil {
			return err
		}
		p.binary = binary
	}
	r, err := left.run(ctx, l.root, p.binary, l.limit)
	if err != nil {
		return err
	}
	for _, t := range left.tests {
		if !slices.Contains(r.passed, spelled(t)) {
			return fmt.Errorf("%s %s does not pass:\n%s", s.pkg, t, tail(r.output))
		}
	}
	p.passed = append(p.passed, left.tests...)
	return nil
}
