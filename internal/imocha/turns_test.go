package imocha

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

// Whatever is taken and given back, no second has more turns than the rate, rounded up, and no long time more than the rate.
func TestTurnsKeepTheRate(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		rate := rapid.SampledFrom([]float64{0.1, 0.5, 1, 2.5, 5, 7.5, 100}).Draw(t, "rate")
		turns := newTurns(rate)
		most, each := turns.most, turns.each
		if each < time.Second {
			t.Fatalf("%d in %s: more than a second's in less", most, each)
		}
		now := time.Unix(1_700_000_000, 0)
		var used, ahead []time.Time
		for range rapid.IntRange(1, 200).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.SampledFrom([]int{0, 0, 0, 1, 50, 200, 999, 1000, 5000}).Draw(t, "ms")) * time.Millisecond)
			for len(ahead) > 0 && !ahead[0].After(now) {
				used, ahead = append(used, ahead[0]), ahead[1:]
			}
			if len(ahead) > 0 && rapid.IntRange(0, 3).Draw(t, "give back") == 0 {
				i := rapid.IntRange(0, len(ahead)-1).Draw(t, "which")
				turns.giveBack(ahead[i])
				ahead = slices.Delete(ahead, i, i+1)
				continue
			}
			turn := turns.take(now)
			if turn.Before(now) {
				t.Fatalf("a turn %s ago", now.Sub(turn))
			}
			ahead = append(ahead, turn)
			slices.SortFunc(ahead, time.Time.Compare)
		}
		used = append(used, ahead...)
		for i := most; i < len(used); i++ {
			if passed := used[i].Sub(used[i-most]); passed < each {
				t.Fatalf("%d turns within %s, want no more than %d in %s", most+1, passed, most, each)
			}
		}
	})
}

// What was given back is there for others.
func TestTurnsGivenBack(t *testing.T) {
	t.Parallel()
	turns := newTurns(2)
	now := time.Unix(0, 0)
	turns.take(now)
	turns.take(now)
	for range 10 {
		if turn := turns.take(now); turn != now.Add(time.Second) {
			t.Fatalf("a turn after %s, want 1s", turn.Sub(now))
		} else {
			turns.giveBack(turn)
		}
	}
}

// An API that throttles gets requests one by one from then on.
func TestThrottledApart(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPace(5, 10)
		take := func() (at []time.Duration) {
			start := time.Now()
			for range 6 {
				if _, err := p.wait(t.Context()); err != nil {
					t.Fatal(err)
				}
				at = append(at, time.Since(start))
			}
			return at
		}
		const s = time.Second
		if got := take(); !slices.Equal(got, []time.Duration{0, 0, 0, 0, 0, s}) {
			t.Errorf("before: %v", got)
		}
		p.throttle(0, nil, time.Now())
		time.Sleep(time.Minute)
		if got := take(); !slices.Equal(got, []time.Duration{0, s / 5, 2 * s / 5, 3 * s / 5, 4 * s / 5, s}) {
			t.Errorf("after: %v", got)
		}
	})
}
