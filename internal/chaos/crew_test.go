//go:build unix

package chaos_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"attemptstream/internal/program"
)

// A crew is some workers as processes. One that ends without having been told to is started again, and noted.
type crew struct {
	t       testing.TB
	path    string
	env     func(slot int) []string
	excused func(since time.Time) bool // Kafka was out of reach at some time since then
	say     func(format string, args ...any)

	mu      sync.Mutex
	closed  bool
	workers []*member
	ended   []string // in words: workers that ended by themselves
	given   int      // starts that were given up since Kafka was away, as they have to be
	all     []*program.Process
	names   []string // of all
}

// A member is a place in the crew: one process after the other.
type member struct {
	slot    int
	process *program.Process
	since   time.Time
	meant   bool // whatever ends it is meant to
}

func (c *crew) name(slot int) string { return fmt.Sprint("worker ", slot+1) }

// start starts the process of a place.
func (c *crew) start(slot int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.begin(slot)
}

func (c *crew) begin(slot int) {
	if c.closed {
		return
	}
	for len(c.workers) <= slot {
		c.workers = append(c.workers, &member{slot: len(c.workers)})
	}
	m := c.workers[slot]
	m.process, m.since, m.meant = program.Start(c.t, c.path, c.env(slot), "run"), time.Now(), false
	c.all, c.names = append(c.all, m.process), append(c.names, fmt.Sprintf("worker-%d-start-%d", slot+1, len(c.all)+1))
	p := m.process
	go func() { // until the test ends, which ends all processes
		<-p.Done()
		if c.over(m, p) {
			time.Sleep(restartTime)
			c.mu.Lock()
			defer c.mu.Unlock()
			c.begin(m.slot)
		}
	}()
}

// restartTime is how soon a worker that ended by itself is started again.
const restartTime = time.Second

// over judges the end of a process, and tells whether it has to be started again.
func (c *crew) over(m *member, p *program.Process) (again bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if m.process != p || m.meant || c.closed {
		return false
	}
	lived := time.Since(m.since)
	if gaveUp(p) && c.excused(m.since) {
		c.given++
		c.say("%s gave its start up after %.1fs, since Kafka was away: it is started again", c.name(m.slot), lived.Seconds())
	} else {
		c.ended = append(c.ended, fmt.Sprintf("%s ended by itself after %.1fs (%v); its log ends:\n%s", c.name(m.slot), lived.Seconds(), p.State(), p.Tail()))
		c.say("%s ENDED BY ITSELF after %.1fs: %v", c.name(m.slot), lived.Seconds(), p.State())
	}
	return true
}

// gaveUp tells whether a process ended as one does that cannot reach Kafka when it starts.
func gaveUp(p *program.Process) bool {
	log := p.Log()
	return p.State().ExitCode() == 1 && strings.Contains(log, "no answer within") && !strings.Contains(log, "attemptstream starts")
}

// signal sends a signal to the process of a place, if it runs.
func (c *crew) signal(slot int, s syscall.Signal) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := c.workers[slot].process
	if p.Ended() {
		return errors.New("it had ended before")
	}
	return syscall.Kill(p.PID(), s)
}

// end ends the process of a place by a signal, and waits for that. By SIGTERM it has to end in order and in time.
func (c *crew) end(slot int, s syscall.Signal) (took time.Duration, err error) {
	c.mu.Lock()
	m := c.workers[slot]
	p := m.process
	ended := p.Ended()
	m.meant = !ended
	c.mu.Unlock()
	if ended {
		return 0, errors.New("it had ended before")
	}
	began := time.Now()
	if err := syscall.Kill(p.PID(), s); err != nil {
		return 0, err
	}
	timer := time.NewTimer(stopTime + stopSlack)
	defer timer.Stop()
	select {
	case <-p.Done():
	case <-timer.C:
		p.Kill()
		return time.Since(began), fmt.Errorf("%s has not ended within %s of %v; its log ends:\n%s", c.name(slot), stopTime+stopSlack, s, p.Tail())
	}
	if s == syscall.SIGTERM && p.State().ExitCode() != 0 {
		return time.Since(began), fmt.Errorf("%s ended with %v after SIGTERM; its log ends:\n%s", c.name(slot), p.State(), p.Tail())
	}
	return time.Since(began), nil
}

// stopSlack is for a machine that is busy with brokers that start.
const stopSlack = 3 * time.Second

// has are the accounts that the process of a place has, by its log.
func (c *crew) has(slot int) map[string]bool {
	c.mu.Lock()
	p := c.workers[slot].process
	c.mu.Unlock()
	return owned(p.Output())
}

// close ends all: nothing is started any more.
func (c *crew) close() {
	c.mu.Lock()
	c.closed = true
	for _, m := range c.workers {
		m.meant = true
	}
	c.mu.Unlock()
}
