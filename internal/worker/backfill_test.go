package worker_test

import (
	"fmt"
	"testing"
	"time"

	"attemptstream/internal/brokertest"
	"attemptstream/internal/imochasim"
)

// day is a time that lies back far enough for everything in it to be visible.
var day = time.Date(2026, 3, 20, 6, 0, 0, 0, time.UTC)

// lives are those of a busy company in which much goes wrong.
func lives(seed uint64) imochasim.Lives {
	l := imochasim.DefaultLives(seed)
	l.PerDay, l.Speed = 2000, 12
	l.BurstsPerDay, l.BurstSize = 10, 40
	l.Quick, l.Late, l.Malformed = .02, 0, .01
	return l
}

// Whichever ends of a window belong to it, everything is told once.
func TestBoundaries(t *testing.T) {
	brokertest.OnBoth(t, func(t *testing.T, brokers []string) {
		for i, b := range imochasim.Boundaries() {
			t.Run(b.String(), func(t *testing.T) {
				t.Parallel()
				w := newWorld(t, brokers, imochasim.Config{Boundary: b, Seed: uint64(i)}, day, day.Add(6*time.Hour))
				w.populate(lives(uint64(i)))
				w.read()
				w.verify(w.scope())
			})
		}
	})
}

// An API that silently cuts its answers is read completely.
func TestCaps(t *testing.T) {
	brokertest.OnBoth(t, func(t *testing.T, brokers []string) {
		for i, most := range []int{50, 100, 500, 1000} {
			for _, newest := range []bool{false, true} {
				t.Run(fmt.Sprintf("%d newest %v", most, newest), func(t *testing.T) {
					t.Parallel()
					w := newWorld(t, brokers, imochasim.Config{Boundary: imochasim.Boundaries()[i], Cap: most, CapNewest: newest,
						Seed: uint64(i)}, day, day.Add(6*time.Hour))
					w.populate(lives(uint64(10 + i)))
					w.read()
					w.verify(w.scope())
				})
			}
		}
	})
}

// Requests that fail, in every way in which they may be asked again, change nothing of what is told.
func TestFailingRequests(t *testing.T) {
	brokertest.OnBoth(t, func(t *testing.T, brokers []string) {
		for i, b := range imochasim.Boundaries() {
			t.Run(b.String(), func(t *testing.T) {
				t.Parallel()
				faults := imochasim.PassingFaults(.1)
				faults.HangFor = 5 * time.Second
				w := newWorld(t, brokers, imochasim.Config{Boundary: b, Duplicates: .01, Faults: faults, Seed: uint64(i)}, day, day.Add(time.Hour))
				w.populate(lives(uint64(20 + i)))
				w.read()
				w.verify(w.scope())
			})
		}
	})
}
