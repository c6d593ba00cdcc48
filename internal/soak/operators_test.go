//go:build linux

package soak_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"strings"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// group is the consumer group that reads the events.
const group = "billing"

// Counts are what operators have done, what consumers have read, and how often a partition of the state topic was compacted.
type counts struct{ pages, commands, consumed, compacted atomic.Int64 }

// browse opens and closes the status pages of the workers, in all the ways in which browsers do, until ctx ends.
func (w *world) browse(ctx context.Context, n *counts, interval time.Duration) error {
	visit := 0
	return each(ctx, interval, func() error {
		for _, k := range w.workers {
			now, _, err := k.look()
			if err != nil {
				return err
			}
			if now == nil {
				continue
			}
			visit++
			for _, path := range []string{"", "status", "readyz", "healthz"} {
				if err := open(ctx, now.url+path, -1); err == nil {
					n.pages.Add(1)
				}
			}
			// A page that stays open for some messages, one that is closed at once, one that goes before the answer comes.
			if err := open(ctx, now.url+"events", []int{0, 2, 6}[visit%3]); err == nil {
				n.pages.Add(1)
			}
			short, cancel := context.WithTimeout(ctx, time.Millisecond)
			_ = open(short, now.url+"status", -1) // it is to fail
			cancel()
		}
		return nil
	})
}

// open asks for a page over a connection of its own, and goes away when it has read so many lines; -1: all.
func open(ctx context.Context, url string, lines int) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if lines < 0 {
		_, err := io.Copy(io.Discard, res.Body)
		return err
	}
	text := bufio.NewScanner(res.Body)
	for i := 0; i < lines && text.Scan(); i++ {
	}
	return text.Err()
}

// ask runs the commands that operators look at a stream with, until ctx ends.
func (w *world) ask(ctx context.Context, n *counts, interval time.Duration) error {
	forgive := w.forgiving()
	return each(ctx, interval, func() error {
		for _, args := range [][]string{{"status"}, {"lag"}, {"status", "--output", "json"}, {"lag", "--group", group, "--output", "json"}} {
			var said bytes.Buffer
			c := exec.CommandContext(ctx, w.path, args...)
			c.Env, c.Stderr = w.set, &said
			if err := c.Run(); err != nil {
				if err := forgive(fmt.Errorf("attemptstream %s: %w: %s", strings.Join(args, " "), err, &said)); err != nil {
					return err
				}
				continue
			}
			_ = forgive(nil)
			n.commands.Add(1)
		}
		return nil
	})
}

// consume reads the events as a service of the company would, until ctx ends.
func (w *world) consume(ctx context.Context, n *counts) error {
	client, err := kgo.NewClient(kgo.SeedBrokers(w.cluster.Addrs()...), kgo.ConsumerGroup(group), kgo.ConsumeTopics(topic),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		return err
	}
	defer client.Close()
	for ctx.Err() == nil {
		fetches := client.PollFetches(ctx)
		if errors.Is(fetches.Err(), kgo.ErrClientClosed) {
			return fetches.Err()
		}
		n.consumed.Add(int64(fetches.NumRecords())) // what goes wrong is tried again by the client
	}
	return nil
}
