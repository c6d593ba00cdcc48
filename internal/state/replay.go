package state

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"attemptstream/internal/attempt"
	"attemptstream/internal/dedupe"
	"attemptstream/internal/schedule"
)

// replayVersion is the form of progress records that this program writes, and the newest that it reads.
const replayVersion = 1

// A ReplayStatus is what has become of a replay.
type ReplayStatus string

const (
	Waiting   ReplayStatus = "waiting" // its turn has not come
	Running   ReplayStatus = "running"
	Done      ReplayStatus = "done"
	Cancelled ReplayStatus = "cancelled"
	Refused   ReplayStatus = "refused" // Reason says why
)

// Ended tells whether nothing more happens.
func (s ReplayStatus) Ended() bool { return s == Done || s == Cancelled || s == Refused }

// A ReplayProgress is how far a replay has come. Its owner commits it with the events that it speaks of.
type ReplayProgress struct {
	Version  int             `json:"version"`
	Status   ReplayStatus    `json:"status"`
	Reason   string          `json:"reason,omitempty"`
	Position attempt.Instant `json:"position"` // everything before it is told, or skipped

	Told  int64 `json:"told"`            // events, of which
	Late  int64 `json:"late,omitempty"`  // had never been told before
	Known int64 `json:"known,omitempty"` // entries that the replay had told already or, with MissingOnly, were told before it
	Dead  int64 `json:"dead,omitempty"`  // letters
	schedule.Skipped

	StartedAt time.Time `json:"startedAt,omitzero"`
	UpdatedAt time.Time `json:"updatedAt,omitzero"`
	EndedAt   time.Time `json:"endedAt,omitzero"`
}

// Complete tells whether all that was asked for has been read.
func (p *ReplayProgress) Complete() bool { return p.Status == Done && p.Skipped == schedule.Skipped{} }

// End makes it ended.
func (p *ReplayProgress) End(status ReplayStatus, reason string, now time.Time) {
	p.Status, p.Reason, p.UpdatedAt, p.EndedAt = status, reason, now, now
}

func decodeProgress(value []byte) (p ReplayProgress, err error) {
	var version struct {
		Version int `json:"version"`
	}
	if err := json.Unmarshal(value, &version); err != nil {
		return p, fmt.Errorf("progress of a replay: %w", err)
	}
	if version.Version > replayVersion {
		return p, errNewerReplay
	}
	if err := json.Unmarshal(value, &p); err != nil {
		return p, fmt.Errorf("progress of a replay: %w", err)
	}
	known := slices.Contains([]ReplayStatus{Waiting, Running, Done, Cancelled, Refused}, p.Status)
	if p.Version < 1 || !known || min(p.Told, p.Late, p.Known, p.Dead, p.Gaps, p.Unreadable) < 0 {
		return p, errors.New("progress of a replay: no version of attemptstream writes such a one")
	}
	return p, nil
}

// A Replay is one that was asked for, and what has become of it.
type Replay struct {
	ID      string
	Request Request // of no meaning if Wrong
	Wrong   error   // why the request cannot be carried out, whatever the account's coverage; nil: it can
	Gone    bool    // there is no request any more
	// Progress is to be changed by the account's owner, and is staged until Commit. An ended one does not change.
	Progress ReplayProgress

	told   *dedupe.Index      // what it has told; nil: nothing, or nothing that matters
	blocks map[int64]struct{} // which of them have records
	forget bool               // its records are to be deleted
	last   []byte             // the progress as it was committed last
	over   bool               // by which it has ended for all time
	staged struct {
		progress []byte
		blocks   []int64 // to be there, or not to be there any more, after the next Commit
		forget   bool
	}
}

// newReplay is one of which no request is known yet.
func newReplay(id string) *Replay {
	return &Replay{ID: id, Gone: true, Progress: ReplayProgress{Version: replayVersion, Status: Waiting}, blocks: map[int64]struct{}{}}
}

// HasTold says whether this replay has told id with status s.
func (r *Replay) HasTold(id int64, s attempt.Status) bool {
	return r.told != nil && r.told.Look(id, s).Told
}

// Tell stages that this replay has told id with status s. It is for a running one.
func (r *Replay) Tell(id int64, s attempt.Status) {
	if r.told == nil {
		r.told = dedupe.New()
	}
	r.told.TellLate(id, s)
}

// ask takes the request as it is now.
func (r *Replay) ask(account attempt.Account, value []byte) {
	if r.Gone = value == nil; r.Gone {
		r.Request, r.Wrong = Request{}, nil
		return
	}
	r.Request, r.Wrong = decodeRequest(account, r.ID, value)
}

func (r *Replay) encodeProgress() ([]byte, error) { return json.Marshal(&r.Progress) }

// progressChanged tells whether the progress is another one than in the log.
func (r *Replay) progressChanged() (bool, error) {
	now, err := r.encodeProgress()
	return !slices.Equal(now, r.last), err
}

func (r *Replay) rollback() error {
	if r.told != nil {
		r.told.Rollback()
	}
	r.staged.progress, r.staged.blocks, r.staged.forget = nil, nil, false
	if r.last == nil {
		r.Progress = newReplay(r.ID).Progress
		return nil
	}
	p, err := decodeProgress(r.last)
	r.Progress = p
	return err
}

// load takes a block's record in recovery. That of one that was deleted is nil.
func (r *Replay) load(number int64, record []byte) error {
	if record == nil {
		delete(r.blocks, number)
		return nil
	}
	if r.told == nil {
		r.told = dedupe.New()
	}
	r.blocks[number] = struct{}{}
	return r.told.Load(number, record)
}

// recovered takes the last progress in recovery, when everything else is known.
func (r *Replay) recovered(p ReplayProgress, record []byte) error {
	r.Progress, r.last, r.over = p, record, p.Status.Ended()
	if r.over {
		r.told = nil
		return nil
	}
	told := int64(0)
	if r.told != nil {
		told = r.told.Told()
	}
	// With MissingOnly the account's own index remembers.
	if r.Wrong == nil && !r.Gone && !r.Request.MissingOnly && told < p.Told {
		return fmt.Errorf("it counts %d events, but the blocks beside it remember %d: some are lost", p.Told, told)
	}
	return nil
}
