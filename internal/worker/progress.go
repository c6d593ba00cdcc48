package worker

import (
	"time"

	"attemptstream/internal/attempt"
	"attemptstream/internal/schedule"
	"attemptstream/internal/state"
)

// Progress is where an account is. It holds neither ids of invitations nor anything that the API said of people.
type Progress struct {
	Account attempt.Account
	Owned   bool      // it was taken over, and has no other owner as far as is known
	Standby bool      // another worker has it, or is being given it; the rest is as this worker last knew it
	Ended   bool      // it is not read any more; Problem says why
	Start   time.Time // where its states began
	Through time.Time // everything before it is told; zero before the account was taken over
	Front   time.Time // of the state that is furthest behind
	Gaps    int
	States  []StateProgress // in the order of the settings; none before the account was taken over
	Reading []Reading       // what is under way
	Replays []Replay        // that wait or run, in the order of their turns

	Told        int64 // events in all its history
	DeadLetters int   // in all its history
	IndexBytes  int64
	Trust       schedule.Trust

	Counts // of this process
	// Requests of this process, and how many of them failed.
	Requests, Failed int64
	Commits          int64
	Committed        time.Time // the last transaction; zero: none yet

	Problem  string    // what is wrong at the moment, in words; empty: nothing
	Problems []Problem // the last ones, oldest first
}

// StateProgress is where a state is, as of the last commit.
type StateProgress struct {
	State   attempt.State
	Start   time.Time
	Front   time.Time
	Through time.Time // everything from Start up to it is told
	Gaps    []schedule.Span
	Counts  schedule.Counts // in all its history
}

// A Replay is one that waits or runs, as of the last commit.
type Replay struct {
	ID       string
	From, To time.Time
	States   []attempt.State
	state.ReplayProgress
}

// A Reading is a span that is being read, or waits in order to be judged.
type Reading struct {
	State attempt.State
	Kind  schedule.Kind
	Span  schedule.Span
}

// A Problem is something that was wrong.
type Problem struct {
	First, Last time.Time
	Times       int // in a row
	Text        string
}
