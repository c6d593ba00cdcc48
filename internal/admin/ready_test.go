package admin_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"attemptstream/internal/admin"
	"attemptstream/internal/attempt"
	"attemptstream/internal/worker"
)

var settings = admin.Settings{PollInterval: 30 * time.Second, SettleDelay: 30 * time.Second, RequestTimeout: 30 * time.Second}

// An observer looks at an account as time goes on.
type observer struct {
	t         *testing.T
	readiness *admin.Readiness
	now       time.Time
	p         worker.Progress
}

func observe(t *testing.T) *observer {
	now := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	return &observer{t: t, readiness: admin.NewReadiness(settings), now: now, p: worker.Progress{Account: "emea"}}
}

// owned is the account with all fronts so long ago.
func (o *observer) owned(behind time.Duration) {
	o.p.Owned, o.p.States = true, nil
	for _, s := range attempt.States() {
		o.p.States = append(o.p.States, worker.StateProgress{State: s, Start: o.now.Add(-240 * time.Hour), Front: o.now.Add(-behind)})
	}
}

// pass lets time pass; the states named move on with it.
func (o *observer) pass(d time.Duration, moving ...attempt.State) {
	o.t.Helper()
	o.now = o.now.Add(d)
	for i := range o.p.States {
		for _, s := range moving {
			if o.p.States[i].State == s {
				o.p.States[i].Front = o.p.States[i].Front.Add(d)
			}
		}
	}
}

// is looks: ready with no want, else not, for a reason that has all of want.
func (o *observer) is(want ...string) {
	o.t.Helper()
	ready, reason := o.readiness.Of(o.p, o.now)
	if ready != (len(want) == 0) || ready != (reason == "") {
		o.t.Fatalf("ready is %v: %q, want %q", ready, reason, want)
	}
	for _, w := range want {
		if !strings.Contains(reason, w) {
			o.t.Fatalf("not ready: %q, want %q in it", reason, w)
		}
	}
}

func TestReadiness(t *testing.T) {
	t.Parallel()
	all := attempt.States()
	t.Run("not taken over", func(t *testing.T) {
		o := observe(t)
		o.is("not taken over yet")
		o.p.Problem = "take over: Kafka is away"
		o.is("not taken over yet: take over: Kafka is away")
	})
	t.Run("another owner", func(t *testing.T) {
		o := observe(t)
		o.owned(40 * time.Second)
		o.is()
		o.p.Ended, o.p.Problem = true, (&worker.FencedError{Err: errors.New("fenced")}).Error()
		o.is("it is not read any more", "another attemptstream has taken over")
	})
	t.Run("another worker has it, and then this one", func(t *testing.T) {
		o := observe(t)
		o.p.Standby = true
		o.is() // it has never had it
		o.p.Standby = false
		o.owned(40 * time.Second)
		o.is()
		o.p.Owned, o.p.Standby = false, true
		o.pass(10 * time.Hour)
		o.is()
		o.p.Standby = false
		o.owned(40 * time.Second)
		o.is()
		o.pass(time.Hour)
		o.is("nothing was read for")
	})
	t.Run("catching up from long ago", func(t *testing.T) {
		o := observe(t)
		o.owned(100 * time.Hour)
		o.is("nothing is read yet") // the API may be away: it has to move first
		o.pass(20*time.Second, all...)
		o.is()
		for range 50 {
			o.pass(90*time.Second, all...)
			o.is()
		}
	})
	t.Run("idle from the start", func(t *testing.T) {
		o := observe(t)
		o.owned(40 * time.Second) // due in 20 s
		for range 100 {
			o.is()
			o.pass(30*time.Second, all...)
		}
	})
	t.Run("an API that is away for a moment", func(t *testing.T) {
		o := observe(t)
		o.owned(40 * time.Second)
		o.is()
		o.p.Problem = "HTTP 503"
		for range 2 {
			for range 12 {
				o.pass(10 * time.Second)
				o.is()
			}
			o.pass(2*time.Minute, all...) // it is back
			o.is()
		}
	})
	t.Run("a key that is refused", func(t *testing.T) {
		o := observe(t)
		o.owned(40 * time.Second)
		o.is()
		o.p.Problem = "the key is refused"
		o.pass(3 * time.Minute)
		o.is("nothing was read for 2m 40s", "the key is refused") // since it was due
		o.p.Problem = ""
		o.pass(10*time.Second, all...)
		o.is()
	})
	t.Run("one state of three", func(t *testing.T) {
		o := observe(t)
		o.owned(40 * time.Second)
		for range 5 {
			o.is()
			o.pass(30*time.Second, attempt.Completed, attempt.Expired)
		}
		o.pass(30*time.Second, attempt.Completed, attempt.Expired)
		o.is("nothing was read of cancelled for 2m 40s")
	})
	t.Run("a clock that goes back", func(t *testing.T) {
		o := observe(t)
		o.owned(40 * time.Second)
		o.is()
		o.now = o.now.Add(-time.Hour)
		o.is("the clock is 59m 20s behind", "time synchronization")
		o.now = o.now.Add(time.Hour + 30*time.Second)
		o.is()
	})
	t.Run("a start in the future", func(t *testing.T) {
		o := observe(t)
		o.owned(-time.Hour)
		for i := range o.p.States {
			o.p.States[i].Start = o.p.States[i].Front
		}
		o.is()
		o.pass(30 * time.Minute)
		o.is()
	})
	t.Run("Kafka away from a working session", func(t *testing.T) {
		o := observe(t)
		o.owned(40 * time.Second)
		o.is()
		o.p.Owned, o.p.Problem = false, "take over: no answer"
		o.pass(time.Minute)
		o.is()
		o.pass(2 * time.Minute)
		o.is("nothing was read for", "take over: no answer")
	})
	t.Run("long polls", func(t *testing.T) {
		o := observe(t)
		o.readiness = admin.NewReadiness(admin.Settings{PollInterval: time.Hour, SettleDelay: 10 * time.Minute})
		o.owned(15 * time.Minute)
		o.is()
		o.pass(2 * time.Hour) // due for an hour and five minutes
		o.is()
		o.pass(2 * time.Hour)
		o.is("nothing was read for 3h 5m")
	})
}
