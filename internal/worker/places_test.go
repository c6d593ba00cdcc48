package worker

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"attemptstream/internal/attempt"
)

// However many accounts begin from nothing at once, the topic is looked at once, also where that fails; nobody waits longer for
// that than it likes, and who is removed while it looks spoils it for nobody.
func TestOneLookForAll(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var p places
		const takes = time.Minute
		hidden, looks := errors.New("hidden"), 0
		var result error
		scan := func(ctx context.Context) (map[attempt.Account]int, error) {
			looks++
			select {
			case <-time.After(takes):
			case <-ctx.Done():
				return nil, ctx.Err()
			}
			if result != nil {
				return nil, result
			}
			return map[attempt.Account]int{"a": 1}, nil
		}
		ask := func(ctx context.Context) chan error {
			ended := make(chan error, 1)
			go func() {
				of, err := p.find(ctx, scan)
				if err == nil && of["a"] != 1 {
					err = errors.New("another answer")
				}
				ended <- err
			}()
			synctest.Wait()
			return ended
		}
		result = hidden
		first, second := ask(t.Context()), ask(t.Context())
		began := time.Now()
		if a, b := <-first, <-second; !errors.Is(a, hidden) || !errors.Is(b, hidden) || looks != 1 || time.Since(began) != takes {
			t.Fatalf("%v, %v after %d looks and %s", a, b, looks, time.Since(began))
		}
		result, looks = nil, 0
		removed, remove := context.WithCancel(t.Context())
		impatient, leave := context.WithCancel(t.Context())
		looking, leaving, waiting := ask(removed), ask(impatient), ask(t.Context())
		leave()
		if err := <-leaving; !errors.Is(err, context.Canceled) {
			t.Errorf("one that has no time ended with %v", err)
		}
		remove()
		if err := <-looking; !errors.Is(err, context.Canceled) {
			t.Errorf("one that was removed ended with %v", err)
		}
		if err := <-waiting; err != nil || looks != 2 {
			t.Errorf("the last one: %v after %d looks", err, looks)
		}
		if err := <-ask(t.Context()); err != nil || looks != 2 {
			t.Errorf("one that comes later: %v after %d looks", err, looks)
		}
	})
}
