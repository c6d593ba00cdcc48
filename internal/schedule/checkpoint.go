package schedule

import (
	"encoding/json"
	"fmt"

	"attemptstream/internal/attempt"
)

// Version is the form of the checkpoints that this program writes, and the newest that it reads.
const Version = 1

// A Checkpoint is what one account's reader has to remember. It is committed in the same transaction as the events that
// it speaks of.
type Checkpoint struct {
	Version int                         `json:"version"`
	Account attempt.Account             `json:"account"`
	States  map[attempt.State]*Coverage `json:"states"`
	Trust   Trust                       `json:"trust"`
	// Told and Dead are how many events and dead letters were told in all. What remembers them one by one is compared with
	// these numbers when it is read again, so that a part of it that got lost is noticed.
	Told int64 `json:"told,omitempty"`
	Dead int   `json:"dead,omitempty"`
}

// NewCheckpoint is that of an account of which nothing has been read.
func NewCheckpoint(account attempt.Account) *Checkpoint {
	return &Checkpoint{Version: Version, Account: account, States: map[attempt.State]*Coverage{}}
}

// A NewerVersionError is what Decode returns for a checkpoint that a later version of the program wrote.
type NewerVersionError struct{ Version int }

func (e *NewerVersionError) Error() string {
	return fmt.Sprintf("the checkpoint has version %d, this program knows up to %d: run the newer attemptstream that wrote it",
		e.Version, Version)
}

// Encode is c as JSON.
func (c *Checkpoint) Encode() ([]byte, error) { return json.Marshal(c) }

// DecodeCheckpoint reads what Encode wrote. It returns a NewerVersionError for one that it cannot know, and other errors
// for what no version can have written.
func DecodeCheckpoint(data []byte) (*Checkpoint, error) {
	var version struct {
		Version int `json:"version"`
	}
	if err := json.Unmarshal(data, &version); err != nil {
		return nil, fmt.Errorf("checkpoint: %w", err)
	}
	if version.Version > Version {
		return nil, &NewerVersionError{version.Version}
	}
	c := &Checkpoint{}
	if err := json.Unmarshal(data, c); err != nil {
		return nil, fmt.Errorf("checkpoint: %w", err)
	}
	return c, c.check()
}

func (c *Checkpoint) check() error {
	if c.Version < 1 {
		return fmt.Errorf("checkpoint: version %d", c.Version)
	}
	if c.States == nil {
		c.States = map[attempt.State]*Coverage{}
	}
	for state, cov := range c.States {
		if cov == nil || cov.Start > cov.Front || cov.Width < 0 {
			return fmt.Errorf("checkpoint: state %s: its front is before its start, or it has no coverage", state)
		}
		end := cov.Start
		for _, g := range cov.Gaps {
			if g.Empty() || g.From < end || g.Until > cov.Front {
				return fmt.Errorf("checkpoint: state %s: gap %s is empty, out of order or out of the coverage", state, g)
			}
			end = g.Until
		}
	}
	return nil
}
