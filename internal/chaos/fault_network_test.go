//go:build unix

package chaos_test

import (
	"errors"
	"fmt"
)

// network does harm to some connections for as long as the fault lasts.
func (r *runner) network(f fault, wires []*wire, what string, began func(what string)) error {
	var first error
	for _, w := range wires {
		if err := w.harm(f.kind, f.amount, f.some); err != nil && !errors.Is(err, errReplaced) {
			first = err
		}
	}
	if f.some && f.kind != netCut {
		what = "half of the connections to " + what
	}
	began(what + amountOf(f))
	r.wait(f.lasts)
	for _, w := range wires {
		if err := w.mend(); err != nil {
			first = err
		}
	}
	return first
}

// amountOf is how much, in words.
func amountOf(f fault) string {
	switch f.kind {
	case netLate, netDelay:
		return fmt.Sprintf(", by %.1fs", float64(f.amount)/1000)
	case netThrottle:
		return fmt.Sprintf(", to %d KB/s", f.amount)
	case netBytes:
		return fmt.Sprintf(", %d bytes", f.amount)
	case netSlices:
		return fmt.Sprintf(" of %d bytes", f.amount)
	}
	return ""
}

// brokerWires are the connections to the broker of the fault's role, or to all.
func (r *runner) brokerWires(f fault) (wires []*wire, what string) {
	if f.role == "" {
		return r.kafka, "all brokers"
	}
	node, words := r.locate(f)
	return r.kafka[node-1 : node], fmt.Sprintf("broker %d (%s)", node, words)
}

// apiWires are the connections of one worker to the API, or of all.
func (r *runner) apiWires(f fault) (wires []*wire, what string) {
	if f.role == "" {
		return r.api, "the API of all workers"
	}
	slot := f.n % r.plan.workers
	return r.api[slot : slot+1], "the API of " + r.crew.name(slot)
}
