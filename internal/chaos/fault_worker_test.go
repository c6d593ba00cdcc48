//go:build unix

package chaos_test

import (
	"fmt"
	"slices"
	"strings"
	"syscall"
	"time"
)

// worker does harm to the worker in a place, for as long as the fault lasts. It says what it does when it has begun.
func (r *runner) worker(f fault, slot int, began func(what string)) error {
	c, name := r.crew, r.crew.name(slot)
	switch f.kind {
	case workerKilled:
		began(name)
		return r.replace(slot, syscall.SIGKILL, f.lasts)
	case workerOpen:
		accounts := r.catch(slot)
		if len(accounts) == 0 {
			began(name + ", no transaction of which could be caught open")
		} else {
			began(fmt.Sprintf("%s with the open transaction of %s", name, strings.Join(accounts, ", ")))
		}
		return r.replace(slot, syscall.SIGKILL, f.lasts)
	case workerStopped:
		began(name)
		return r.replace(slot, syscall.SIGTERM, f.lasts)
	case workerFrozen, workerPaused:
		if err := c.signal(slot, syscall.SIGSTOP); err != nil {
			return err
		}
		began(fmt.Sprintf("%s, which has %d accounts", name, len(c.has(slot))))
		r.wait(f.lasts)
		return c.signal(slot, syscall.SIGCONT)
	case workerClockFwd, workerClockBck:
		offset := time.Duration(f.amount) * time.Millisecond
		if f.kind == workerClockBck {
			offset = -offset
		}
		began(fmt.Sprintf("%s, by %s", name, offset))
		r.clocks[slot].set(offset)
		r.wait(f.lasts)
		r.clocks[slot].set(0)
		return nil
	}
	return fmt.Errorf("no harm of the kind %q can be done to a worker", f.kind)
}

// replace ends a worker and starts another one in its place.
func (r *runner) replace(slot int, s syscall.Signal, pause time.Duration) error {
	_, err := r.crew.end(slot, s)
	r.wait(pause)
	r.crew.start(slot)
	return err
}

// join lets one more worker come and go.
func (r *runner) join(f fault, began func(what string)) error {
	slot := r.plan.workers
	r.crew.start(slot)
	began(r.crew.name(slot))
	r.wait(f.lasts)
	_, err := r.crew.end(slot, syscall.SIGTERM)
	return err
}

// catch stops a worker (SIGSTOP) at a moment at which a transaction of its own is open, and returns whose. It returns none, and lets it
// go on, if that does not succeed soon.
func (r *runner) catch(slot int) (accounts []string) {
	for end := time.Now().Add(3 * time.Second); time.Now().Before(end); r.wait(20 * time.Millisecond) {
		has := r.crew.has(slot)
		if len(has) == 0 {
			continue
		}
		if r.crew.signal(slot, syscall.SIGSTOP) != nil {
			return nil
		}
		// What stays open for a while is not only about to be ended by what it had said before.
		accounts = r.probe.open(500 * time.Millisecond)
		if len(accounts) > 0 {
			r.wait(100 * time.Millisecond)
			again := r.probe.open(500 * time.Millisecond)
			accounts = slices.DeleteFunc(accounts, func(name string) bool { return !has[name] || !slices.Contains(again, name) })
		}
		if len(accounts) > 0 {
			return accounts
		}
		_ = r.crew.signal(slot, syscall.SIGCONT) // it may have ended
	}
	return nil
}
