//go:build unix

package misuse_test

import (
	"testing"

	"attemptstream/internal/kafkatest"
	"attemptstream/internal/program"
	"attemptstream/internal/stage"
)

// Workers of one group are started with different states. What one of them does not read waits, it says so, and the next one
// that does takes it up where it was: nothing is lost or told twice.
func TestDifferentStates(t *testing.T) {
	t.Parallel()
	s := stage.New(t, kafkatest.Shared(t).Addrs(), 6)
	s.Gaps = true
	a := s.Start("run")
	s.Progress(a)
	s.Set["STREAM_STATES"] = "completed"
	b := s.Start("run")
	b.Says(stage.Patience, "account taken over")
	s.Progress(a, b)
	stage.Stop(a)
	s.Progress(b)
	for _, name := range s.Accounts {
		b.Says(stage.Patience, `"level":"warn"`, `"account":"`+string(name)+`"`, "STREAM_STATES", `"states":["cancelled","expired"]`)
	}
	s.Set["STREAM_STATES"] = "completed,cancelled,expired"
	c := s.Start("run")
	c.Says(stage.Patience, "account taken over")
	stage.Stop(b)
	s.Progress(c)
	stage.Stop(c)
	for _, w := range []*program.Process{a, c} {
		if n := w.Count("STREAM_STATES"); n > 0 {
			t.Errorf("a worker that reads all states says that some wait:\n%s", w.Tail())
		}
	}
	s.Verify()
}
