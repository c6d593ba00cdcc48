package imocha

import (
	"math"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

// Whatever is taken and given back: no second has more turns than the rate, rounded up; a bucket that holds a second's turns
// and is filled at the rate is never empty; and no more than a poll's start in one moment.
func TestTurnsKeepTheRate(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		rate := rapid.SampledFrom([]float64{0.1, 0.5, 1, 2, 2.5, 3, 5, 7.5, 100}).Draw(t, "rate")
		turns := newTurns(rate)
		now := time.Unix(1_700_000_000, 0)
		var used, ahead []time.Time
		for range rapid.IntRange(1, 200).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.SampledFrom([]int{0, 0, 0, 1, 50, 200, 999, 1000, 1049, 1050, 5000}).Draw(t, "ms")) * time.Millisecond)
			for len(ahead) > 0 && !ahead[0].After(now) {
				used, ahead = append(used, ahead[0]), ahead[1:]
			}
			if len(ahead) > 0 && rapid.IntRange(0, 3).Draw(t, "give back") == 0 {
				i := rapid.IntRange(0, len(ahead)-1).Draw(t, "which")
				turns.giveBack(ahead[i], now)
				ahead = slices.Delete(ahead, i, i+1)
				continue
			}
			at := turns.take(now)
			if at.Before(now) || len(ahead) > 0 && at.Before(ahead[len(ahead)-1]) {
				t.Fatalf("at %s: a turn at %s, after %v", now, at, ahead)
			}
			ahead = append(ahead, at)
		}
		used = append(used, ahead...)
		most, depth := int(math.Ceil(rate)), max(1, rate)
		tokens := depth
		for i, at := range used {
			if i >= most && at.Sub(used[i-most]) < time.Second {
				t.Fatalf("%d turns within %s: %v", most+1, at.Sub(used[i-most]), used)
			}
			if i > 0 {
				tokens = min(depth, tokens+rate*at.Sub(used[i-1]).Seconds())
			}
			if tokens--; tokens < -1e-6 {
				t.Fatalf("turn %d is over the rate: %v", i, used)
			}
			if i >= 3 && at.Equal(used[i-3]) {
				t.Fatalf("four turns are in one moment: %v", used)
			}
		}
	})
}

// after takes as many turns, one after the other, and says when they come.
func after(turns *turns, now time.Time, n int) (ms []int64) {
	for range n {
		ms = append(ms, turns.take(now).Sub(now).Milliseconds())
	}
	return ms
}

// The requests of a poll start together, also of one a second later but for what the network may take; what follows comes no
// later than if all had been spaced.
func TestTurnsOfAPoll(t *testing.T) {
	t.Parallel()
	at := time.Unix(0, 0)
	for name, test := range map[string]struct {
		rate         float64
		polls, later []int64 // ms
	}{
		"five a second":        {5, []int64{0, 0, 0, 200, 400, 1000, 1050}, []int64{0, 0, 50}},
		"three a second":       {3, []int64{0, 0, 333, 1000, 1050, 1383}, []int64{0, 50, 383}},
		"two a second":         {2, []int64{0, 500, 1000, 1500}, []int64{500, 1000, 1500}},
		"one a second":         {1, []int64{0, 1000, 2000}, []int64{2000, 3000, 4000}},
		"a hundred a second":   {100, []int64{0, 10, 20, 30, 40, 50, 60}, []int64{0, 10, 20}},
		"one in a few seconds": {.25, []int64{0, 4000, 8000}, []int64{11000, 15000}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := after(newTurns(test.rate), at, len(test.polls)); !slices.Equal(got, test.polls) {
				t.Errorf("turns after %v ms, want %v", got, test.polls)
			}
			turns := newTurns(test.rate)
			after(turns, at, 3)
			if got := after(turns, at.Add(time.Second), len(test.later)); !slices.Equal(got, test.later) {
				t.Errorf("a second after a poll: after %v ms, want %v", got, test.later)
			}
		})
	}
}

// Polls that follow each other for long start together for ever.
func TestTurnsOfManyPolls(t *testing.T) {
	t.Parallel()
	turns := newTurns(5)
	for n := range 100 {
		now := time.Unix(int64(n), 0)
		if got := after(turns, now, 3); got[0] > 50 || got[2] > 50 {
			t.Fatalf("poll %d: turns after %v ms", n, got)
		}
	}
}

// What was given back is there for others, in whatever order it was; what was used counts.
func TestTurnsGivenBack(t *testing.T) {
	t.Parallel()
	now := time.Unix(0, 0)
	for _, order := range [][]int{{0, 1, 2}, {2, 1, 0}, {1, 0, 2}} {
		turns := newTurns(5)
		after(turns, now, 3)
		for range 10 {
			var ahead []time.Time
			for range order {
				ahead = append(ahead, turns.take(now))
			}
			if got := ahead[2].Sub(now); got != time.Second {
				t.Fatalf("the third turn after a poll's comes after %s, want 1s", got)
			}
			for _, i := range order {
				turns.giveBack(ahead[i], now)
			}
		}
		turns.giveBack(now, now)
		if got := after(turns, now, 1); got[0] != 200 {
			t.Errorf("turns of a poll that came count no more: the next one comes after %d ms", got[0])
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
			for range 5 {
				if _, err := p.wait(t.Context()); err != nil {
					t.Fatal(err)
				}
				at = append(at, time.Since(start))
			}
			return at
		}
		const s = time.Second
		if got := take(); !slices.Equal(got, []time.Duration{0, 0, 0, s / 5, 2 * s / 5}) {
			t.Errorf("before: %v", got)
		}
		p.throttle(0, nil, time.Now())
		time.Sleep(time.Minute)
		if got := take(); !slices.Equal(got, []time.Duration{0, s / 5, 2 * s / 5, 3 * s / 5, 4 * s / 5}) {
			t.Errorf("after: %v", got)
		}
	})
}
