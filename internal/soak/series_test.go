//go:build linux

package soak_test

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

// Made-up figures of an hour, a sample each five seconds: what grows must be found, and what does not must not be.
func TestJudge(t *testing.T) {
	t.Parallel()
	const hour, warm = time.Hour, 6 * time.Minute
	type figure func(at time.Duration, random *rand.Rand) float64
	noisy := func(level, by float64) figure {
		return func(_ time.Duration, random *rand.Rand) float64 { return level + by*random.NormFloat64() }
	}
	add := func(all ...figure) figure {
		return func(at time.Duration, random *rand.Rand) (sum float64) {
			for _, f := range all {
				sum += f(at, random)
			}
			return sum
		}
	}
	leak := func(each time.Duration) figure {
		return func(at time.Duration, _ *rand.Rand) float64 { return math.Floor(at.Seconds() / each.Seconds()) }
	}
	saw := func(height float64, period time.Duration) figure {
		return func(at time.Duration, _ *rand.Rand) float64 { return height * float64(at%period) / float64(period) }
	}
	step := func(height float64, when time.Duration) figure {
		return func(at time.Duration, _ *rand.Rand) float64 {
			if at < when {
				return 0
			}
			return height
		}
	}
	stairs := func(height float64, each time.Duration) figure {
		return func(at time.Duration, _ *rand.Rand) float64 { return height * float64(at/each) }
	}
	warming := func(height float64, over time.Duration) figure {
		return func(at time.Duration, _ *rand.Rand) float64 {
			return height * (1 - math.Exp(-at.Seconds()/over.Seconds()))
		}
	}
	for _, c := range []struct {
		name  string
		is    figure
		floor float64
		grows bool
	}{
		{"constant", noisy(12, 0), 5, false},
		{"nothing at all", noisy(0, 0), 5, false},
		{"noise", noisy(100, 5), 5, false},
		{"much noise", noisy(100, 40), 5, false},
		{"saw-teeth of a garbage collector", add(noisy(20, 1), saw(12, 7*time.Second)), 4, false},
		{"slow saw-teeth of a compaction", add(noisy(300, 5), saw(900, 4*time.Minute)), 50, false},
		{"very slow saw-teeth", add(noisy(300, 5), saw(900, 11*time.Minute)), 50, false},
		{"a step after a restart", add(noisy(100, 3), step(30, 20*time.Minute)), 5, false},
		{"a step in the middle", add(noisy(100, 3), step(30, 33*time.Minute)), 5, false},
		{"a step late", add(noisy(100, 3), step(30, 50*time.Minute)), 5, false},
		{"a step down", add(noisy(100, 3), step(-30, 33*time.Minute)), 5, false},
		{"getting warm", add(noisy(100, 2), warming(40, 3*time.Minute)), 5, false},
		{"less than the floor", add(noisy(10, .5), leak(20*time.Minute)), 5, false},
		{"less than a tenth", add(noisy(1000, 3), leak(time.Minute)), 5, false},
		{"falling", add(noisy(100, 3), func(at time.Duration, _ *rand.Rand) float64 { return -at.Minutes() }), 5, false},

		{"a goroutine in 100 s", add(noisy(100, 3), leak(100*time.Second)), 5, true},
		{"a goroutine in 100 s, much noise", add(noisy(100, 10), leak(100*time.Second)), 5, true},
		{"a connection in five minutes", add(noisy(12, 1), leak(5*time.Minute)), 5, true},
		{"a leak below saw-teeth", add(noisy(20, 1), saw(12, 7*time.Second), leak(5*time.Minute)), 4, true},
		{"a leak below slow saw-teeth", add(noisy(300, 5), saw(300, 4*time.Minute), leak(4*time.Second)), 50, true},
		{"something for each restart", add(noisy(100, 3), stairs(8, 8*time.Minute)), 5, true},
		{"a leak that begins after half of the time", add(noisy(100, 3), func(at time.Duration, _ *rand.Rand) float64 {
			return max(0, at.Minutes()-25) * 3
		}), 5, true},
		{"faster and faster", add(noisy(100, 3), func(at time.Duration, _ *rand.Rand) float64 { return at.Minutes() * at.Minutes() / 50 }), 5, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			for seed := range uint64(50) {
				random := rand.New(rand.NewPCG(seed, 1))
				var samples []sample
				for at := time.Duration(0); at < hour; at += 5 * time.Second {
					samples = append(samples, sample{at: at, value: c.is(at, random)})
				}
				v := judge(samples, warm, hour, c.floor)
				if v.grows != c.grows || v.unseen {
					t.Errorf("seed %d: grows is %v, want %v: %+v", seed, v.grows, c.grows, v)
				}
			}
		})
	}
}

// What was hardly ever seen is not flat.
func TestJudgeTooLittle(t *testing.T) {
	t.Parallel()
	var early, late []sample
	for at := time.Duration(0); at < 30*time.Minute; at += 5 * time.Second {
		early, late = append(early, sample{at: at, value: 1}), append(late, sample{at: at + 30*time.Minute, value: 1})
	}
	for name, samples := range map[string][]sample{"none": nil, "one": {{at: time.Minute, value: 3}}, "only the first half": early, "only the second half": late} {
		if v := judge(samples, 0, time.Hour, 5); !v.unseen || v.grows {
			t.Errorf("%s: %+v, want that it was not seen", name, v)
		}
	}
}

// A worker that is ended again and again is seen now and then only, and that is enough.
func TestJudgeWithHoles(t *testing.T) {
	t.Parallel()
	for _, leak := range []float64{0, 1} {
		var samples []sample
		for at := time.Duration(0); at < time.Hour; at += 5 * time.Second {
			if at%(8*time.Minute) > 90*time.Second {
				samples = append(samples, sample{at: at, value: 50 + leak*at.Minutes()})
			}
		}
		if v := judge(samples, 6*time.Minute, time.Hour, 5); v.grows != (leak > 0) || v.unseen {
			t.Errorf("a leak of %v in a minute: %+v", leak, v)
		}
	}
}

// What was before or after the time that is judged is nothing to it.
func TestJudgeSpan(t *testing.T) {
	t.Parallel()
	var samples []sample
	for at := time.Duration(0); at < time.Hour; at += 5 * time.Second {
		value := 10.0
		if at < 10*time.Minute || at > 50*time.Minute {
			value = 1000
		}
		samples = append(samples, sample{at: at, value: value})
	}
	v := judge(samples, 10*time.Minute, 50*time.Minute, 5)
	if v.first != 10 || v.last != 10 || v.most != 10 || v.grows || v.unseen {
		t.Errorf("%+v", v)
	}
}

// What is taken while something out of the ordinary goes on counts as the most that there was, and for nothing else.
func TestJudgeAside(t *testing.T) {
	t.Parallel()
	var samples []sample
	for at := time.Duration(0); at < time.Hour; at += 5 * time.Second {
		s := sample{at: at, value: 10, aside: at%(4*time.Minute) < 90*time.Second}
		if s.aside {
			s.value = 20 + at.Minutes()
		}
		samples = append(samples, s)
	}
	v := judge(samples, 0, time.Hour, 5)
	if v.first != 10 || v.last != 10 || v.most < 70 || v.grows || v.unseen {
		t.Errorf("%+v", v)
	}
}
