package metrics

import (
	"maps"
	"math"
	"slices"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"attemptstream/internal/attempt"
)

// An ages is a histogram with a label for the account. Most accounts have nothing in it, and then keep nothing, where the
// library's keeps a KiB.
type ages struct {
	family
	bounds []float64 // of the buckets, without the last one
	names  []string  // of all of them

	mu sync.Mutex
	of map[attempt.Account]*observed // nil: nothing has been observed
}

// observed is what was observed of an account.
type observed struct {
	counts []uint64 // in each bucket alone
	sum    float64
}

func newAges(name, help string, bounds ...float64) *ages {
	a := &ages{family: newFamily(prometheus.UntypedValue, name, help), bounds: bounds, of: map[attempt.Account]*observed{}}
	for _, bound := range append(bounds[:len(bounds):len(bounds)], math.Inf(1)) {
		a.names = append(a.names, string(appendFloat(nil, bound)))
	}
	return a
}

func (a *ages) begin(account attempt.Account) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.of[account] = nil
}

func (a *ages) end(account attempt.Account) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.of, account)
}

// observe counts a value of an account that has begun.
func (a *ages) observe(account attempt.Account, value float64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	o, known := a.of[account]
	if !known {
		return
	}
	if o == nil {
		o = &observed{counts: make([]uint64, len(a.names))}
		a.of[account] = o
	}
	bucket := 0
	for bucket < len(a.bounds) && value > a.bounds[bucket] {
		bucket++
	}
	o.counts[bucket]++
	o.sum += value
}

// upTo calls each with how many values each bucket and those before it hold, and returns the sum of the values.
func (a *ages) upTo(o *observed, each func(bucket int, n uint64)) (sum float64) {
	n := uint64(0)
	for i := range a.names {
		if o != nil {
			n += o.counts[i]
		}
		each(i, n)
	}
	if o == nil {
		return 0
	}
	return o.sum
}

// Collect sends the values of this moment.
func (a *ages) Collect(ch chan<- prometheus.Metric) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for account, o := range a.of {
		all, buckets := uint64(0), make(map[float64]uint64, len(a.bounds))
		sum := a.upTo(o, func(i int, n uint64) {
			if all = n; i < len(a.bounds) {
				buckets[a.bounds[i]] = n
			}
		})
		ch <- prometheus.MustNewConstHistogram(a.desc, all, sum, buckets, string(account))
	}
}

func (a *ages) text(to *text) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.of) > 0 {
		to.begin(a.name, a.help, "histogram")
	}
	bucket, sums, counts := a.name+"_bucket", a.name+"_sum", a.name+"_count"
	for _, account := range slices.Sorted(maps.Keys(a.of)) {
		all := uint64(0)
		sum := a.upTo(a.of[account], func(i int, n uint64) {
			all = n
			to.sample(bucket, string(account), float64(n), "le", a.names[i])
		})
		to.sample(sums, string(account), sum)
		to.sample(counts, string(account), float64(all))
	}
}
