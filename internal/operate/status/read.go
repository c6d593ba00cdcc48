package status

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"attemptstream/internal/attempt"
	"attemptstream/internal/kafkatx"
	"attemptstream/internal/schedule"
	"attemptstream/internal/state"
	"attemptstream/internal/topics"
)

// openPatience is how long transactions may hide records before the report goes on without them. Those of a healthy
// worker take milliseconds.
const openPatience = 3 * time.Second

// readAtOnce is how many partitions are read side by side; each needs some MiB.
const readAtOnce = 4

// Read reads what is known of all accounts. A worker that is at work commits at least every quiet.
func Read(ctx context.Context, from state.Reader, layout topics.Layout, quiet time.Duration) (*Report, error) {
	r := &reading{checkpoints: map[attempt.Account]*committed{}, replays: newReplays()}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(readAtOnce)
	for partition := range layout.State.Partitions {
		g.Go(func() error {
			return r.partition(ctx, from, state.Partition{Topic: layout.State.Name, Partition: partition})
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	return r.report(layout.Events.Name, time.Now(), quiet), nil
}

// A reading is one call of Read.
type reading struct {
	mu          sync.Mutex
	checkpoints map[attempt.Account]*committed
	replays     replays
	hidden      []Hidden
}

// A committed is the newest record of an account's checkpoint.
type committed struct {
	partition int
	at        time.Time
	value     []byte // nil: it was deleted
}

func (r *reading) partition(ctx context.Context, from state.Reader, at state.Partition) error {
	scanned, err := state.Scan(ctx, from, at, openPatience, r.take)
	if err != nil {
		return err
	}
	if scanned.Hidden() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.hidden = append(r.hidden, Hidden{Partition: at.Partition, From: scanned.Next, End: scanned.End})
	}
	return nil
}

func (r *reading) take(record kafkatx.Record) error {
	account, ok := state.CheckpointOf(record.Key)
	r.mu.Lock()
	defer r.mu.Unlock()
	if !ok {
		r.replays.take(record)
		return nil
	}
	c := r.checkpoints[account]
	if c == nil {
		c = &committed{}
		r.checkpoints[account] = c
	}
	c.partition, c.at = record.Partition, record.Time
	if record.Value == nil {
		c.value = nil
	} else {
		c.value = append(c.value[:0], record.Value...)
	}
	return nil
}

func (r *reading) report(topic string, now time.Time, quiet time.Duration) *Report {
	out := &Report{Topic: topic, At: now.UTC(), Accounts: []Account{}, Hidden: []Hidden{}}
	slices.SortFunc(r.hidden, func(x, y Hidden) int { return x.Partition - y.Partition })
	out.Hidden = append(out.Hidden, r.hidden...)
	for name, c := range r.checkpoints {
		a := c.account(name, now, quiet)
		a.Replays = r.replays.of(name, now)
		a.MayBeNewer = slices.ContainsFunc(r.hidden, func(h Hidden) bool { return h.Partition == c.partition })
		if a.MayBeNewer {
			a.problem(Watch, "an open transaction hides what was committed after it in partition %d of %s: there may be newer figures",
				c.partition, topics.StateTopic(topic))
		}
		out.Accounts = append(out.Accounts, a)
	}
	slices.SortFunc(out.Accounts, byAlarm)
	return out
}

func (c *committed) account(name attempt.Account, now time.Time, quiet time.Duration) Account {
	var err error
	if c.value == nil {
		err = fmt.Errorf("it was deleted")
	} else {
		var checkpoint *schedule.Checkpoint
		if checkpoint, err = schedule.DecodeCheckpoint(c.value); err == nil && checkpoint.Account != name {
			err = fmt.Errorf("it is that of account %q", checkpoint.Account)
		}
		if err == nil {
			return Of(checkpoint, c.at, now, quiet)
		}
	}
	a := Of(schedule.NewCheckpoint(name), c.at, now, quiet)
	a.problem(Act, "its checkpoint cannot be read, and a worker will refuse it: %v", err)
	return a
}

// An UnknownAccountError is an account that has no checkpoint.
type UnknownAccountError struct {
	Account attempt.Account
	Topic   string            // of the events
	Known   []attempt.Account // that have one
	Hidden  bool              // it may have one behind an open transaction
}

func (e *UnknownAccountError) Error() string {
	text := fmt.Sprintf("account %q has no checkpoint beside topic %s: nothing of it was read yet; ", e.Account, e.Topic)
	if len(e.Known) == 0 {
		text += "no other account has one either: start a worker with attemptstream run"
	} else {
		names := make([]string, len(e.Known))
		for i, name := range e.Known {
			names[i] = string(name)
		}
		text += "there are " + strings.Join(names, ", ")
	}
	if e.Hidden {
		text += "; an open transaction hides a part of the state topic, so it may be there: try again in a minute"
	}
	return text
}

// Only leaves one account in the report. The error is an *UnknownAccountError.
func (r *Report) Only(account attempt.Account) error {
	i := slices.IndexFunc(r.Accounts, func(a Account) bool { return a.Name == account })
	if i >= 0 {
		r.Accounts = r.Accounts[i : i+1]
		return nil
	}
	e := &UnknownAccountError{Account: account, Topic: r.Topic, Hidden: len(r.Hidden) > 0}
	for _, a := range r.Accounts {
		e.Known = append(e.Known, a.Name)
	}
	slices.Sort(e.Known)
	return e
}
