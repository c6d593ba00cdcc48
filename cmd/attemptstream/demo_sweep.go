package main

import (
	"context"
	"time"

	"attemptstream/internal/attempt"
	"attemptstream/internal/state"
	"attemptstream/internal/topics"
	"attemptstream/internal/worker"
)

// A sweep waits until a worker has seen everything that there was at a time: what is new, and what came late. It reads
// that off the committed checkpoint.
type sweep struct {
	system *system
	at     state.Partition
	since  attempt.Instant // the first second after the time
	looked map[attempt.State]attempt.Instant
	passes map[attempt.State]int // that ended after the time
}

func newSweep(s *system, t time.Time) *sweep {
	return &sweep{
		system: s,
		at:     state.Partition{Topic: s.layout.State.Name, Partition: topics.StatePartition(attempt.DefaultAccount, s.layout.State.Partitions)},
		since:  attempt.InstantOf(t) + 1,
		looked: map[attempt.State]attempt.Instant{},
		passes: map[attempt.State]int{},
	}
}

// done tells whether everything was seen. Of the look-backs that end after the time, the second has begun after it too.
func (s *sweep) done(ctx context.Context) bool {
	memory, err := state.Recover(ctx, s.system.kafka, s.at, attempt.DefaultAccount)
	if err != nil {
		return false // a transaction is open: the next look will tell
	}
	done := true
	for _, name := range attempt.States() {
		c := memory.Checkpoint.States[name]
		if c == nil || len(c.LookedBack) == 0 {
			return false
		}
		if last := c.LookedBack[0]; last >= s.since && last != s.looked[name] {
			s.looked[name] = last
			s.passes[name]++
		}
		done = done && c.Through() >= s.since && s.passes[name] >= 2
	}
	return done
}

// progress is that of the only account.
func (d *demo) progress() worker.Progress { return d.system.worker.Progress()[0] }

// figures are what a summary says.
type figures struct {
	worker.Progress
	events, late, again int // as they were read back
	letters             int
	required            int
}

func (d *demo) figures() figures {
	f := figures{Progress: d.progress(), letters: len(d.feed.observedLetters), required: d.company.expected(d.start).Required()}
	f.events, f.late, f.again = d.show.events, d.show.late, d.show.again
	return f
}
