package gate

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// No more have a turn at once than there is room for, but those whose turn takes long are not waited for, and nobody waits
// longer than it likes.
func TestGate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const longest = 2 * time.Second
		g := New(2, longest)
		ended, end := context.WithCancelCause(t.Context())
		gone := errors.New("gone")
		end(gone)
		for range 100 {
			if err := g.Turn(ended, func() error { return nil }); !errors.Is(err, gone) {
				t.Fatalf("who comes too late, to an empty room: %v", err)
			}
		}
		began := time.Now()
		enter := func(takes time.Duration) chan time.Duration {
			ended := make(chan time.Duration, 1)
			go func() {
				err := g.Turn(t.Context(), func() error {
					ended <- time.Since(began)
					time.Sleep(takes)
					return nil
				})
				if err != nil {
					t.Error(err)
				}
			}()
			synctest.Wait()
			return ended
		}
		enter(time.Hour)
		enter(time.Second)
		third, fourth, fifth := enter(time.Hour), enter(time.Second), enter(time.Second)
		impatient, leave := context.WithTimeout(t.Context(), time.Second/2)
		defer leave()
		if err := g.Turn(impatient, func() error { return nil }); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("one that has no time: %v", err)
		}
		for i, entered := range []chan time.Duration{third, fourth, fifth} {
			if at := <-entered; at != []time.Duration{time.Second, longest, longest + time.Second}[i] {
				t.Errorf("number %d is let in after %s", i+3, at)
			}
		}
		time.Sleep(2 * time.Hour)
		synctest.Wait()
		if len(g.room) != 0 {
			t.Errorf("%d are still in", len(g.room))
		}
	})
}

// Who does not wait has a turn if there is room, and keeps others out as long as those who waited for theirs.
func TestTryEnter(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const longest = time.Second
		g := New(1, longest)
		first, ok := g.TryEnter()
		if !ok {
			t.Fatal("there is no room in an empty gate")
		}
		for range 3 {
			if leave, ok := g.TryEnter(); ok {
				t.Fatal("there is room for two")
			} else {
				leave() // of who is not in
			}
		}
		first()
		first()
		if _, ok = g.TryEnter(); !ok {
			t.Fatal("there is no room though all have left")
		}
		time.Sleep(longest + 1)
		synctest.Wait()
		if _, ok = g.TryEnter(); !ok {
			t.Error("one whose turn takes long is waited for")
		}
	})
}
