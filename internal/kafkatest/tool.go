package kafkatest

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"testing"
)

// Tool runs one of Apache Kafka's own command-line tools, of the brokers' version, by its class: what kafka-consumer-groups.sh
// and the like run. It returns its standard output. Where its jars cannot be fetched the test is skipped, as by Start.
func (c *Cluster) Tool(t testing.TB, class string, args ...string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeoutCause(t.Context(), fetchPatience, fmt.Errorf("not within %s", fetchPatience))
	defer cancel()
	if err := c.dist.fetchTools(ctx); err != nil {
		giveUp(t, err)
	}
	command := []string{"-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData",
		"-Dorg.slf4j.simpleLogger.defaultLogLevel=error", "-cp", filepath.Join(c.dist.tools, "*"), class}
	cmd := exec.CommandContext(ctx, c.dist.java, append(command, args...)...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		return out.String(), fmt.Errorf("%s: %w: %s%s", class, err, tail(out.String()), tail(errs.String()))
	}
	return out.String(), nil
}

// fetchTools makes sure of the tools' jars.
func (d *distribution) fetchTools(ctx context.Context) error {
	if exists(d.tools) {
		return nil
	}
	unlock, err := lock(ctx, filepath.Join(filepath.Dir(d.tools), "lock"))
	if err != nil {
		return fmt.Errorf("%w: %w", errUnavailable, err)
	}
	defer unlock()
	if exists(d.tools) {
		return nil
	}
	if err := d.fetch(ctx, "kafka-tools", d.tools); err != nil {
		return fmt.Errorf("%w: %w", errUnavailable, err)
	}
	return nil
}
