package replay

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"attemptstream/internal/attempt"
	"attemptstream/internal/kafkatx"
	"attemptstream/internal/schedule"
	"attemptstream/internal/state"
	"attemptstream/internal/topics"
)

const (
	// openPatience is how long transactions of others may hide records at first. Those of a healthy worker take milliseconds.
	openPatience = 3 * time.Second
	// readAtOnce is how many partitions are read side by side; each needs some MiB.
	readAtOnce = 4
)

// A Board is what the state topic says of accounts and their replays. It is not safe for concurrent use.
type Board struct {
	from     state.Reader
	layout   topics.Layout
	next     map[int]int64 // offset to go on from, by partition
	accounts map[attempt.Account]*account

	mu sync.Mutex // of all of it while several partitions are read
}

type account struct {
	name       attempt.Account
	checkpoint []byte // nil: there is none
	replays    map[string]*Replay
}

// A Replay is one account's part of a replay, as far as it is known.
type Replay struct {
	ID      string
	Account attempt.Account
	Request state.Request
	Wrong   error                // why the request cannot be carried out; nil: it can
	Taken   bool                 // the account's owner has heard of it, and Progress says what became of it
	Broken  error                // why the progress cannot be read
	Said    state.ReplayProgress // the zero value if it is not Taken
	asked   bool                 // there is a request
}

// Status is what has become of it; that of one of which no owner has heard is waiting.
func (r *Replay) Status() state.ReplayStatus {
	if !r.Taken {
		return state.Waiting
	}
	return r.Said.Status
}

// Ended tells whether nothing more happens.
func (r *Replay) Ended() bool { return r.Status().Ended() }

// Look reads the state topic; with only set, no more than that account's partition.
func Look(ctx context.Context, from state.Reader, layout topics.Layout, only attempt.Account) (*Board, error) {
	b := &Board{from: from, layout: layout, next: map[int]int64{}, accounts: map[attempt.Account]*account{}}
	var partitions []int
	if only != "" {
		partitions = append(partitions, b.partitionOf(only).Partition)
	} else {
		for p := range layout.State.Partitions {
			partitions = append(partitions, p)
		}
	}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(readAtOnce)
	for _, p := range partitions {
		g.Go(func() error {
			at := state.Partition{Topic: layout.State.Name, Partition: p}
			scanned, err := state.Scan(ctx, from, at, openPatience, b.take)
			b.mu.Lock()
			defer b.mu.Unlock()
			b.next[p] = scanned.Next
			return err
		})
	}
	return b, g.Wait()
}

// LookOn reads what has been committed since.
func (b *Board) LookOn(ctx context.Context) error {
	for _, p := range slices.Sorted(maps.Keys(b.next)) {
		next, err := b.from.ReadCommitted(ctx, b.layout.State.Name, p, b.next[p], b.take)
		b.next[p] = next
		if err != nil {
			return err
		}
	}
	return nil
}

func (b *Board) partitionOf(name attempt.Account) state.Partition {
	return state.Partition{Topic: b.layout.State.Name, Partition: topics.StatePartition(name, b.layout.State.Partitions)}
}

func (b *Board) take(record kafkatx.Record) error {
	if name, ok := state.CheckpointOf(record.Key); ok {
		b.mu.Lock()
		defer b.mu.Unlock()
		a := b.account(name)
		a.checkpoint = append(a.checkpoint[:0], record.Value...)
		return nil
	}
	if asked, ok := state.AskedIn(record); ok {
		b.mu.Lock()
		defer b.mu.Unlock()
		r := b.account(asked.Account).replay(asked.ID)
		if r.asked = asked.Value != nil; r.asked {
			r.Request, r.Wrong = asked.Request()
		}
		return nil
	}
	if reported, ok, err := state.ReportedIn(record); ok {
		b.mu.Lock()
		defer b.mu.Unlock()
		r := b.account(reported.Account).replay(reported.ID)
		r.Taken, r.Said, r.Broken = !reported.Deleted, reported.Progress, err
	}
	return nil
}

func (b *Board) account(name attempt.Account) *account {
	a := b.accounts[name]
	if a == nil {
		a = &account{name: name, replays: map[string]*Replay{}}
		b.accounts[name] = a
	}
	return a
}

func (a *account) replay(id string) *Replay {
	r := a.replays[id]
	if r == nil {
		r = &Replay{ID: id, Account: a.name}
		a.replays[id] = r
	}
	return r
}

// coverage is what is covered of the account, nil if it has no checkpoint, or one that cannot be read.
func (a *account) coverage() map[attempt.State]*schedule.Coverage {
	if len(a.checkpoint) == 0 {
		return nil
	}
	c, err := schedule.DecodeCheckpoint(a.checkpoint)
	if err != nil {
		return nil
	}
	return c.States
}

// names are the accounts of which something has been read.
func (b *Board) names() []attempt.Account {
	var names []attempt.Account
	for _, name := range slices.Sorted(maps.Keys(b.accounts)) {
		if len(b.accounts[name].coverage()) > 0 {
			names = append(names, name)
		}
	}
	return names
}

// Replays are all that the board knows of, in the order in which they were asked for; with id set, only these.
func (b *Board) Replays(id string) []*Replay {
	var all []*Replay
	for _, a := range b.accounts {
		for _, r := range a.replays {
			if (r.asked || r.Taken) && (id == "" || r.ID == id) {
				all = append(all, r)
			}
		}
	}
	slices.SortFunc(all, func(x, y *Replay) int {
		return cmp.Or(x.Request.RequestedAt.Compare(y.Request.RequestedAt), cmp.Compare(x.ID, y.ID), cmp.Compare(x.Account, y.Account))
	})
	return all
}
