package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"attemptstream/internal/operate/groups"
)

func TestRewind(t *testing.T) {
	t.Parallel()
	s := startReadStream(t)
	noon := time.Now().Add(-48 * time.Hour).UTC().Truncate(time.Second)
	s.write(t, 2, noon.Add(-time.Hour))
	s.write(t, 3, noon)
	s.write(t, 4, noon.Add(time.Hour))
	s.commit(t, "billing", 12)
	to := noon.Format(time.RFC3339)

	rewind := func(code int, args ...string) *running {
		t.Helper()
		r := start(t, s.env, append([]string{"rewind", "--group", "billing"}, args...)...)
		r.wait(code)
		return r
	}
	position := func() int64 {
		t.Helper()
		offsets, err := s.admin.FetchOffsets(t.Context(), "billing")
		if err != nil {
			t.Fatal(err)
		}
		o, _ := offsets.Lookup(readTopic, 0)
		return o.At
	}

	r := rewind(exitDone, "--to", to, "--dry-run")
	for _, want := range []string{"billing would move to the first event", "7 again", "had no offset", "Nothing was changed"} {
		if !strings.Contains(r.out.String(), want) {
			t.Errorf("a dry run does not say %q:\n%s", want, r.out.String())
		}
	}
	if at := position(); at != 12 {
		t.Errorf("a dry run moved it to %d", at)
	}

	leave := s.join(t, "billing")
	r = rewind(exitFailed, "--to", to)
	if !strings.Contains(r.err.String(), `client id "billing-7" at 127.0.0.1`) || r.out.String() != "" || position() != 12 {
		t.Errorf("while it has members: %s%s, at %d", r.out.String(), r.err.String(), position())
	}
	leave()

	r = rewind(exitDone, "--to", to, "--output", "json")
	var move groups.Move
	if err := json.Unmarshal([]byte(r.out.String()), &move); err != nil || len(move.Steps) != 2 || move.Steps[0].Again != 7 || move.Steps[1].Ahead != 7 {
		t.Errorf("%v: %s", err, r.out.String())
	}
	if at := position(); at != 3 {
		t.Errorf("it is at %d, want 3", at)
	}
	r = rewind(exitDone, "--to", "-1h")
	if !strings.Contains(r.out.String(), "none that young: the end") || !strings.Contains(r.out.String(), "7 skipped") {
		t.Errorf("behind the last event:\n%s", r.out.String())
	}

	r = start(t, s.env, "rewind", "--group", "biling", "--to", to)
	r.wait(exitFailed)
	if !strings.Contains(r.err.String(), `group "biling" does not exist`) || !strings.Contains(r.err.String(), "are: billing;") {
		t.Errorf("an unknown group: %s", r.err.String())
	}
}

func TestRewindUsage(t *testing.T) {
	t.Parallel()
	for want, args := range map[string][]string{
		"which group?":             {"rewind", "--to", "-1h"},
		"where to?":                {"rewind", "--group", "billing"},
		"is in the future":         {"rewind", "--group", "billing", "--to", "2999-01-01"},
		"want -36h":                {"rewind", "--group", "billing", "--to", "36h"},
		"is not a time":            {"rewind", "--group", "billing", "--to", "noon"},
		"unknown command \"noon\"": {"rewind", "noon"},
	} {
		r := start(t, map[string]string{"KAFKA_BROKERS": "127.0.0.1:1"}, args...)
		r.wait(exitUsage)
		if !strings.Contains(r.err.String(), want) || !strings.Contains(r.err.String(), "See: attemptstream rewind --help") {
			t.Errorf("%q: %s", args, r.err.String())
		}
	}
}
