//go:build linux

package soak_test

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"time"
)

// frame is what a record takes on disk beside its key and value, where compaction has left it alone in its batch.
const frame = 100

// each calls fn in an interval, until ctx ends or fn fails.
func each(ctx context.Context, interval time.Duration, fn func() error) error {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		if err := fn(); err != nil && ctx.Err() == nil {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// watch measures processes and disk, as Prometheus would, until ctx ends. What is measured less than warm after a process
// began, or something happened to the system, is set aside.
func (w *world) watch(ctx context.Context, r *record, n *counts, interval, warm time.Duration) error {
	client := &http.Client{Timeout: 10 * time.Second}
	defer client.CloseIdleConnections()
	sizes := map[int32]int64{}
	forgive, forgiveDisk := w.forgiving(), w.forgiving()
	return each(ctx, interval, func() error {
		known := map[string]figures{} // of accounts
		for _, k := range w.workers {
			now, life, err := k.look()
			if err != nil {
				return err
			}
			if now == nil {
				continue
			}
			of, err := measure(ctx, client, now)
			if again, _, _ := k.look(); again != now {
				continue // it was ended meanwhile
			}
			if err != nil {
				if err := forgive(fmt.Errorf("measure the %s: %w; its log ends:\n%s", k.name, err, now.process.Tail())); err != nil {
					return err
				}
				continue
			}
			_ = forgive(nil)
			r.add(k.name, life, time.Since(now.since) < warm || w.calm() < warm, of.process)
			for account, f := range of.account {
				if known[account] == nil {
					known[account] = figures{}
				}
				for name, value := range f { // who does not own it any more knows less
					known[account][name] = max(known[account][name], value)
				}
			}
		}
		if len(known) == len(accounts()) {
			sum, oldest := figures{}, math.Inf(1)
			for _, f := range known {
				sum["bytes"] += f["bytes"]
				sum["ids"] += f["ids"]
				oldest = min(oldest, f[through])
			}
			sum["bytes per id"] = sum["bytes"] / max(sum["ids"], 1)
			sum["seconds behind"] = float64(time.Now().UnixMilli())/1000 - oldest
			r.add(ofIndex, 0, w.calm() < warm, sum)
		}
		disk, err := w.disk(ctx, sizes, n)
		if err != nil {
			return forgiveDisk(err)
		}
		_ = forgiveDisk(nil)
		if live := r.latest(ofState, "live bytes"); live > 0 {
			disk["disk beyond live"] = disk["disk"] - live - frame*r.latest(ofState, "live records")
		}
		r.add(ofState, 0, false, disk)
		return nil
	})
}

// measure is what the kernel and the process itself say.
func measure(ctx context.Context, client *http.Client, of *running) (*scrape, error) {
	s, err := scrapeFrom(ctx, client, of.url)
	if err != nil {
		return nil, err
	}
	more, err := kernel(of.process.PID())
	for name, value := range more {
		s.process[name] = value
	}
	return s, err
}

// weigh reads the state topic again and again, as a worker does when it takes over.
func (w *world) weigh(ctx context.Context, r *record, interval time.Duration) error {
	forgive := w.forgiving()
	return each(ctx, interval, func() error {
		f, err := w.recovery(ctx)
		if err != nil {
			return forgive(err)
		}
		_ = forgive(nil)
		f["superseded records"] = f["records"] - f["live records"]
		if ids := r.latest(ofIndex, "ids"); ids > 0 {
			f["live bytes per id"], f["live records per id"] = f["live bytes"]/ids, f["live records"]/ids
		}
		r.add(ofState, 0, false, f)
		return nil
	})
}

// misses is how often in a row something may fail to be measured: the machine may be busy.
const misses = 5

// forgiving passes an error on when it has come too often in a row. While the broker is away none counts.
func (w *world) forgiving() func(error) error {
	n := 0
	return func(err error) error {
		if err == nil || w.brokerAway.Load() {
			n = 0
			return nil
		}
		if n++; n < misses {
			return nil
		}
		return err
	}
}
