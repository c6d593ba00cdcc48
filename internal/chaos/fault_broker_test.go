//go:build unix

package chaos_test

import (
	"context"
	"fmt"
	"time"
)

const (
	// brokerPatience is how long a broker may take to start again on a machine that starts others as well.
	brokerPatience = 90 * time.Second

	// slowStart is longer than a broker takes to start on a machine that has time for it.
	slowStart = 10 * time.Second

	// handover is how long a broker may take to end in order. It may wait for others that are away.
	handover = 15 * time.Second
)

// broker does harm to the broker that has the fault's role, or to two.
func (r *runner) broker(f fault, began func(what string)) error {
	node, words := r.locate(f)
	first := int(node - 1)
	ctx, cancel := context.WithTimeoutCause(r.t.Context(), 2*brokerPatience, fmt.Errorf("not within %s", 2*brokerPatience))
	defer cancel()
	one := fmt.Sprintf("broker %d (%s)", node, words)
	second := (first + 1) % chaosBrokers
	both := fmt.Sprintf("%s and broker %d", one, second+1)
	switch f.kind {
	case brokerKilled:
		began(one)
		r.cluster.Kill(first)
		return r.restart(ctx, f.lasts, first)
	case twoKilled:
		began(both)
		r.cluster.Kill(first)
		r.cluster.Kill(second)
		return r.restart(ctx, f.lasts, first, second)
	case brokerFrozen:
		began(one)
		return r.freeze(f.lasts, first)
	case twoFrozen:
		began(both)
		return r.freeze(f.lasts, first, second)
	case brokerStopped:
		began(one)
		patient, cancel := context.WithTimeoutCause(ctx, handover, fmt.Errorf("not within %s", handover))
		defer cancel()
		if r.cluster.Stop(patient, first) != nil {
			r.cluster.Kill(first) // as every init system does
		}
		return r.restart(ctx, f.lasts, first)
	case brokerFull:
		if err := fillDisk(r.cluster.PID(first)); err != nil {
			began(one + ", killed, since this system has no such limit")
			r.cluster.Kill(first)
			return r.restart(ctx, f.lasts, first)
		}
		began(one)
		timer := time.NewTimer(handover)
		defer timer.Stop()
		select {
		case <-r.cluster.Ended(first):
		case <-timer.C: // nothing was to be written there
			r.say("broker %d has not noticed that its disk is full: it is killed", node)
			r.cluster.Kill(first)
		}
		return r.restart(ctx, f.lasts, first)
	}
	return fmt.Errorf("no harm of the kind %q can be done to a broker", f.kind)
}

// locate finds out which broker it is to be.
func (r *runner) locate(f fault) (node int32, words string) {
	node, words, err := r.probe.find(f.role, r.names(), f.n)
	if err != nil || node < 1 || node > chaosBrokers {
		return int32(f.n%chaosBrokers + 1), fmt.Sprintf("instead of the %s, which Kafka does not name: %v", f.role, err)
	}
	return node, words
}

func (r *runner) restart(ctx context.Context, pause time.Duration, brokers ...int) error {
	r.wait(pause)
	began := time.Now()
	if err := r.cluster.Restart(ctx, brokers...); err != nil {
		return fmt.Errorf("a broker that was ended does not come back: %w", err)
	}
	if took := time.Since(began); took > slowStart {
		r.say("the broker was away for %.1fs more: so long it took to start", took.Seconds())
	}
	return nil
}

func (r *runner) freeze(lasts time.Duration, brokers ...int) error {
	for _, i := range brokers {
		if err := r.cluster.Freeze(i); err != nil {
			return err
		}
	}
	r.wait(lasts)
	for _, i := range brokers {
		if err := r.cluster.Thaw(i); err != nil {
			return err
		}
	}
	return nil
}
