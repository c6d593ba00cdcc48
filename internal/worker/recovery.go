package worker

import (
	"context"
	"sync"

	"attemptstream/internal/attempt"
	"attemptstream/internal/state"
)

// recoverAtOnce bounds how many partitions are read at a time for accounts that begin. Each takes some MiB meanwhile.
const recoverAtOnce = 4

// A recovery reads a partition of the state topic for accounts that begin. One of them reads for all that wait: if each did
// so for itself, the time for a thousand would be that of as many readings of what a thousand have written.
type recovery struct {
	from state.Reader
	at   state.Partition
	room chan struct{} // of all recoveries of the worker
	turn chan struct{} // holds something while an account reads

	mu      sync.Mutex
	waiting map[attempt.Account]chan state.Recovered
}

func newRecovery(from state.Reader, at state.Partition, room chan struct{}) *recovery {
	return &recovery{from: from, at: at, room: room, turn: make(chan struct{}, 1), waiting: map[attempt.Account]chan state.Recovered{}}
}

// account is what is remembered of an account. Who calls it must own the account's transactional id since before the call.
func (r *recovery) account(ctx context.Context, name attempt.Account) (*state.Account, error) {
	mine := make(chan state.Recovered, 1)
	r.mu.Lock()
	r.waiting[name] = mine
	r.mu.Unlock()
	defer r.withdraw(name, mine)
	for ctx.Err() == nil {
		select {
		case found := <-mine:
			return found.Account, found.Err
		case r.turn <- struct{}{}:
			r.read(ctx)
			<-r.turn
		case <-ctx.Done():
		}
	}
	return nil, ctx.Err()
}

// read reads the partition for all that wait when it begins. If the reader's ctx ends, another one reads for them.
func (r *recovery) read(ctx context.Context) {
	select {
	case r.room <- struct{}{}:
		defer func() { <-r.room }()
	case <-ctx.Done():
		return
	}
	r.mu.Lock()
	waiting := r.waiting
	r.waiting = map[attempt.Account]chan state.Recovered{}
	r.mu.Unlock()
	if len(waiting) == 0 {
		return // another one has read for the caller meanwhile
	}
	names := make([]attempt.Account, 0, len(waiting))
	for name := range waiting {
		names = append(names, name)
	}
	found := state.RecoverAll(ctx, r.from, r.at, names)
	if ctx.Err() == nil {
		for name, to := range waiting {
			to <- found[name]
		}
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for name, to := range waiting {
		if r.waiting[name] == nil { // else it has begun anew
			r.waiting[name] = to
		}
	}
}

func (r *recovery) withdraw(name attempt.Account, mine chan state.Recovered) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.waiting[name] == mine {
		delete(r.waiting, name)
	}
}
