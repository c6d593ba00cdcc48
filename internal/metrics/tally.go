package metrics

import (
	"slices"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"attemptstream/internal/attempt"
)

// A tally is a counter with a label for the account, and others whose values are known before. All that it keeps of an account is
// a number for each combination of these, where the library's vectors keep half a KiB: there may be many accounts, and most
// of the numbers stay zero.
type tally struct {
	desc         *prometheus.Desc
	combinations [][]string // of the values of the labels behind the account

	mu     sync.Mutex
	counts map[attempt.Account][]float64 // in the order of combinations
}

// newTally is a tally that counts nothing yet. Labels are given with all values that they can have.
func newTally(name, help string, labels ...label) *tally {
	t := &tally{combinations: [][]string{nil}, counts: map[attempt.Account][]float64{}}
	names := []string{labelAccount}
	for _, l := range labels {
		names = append(names, l.name)
		var longer [][]string
		for _, c := range t.combinations {
			for _, value := range l.values {
				longer = append(longer, append(slices.Clone(c), value))
			}
		}
		t.combinations = longer
	}
	t.desc = desc(name, help, names...)
	return t
}

type label struct {
	name   string
	values []string
}

// begin shows all of an account as 0.
func (t *tally) begin(account attempt.Account) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.counts[account] = make([]float64, len(t.combinations))
}

// end shows nothing of an account any more.
func (t *tally) end(account attempt.Account) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.counts, account)
}

// add counts something of an account that has begun. Values that no label has count nowhere.
func (t *tally) add(account attempt.Account, n float64, values ...string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	at := slices.IndexFunc(t.combinations, func(c []string) bool { return slices.Equal(c, values) })
	if counts := t.counts[account]; counts != nil && at >= 0 {
		counts[at] += n
	}
}

// Describe sends the descriptor.
func (t *tally) Describe(ch chan<- *prometheus.Desc) { ch <- t.desc }

// Collect sends the values of this moment.
func (t *tally) Collect(ch chan<- prometheus.Metric) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for account, counts := range t.counts {
		for i, c := range t.combinations {
			ch <- prometheus.MustNewConstMetric(t.desc, prometheus.CounterValue, counts[i], append([]string{string(account)}, c...)...)
		}
	}
}
