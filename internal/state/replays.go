package state

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"attemptstream/internal/attempt"
	"attemptstream/internal/kafkatx"
)

const (
	// keptReplays is how many ended replays are remembered at most, and keptTime for how long.
	keptReplays = 20
	keptTime    = 30 * 24 * time.Hour

	// deletedAtOnce is how many blocks of ended replays one transaction deletes.
	deletedAtOnce = 5000
)

// Replays are an account's: those that wait, the one that runs, and those that have ended not long ago.
type Replays struct {
	account attempt.Account
	byID    map[string]*Replay
}

func newReplays(account attempt.Account) *Replays {
	return &Replays{account: account, byID: map[string]*Replay{}}
}

// get is a replay that is known from now on.
func (rs *Replays) get(id string) *Replay {
	r := rs.byID[id]
	if r == nil {
		r = newReplay(id)
		rs.byID[id] = r
	}
	return r
}

// Ask takes note of a request as it was found in the log. What was asked is not taken back by a Rollback.
func (rs *Replays) Ask(a Asked) {
	r := rs.get(a.ID)
	r.ask(rs.account, a.Value)
	if r.Gone && r.last == nil && len(r.blocks) == 0 && r.staged.progress == nil {
		delete(rs.byID, a.ID) // nobody has heard of it
	}
}

// All are the replays in the order in which they have their turn.
func (rs *Replays) All() []*Replay {
	return slices.SortedFunc(maps.Values(rs.byID), func(a, b *Replay) int {
		return cmp.Or(a.Request.RequestedAt.Compare(b.Request.RequestedAt), cmp.Compare(a.ID, b.ID))
	})
}

// Next is the one that runs, or the one whose turn is next; nil if there is none.
func (rs *Replays) Next() *Replay {
	var next *Replay
	for _, r := range rs.All() {
		switch {
		case r.Progress.Status == Running:
			return r
		case r.Progress.Status == Waiting && next == nil:
			next = r
		}
	}
	return next
}

// Forget stages that replays are deleted which ended long ago, or whose requests were.
func (rs *Replays) Forget(now time.Time) {
	var ended []*Replay
	for _, r := range rs.byID {
		if r.over {
			ended = append(ended, r)
		}
	}
	slices.SortFunc(ended, func(a, b *Replay) int {
		return cmp.Or(b.Progress.EndedAt.Compare(a.Progress.EndedAt), cmp.Compare(b.ID, a.ID))
	})
	for i, r := range ended {
		if r.Gone || i >= keptReplays || now.Sub(r.Progress.EndedAt) > keptTime {
			r.forget = true
		}
	}
}

// changed says whether there is anything to write.
func (rs *Replays) changed() (bool, error) {
	for _, r := range rs.byID {
		if r.over {
			if len(r.blocks) > 0 || r.forget {
				return true, nil
			}
			continue
		}
		if r.told != nil && r.told.DirtyBlocks() > 0 {
			return true, nil
		}
		if changed, err := r.progressChanged(); changed || err != nil {
			return changed, err
		}
	}
	return false, nil
}

// appendRecords is what it is for an Account.
func (rs *Replays) appendRecords(dst []kafkatx.Record, record func(key, value []byte) kafkatx.Record) ([]kafkatx.Record, error) {
	left := deletedAtOnce
	for _, id := range slices.Sorted(maps.Keys(rs.byID)) {
		r := rs.byID[id]
		prefix := replayKey(rs.account, id)
		r.staged.blocks, r.staged.forget = nil, false
		if r.over {
			for number := range r.blocks {
				if left == 0 {
					break
				}
				left--
				r.staged.blocks = append(r.staged.blocks, number)
				dst = append(dst, record(appendReplayBlockKey(nil, prefix, number), nil))
			}
			if r.forget && len(r.staged.blocks) == len(r.blocks) {
				r.staged.forget = true
				dst = append(dst, record([]byte(prefix+requestName), nil), record([]byte(prefix+progressName), nil))
			}
			continue
		}
		if r.told != nil {
			err := r.told.Dirty(func(number int64, block []byte) error {
				r.staged.blocks = append(r.staged.blocks, number)
				dst = append(dst, record(appendReplayBlockKey(nil, prefix, number), slices.Clone(block)))
				return nil
			})
			if err != nil {
				return dst, err
			}
		}
		changed, err := r.progressChanged()
		if err != nil {
			return dst, err
		}
		if changed {
			if r.staged.progress, err = r.encodeProgress(); err != nil {
				return dst, err
			}
			dst = append(dst, record([]byte(prefix+progressName), r.staged.progress))
		}
	}
	return dst, nil
}

// commit makes what appendRecords gave out what the topic holds.
func (rs *Replays) commit() {
	for id, r := range rs.byID {
		for _, number := range r.staged.blocks {
			if r.over {
				delete(r.blocks, number)
			} else {
				r.blocks[number] = struct{}{}
			}
		}
		if r.told != nil {
			r.told.Commit()
		}
		if r.staged.progress != nil {
			r.last, r.over = r.staged.progress, r.Progress.Status.Ended()
		}
		if r.staged.forget {
			delete(rs.byID, id)
		}
		r.staged.progress, r.staged.blocks, r.staged.forget = nil, nil, false
		if r.over {
			r.told = nil // of no use any more; its records are deleted from now on
		}
	}
}

func (rs *Replays) rollback() error {
	for _, r := range rs.byID {
		if err := r.rollback(); err != nil {
			return err
		}
	}
	return nil
}
