package worker

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"attemptstream/internal/attempt"
	"attemptstream/internal/kafkatx"
	"attemptstream/internal/state"
)

// A slowLog is empty, takes a minute to say so, and counts how often it was asked.
type slowLog struct {
	readings int
	fails    error
}

func (l *slowLog) ReadCommitted(ctx context.Context, topic string, partition int, from int64, _ func(kafkatx.Record) error) (int64, error) {
	l.readings++
	select {
	case <-time.After(time.Minute):
	case <-ctx.Done():
		return from, ctx.Err()
	}
	if l.fails != nil {
		return from, l.fails
	}
	return from, &kafkatx.OffsetOutOfRangeError{Topic: topic, Partition: partition, Offset: from}
}

// recovered is what becomes of one account that asks.
func recovered(ctx context.Context, r *recovery, name string) chan error {
	ended := make(chan error, 1)
	go func() {
		a, err := r.account(ctx, attempt.Account(name))
		if err == nil && a.Name != attempt.Account(name) {
			err = fmt.Errorf("the memory of %s", a.Name)
		}
		ended <- err
	}()
	return ended
}

// However many accounts of a partition begin at once, it is read twice: for the one that comes first, and for all others. What
// fails is said to each of them.
func TestRecoveryIsShared(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log, failure := &slowLog{}, errors.New("failure")
		r := newRecovery(log, state.Partition{Topic: "s"}, make(chan struct{}, 1))
		for _, log.fails = range []error{nil, failure} {
			began := time.Now()
			log.readings = 0
			all := []chan error{recovered(t.Context(), r, "first")}
			synctest.Wait()
			for i := range 100 {
				all = append(all, recovered(t.Context(), r, fmt.Sprint(i)))
			}
			for i, ended := range all {
				if err := <-ended; !errors.Is(err, log.fails) {
					t.Errorf("account %d: %v, want %v", i, err, log.fails)
				}
			}
			if log.readings != 2 || time.Since(began) != 2*time.Minute {
				t.Errorf("%d readings in %s", log.readings, time.Since(began))
			}
		}
	})
}

// An account that is removed while it reads for others, or waits, spoils it for none of them, and may begin anew at once.
func TestRecoveryGoesOnWithoutItsReader(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log := &slowLog{}
		r := newRecovery(log, state.Partition{Topic: "s"}, make(chan struct{}, 1))
		busy := recovered(t.Context(), r, "busy") // so that the others are read for together
		synctest.Wait()
		removed, remove := context.WithCancel(t.Context())
		ended := map[string]chan error{}
		for _, name := range []string{"a", "b"} {
			ended[name] = recovered(removed, r, name)
			synctest.Wait()
		}
		ended["c"] = recovered(t.Context(), r, "c")
		time.Sleep(90 * time.Second) // the first of the three is reading
		if err := <-busy; err != nil {
			t.Error(err)
		}
		remove()
		for _, name := range []string{"a", "b"} {
			if err := <-ended[name]; !errors.Is(err, context.Canceled) {
				t.Errorf("account %s, removed: %v", name, err)
			}
		}
		again := recovered(t.Context(), r, "a")
		for name, ended := range map[string]chan error{"a, come back": again, "c": ended["c"]} {
			if err := <-ended; err != nil {
				t.Errorf("account %s: %v", name, err)
			}
		}
	})
}

// The partitions that are read at the same time are no more than there is room for.
func TestRecoveryWaitsForRoom(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		room := make(chan struct{}, 2)
		began := time.Now()
		var all []chan error
		for i := range 6 {
			all = append(all, recovered(t.Context(), newRecovery(&slowLog{}, state.Partition{Topic: "s", Partition: i}, room), "a"))
		}
		for _, ended := range all {
			if err := <-ended; err != nil {
				t.Error(err)
			}
		}
		if took := time.Since(began); took != 3*time.Minute {
			t.Errorf("six partitions, two at a time, took %s", took)
		}
	})
}
