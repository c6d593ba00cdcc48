package kafkatest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"
)

// Version is the version of Kafka that the cluster began with.
func (c *Cluster) Version() string { return c.dist.version }

// Addrs are the brokers' addresses. They stay the same when brokers come and go. The broker at index i has node id i+1.
func (c *Cluster) Addrs() []string {
	var addrs []string
	for _, b := range c.brokers {
		addrs = append(addrs, address(b.port))
	}
	return addrs
}

// Kill ends broker i without warning (SIGKILL).
func (c *Cluster) Kill(i int) { c.brokers[i].process.kill() }

// Stop lets broker i hand over and end (SIGTERM), and waits for that.
func (c *Cluster) Stop(ctx context.Context, i int) error {
	if err := c.brokers[i].process.stop(ctx); err != nil {
		return fmt.Errorf("broker %d: %w", i, err)
	}
	return nil
}

// Freeze halts broker i: its connections stay open and nothing is answered (SIGSTOP).
func (c *Cluster) Freeze(i int) error { return c.brokers[i].process.cmd.Process.Signal(signalFreeze) }

// Thaw lets a frozen broker go on.
func (c *Cluster) Thaw(i int) error { return c.brokers[i].process.cmd.Process.Signal(signalContinue) }

// PID is the process of broker i, which has to have been started.
func (c *Cluster) PID(i int) int { return c.brokers[i].process.cmd.Process.Pid }

// Ended is closed when broker i, as it was started last, has ended.
func (c *Cluster) Ended(i int) <-chan struct{} { return c.brokers[i].process.done }

// Log is all that broker i has written, of all its starts.
func (c *Cluster) Log(i int) ([]byte, error) { return os.ReadFile(c.brokers[i].file("log")) }

// Restart starts brokers that do not run, and waits until they answer. Brokers without which there is no quorum have to
// be started together.
func (c *Cluster) Restart(ctx context.Context, brokers ...int) error {
	var started []*broker
	for _, i := range brokers {
		b := c.brokers[i]
		if b.process.running() {
			return fmt.Errorf("broker %d runs", i)
		}
		if !b.free() {
			return errors.New("somebody else has taken the broker's port meanwhile")
		}
		if err := b.start(nil); err != nil {
			return err
		}
		started = append(started, b)
	}
	return c.ready(ctx, started, len(started))
}

// Upgrade lets broker i hand over and end, starts it again as another version of Kafka with the same data, older or newer,
// and waits until it answers. Where that version cannot be fetched the test is skipped, as by Start.
func (c *Cluster) Upgrade(t testing.TB, i int, version string) {
	t.Helper()
	d, err := find(t.Context(), version)
	if err != nil {
		giveUp(t, err)
	}
	ctx, cancel := context.WithTimeoutCause(t.Context(), startPatience, fmt.Errorf("not within %s", startPatience))
	defer cancel()
	if err := c.Stop(ctx, i); err != nil {
		t.Fatal(err)
	}
	c.brokers[i].jvm = d.jvm()
	if err := c.Restart(ctx, i); err != nil {
		t.Fatalf("broker %d as Kafka %s: %v", i, version, err)
	}
}
