package replay

import (
	"context"
	"time"

	"attemptstream/internal/state"
)

// lookInterval is how often a replay that is waited for is looked at.
const lookInterval = 500 * time.Millisecond

// Follow looks at a replay until it has ended for all its accounts, and shows it each time.
func (b *Board) Follow(ctx context.Context, id string, show func([]*Replay)) ([]*Replay, error) {
	tick := time.NewTicker(lookInterval)
	defer tick.Stop()
	for {
		if err := b.LookOn(ctx); err != nil {
			return nil, err
		}
		replays := b.Replays(id)
		show(replays)
		if ended(replays) {
			return replays, nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return replays, ctx.Err()
		}
	}
}

func ended(replays []*Replay) bool {
	for _, r := range replays {
		if !r.Ended() {
			return false
		}
	}
	return len(replays) > 0
}

// Complete tells whether all that was asked for has been read and told.
func Complete(replays []*Replay) bool {
	for _, r := range replays {
		if !r.Said.Complete() {
			return false
		}
	}
	return true
}

// Share is how much of the range has been read, from 0 to 1, and how many events were told.
func Share(replays []*Replay) (share float64, told int64) {
	var done, all float64
	for _, r := range replays {
		length := float64(r.Request.To - r.Request.From)
		all += length
		told += r.Said.Told
		switch {
		case r.Ended():
			done += length
		case r.Status() == state.Running:
			done += float64(r.Said.Position - r.Request.From)
		}
	}
	if all == 0 {
		return 0, told
	}
	return min(1, max(0, done/all)), told
}
