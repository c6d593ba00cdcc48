package worker

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
		g := make(gate, 2)
		began := time.Now()
		enter := func(takes time.Duration) chan time.Duration {
			ended := make(chan time.Duration, 1)
			go func() {
				err := g.turn(t.Context(), func() error {
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
		if err := g.turn(impatient, func() error { return nil }); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("one that has no time: %v", err)
		}
		for i, entered := range []chan time.Duration{third, fourth, fifth} {
			if at := <-entered; at != []time.Duration{time.Second, longestTurn, longestTurn + time.Second}[i] {
				t.Errorf("number %d is let in after %s", i+3, at)
			}
		}
		time.Sleep(2 * time.Hour)
		synctest.Wait()
		if len(g) != 0 {
			t.Errorf("%d are still in", len(g))
		}
	})
}
