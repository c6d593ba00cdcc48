//go:build linux

package soak_test

import (
	"encoding/csv"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"sync"
	"time"
)

// A key is what a figure is of, and its name.
type key struct{ of, name string }

// A record is everything that was measured. It is safe for concurrent use.
type record struct {
	began time.Time

	mu     sync.Mutex
	series map[key][]sample
	last   map[key]float64 // also of what is not judged
	out    *csv.Writer
}

func newRecord(out io.Writer) *record {
	r := &record{began: time.Now(), series: map[key][]sample{}, last: map[key]float64{}, out: csv.NewWriter(out)}
	_ = r.out.Write([]string{"seconds", "of", "life", "aside", "figure", "value"}) // flush says what went wrong
	return r
}

func (r *record) elapsed() time.Duration { return time.Since(r.began) }

// add writes figures down. Those that are to be set aside say nothing of a trend.
func (r *record) add(of string, life int, aside bool, f figures) {
	r.mu.Lock()
	defer r.mu.Unlock()
	at := r.elapsed()
	for _, name := range slices.Sorted(maps.Keys(f)) {
		k := key{of, name}
		r.last[k] = f[name]
		r.series[k] = append(r.series[k], sample{at, f[name], aside})
		_ = r.out.Write([]string{strconv.FormatFloat(at.Seconds(), 'f', 1, 64), of, fmt.Sprint(life), strconv.FormatBool(aside), name, strconv.FormatFloat(f[name], 'f', -1, 64)})
	}
	r.out.Flush()
}

// err is what went wrong when the figures were written.
func (r *record) err() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.out.Error()
}

// latest is the figure as it was measured last; 0 if it was not yet.
func (r *record) latest(of, name string) float64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.last[key{of, name}]
}

func (r *record) samples(of, name string) []sample {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.series[key{of, name}])
}

// reached is when the figure was at most so much for the first time; false if it never was.
func (r *record) reached(of, name string, most float64) (time.Duration, bool) {
	for _, s := range r.samples(of, name) {
		if s.value <= most {
			return s.at, true
		}
	}
	return 0, false
}
