//go:build linux

package soak_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"attemptstream/internal/program"
)

const (
	steadyName   = "steady worker"
	restlessName = "restless worker"
)

// Days of traffic, and nothing grows that must not; and every event is right in the end.
func TestSoak(t *testing.T) {
	d := length(t)
	w := newWorld(t, d)
	steady, restless := w.startWorker(steadyName), w.startWorker(restlessName)
	file := w.file(d)
	defer file.Close()
	r, n := newRecord(file), &counts{}
	t.Logf("figures: %s", file.Name())

	ctx, cancel := context.WithCancel(t.Context())
	group, ctx := errgroup.WithContext(ctx)
	end := sync.OnceValue(func() error { cancel(); return group.Wait() })
	t.Cleanup(func() { _ = end() }) // before the processes that it looks at are killed
	interval := scaled(d, 300, 500*time.Millisecond, 5*time.Second)
	group.Go(func() error { return w.watch(ctx, r, n, interval, scaled(d, 60, 0, time.Minute)) })
	group.Go(func() error { return w.weigh(ctx, r, scaled(d, 120, time.Second, 20*time.Second)) })
	group.Go(func() error { return w.browse(ctx, n, interval) })
	group.Go(func() error { return w.ask(ctx, n, scaled(d, 60, 2*time.Second, 30*time.Second)) })
	group.Go(func() error { return w.consume(ctx, n) })
	group.Go(func() error {
		return each(ctx, time.Minute, func() error {
			if r.elapsed() > time.Second {
				t.Log(progress(r, n))
			}
			return nil
		})
	})
	for _, now := range w.plan(ctx, d, restless) {
		w.pause(ctx, now.at-r.elapsed())
		if ctx.Err() == nil {
			t.Logf("%s: %s", r.elapsed().Round(time.Second), now.name)
			w.disturb(now)
		}
	}
	w.pause(ctx, d-r.elapsed())
	if d < long { // on a busy machine it may take longer until everything has happened once
		program.Eventually(t, patience, "everything is measured", func() bool { return ctx.Err() != nil || unmeasured(r, n) == "" },
			func() string { return unmeasured(r, n) })
	}
	to, took := time.Now(), r.elapsed()
	if err := end(); err != nil {
		t.Fatal(err)
	}
	if err := r.err(); err != nil {
		t.Fatal(err)
	}
	t.Log(progress(r, n))
	// It is warm after a tenth of the time, but not before it has read the days before its start.
	caughtUp, ok := r.reached(ofIndex, "seconds behind", 15)
	if !ok && d >= long {
		t.Error("the workers never caught up with the API")
	}
	from := max(took/10, caughtUp+took/30)
	all := verdicts(r, theJudged(steadyName, restlessName), from, took)
	t.Logf("%s, %.1f days of the API, %d pages, %d commands, %d events consumed, %d times a partition of the state topic was compacted; caught up after %s, judged from %s on\n%s",
		took.Round(time.Second), took.Hours()/24*speed, n.pages.Load(), n.commands.Load(), n.consumed.Load(), n.compacted.Load(),
		caughtUp.Round(time.Second), from.Round(time.Second), table(all))
	found := w.truth(to)
	steady.stop()
	restless.stop()
	t.Logf("%d events, %d required, %d late, %d dead letters, %d invitations whose states were read apart; %d problems", found.told, found.required, found.late, found.letters,
		found.apart, len(found.problems))
	if found.apart > found.required/100 {
		t.Errorf("the states of %d invitations were read apart: that is to be rare", found.apart)
	}
	if len(found.problems) > 0 {
		t.Errorf("the events are not what happened:\n%s", strings.Join(found.problems[:min(len(found.problems), 20)], "\n"))
	}
	if what := unmeasured(r, n); what != "" || found.required == 0 {
		t.Errorf("%d events had to be told; there was nothing of this: %s", found.required, what)
	}
	if d < long {
		return
	}
	if n.compacted.Load() == 0 {
		t.Error("the state topic was never compacted: the run shows nothing of its size")
	}
	for _, v := range all {
		if v.bad() {
			t.Errorf("%s, %s: %s", v.of, v.name, v.word())
		}
	}
}

// unmeasured is what was not measured, or did not happen, at all; empty if there is nothing of the kind.
func unmeasured(r *record, n *counts) string {
	var names []string
	for _, j := range theJudged(steadyName, restlessName) {
		for _, name := range []string{j.name, j.by} {
			if name != "" && len(r.samples(j.of, name)) == 0 {
				names = append(names, j.of+": "+name)
			}
		}
	}
	for name, count := range map[string]*atomic.Int64{"pages": &n.pages, "commands": &n.commands, "events consumed": &n.consumed} {
		if count.Load() == 0 {
			names = append(names, name)
		}
	}
	return strings.Join(names, ", ")
}

// file is where the figures go. It outlives a run that is judged.
func (w *world) file(d time.Duration) *os.File {
	w.t.Helper()
	folder := ""
	if d < long {
		folder = w.t.TempDir()
	}
	f, err := os.CreateTemp(folder, "attemptstream-soak-*.csv")
	if err != nil {
		w.t.Fatal(err)
	}
	return f
}

// progress is a line of how things are.
func progress(r *record, n *counts) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %.0f ids, %.0f s behind", r.elapsed().Round(time.Second), r.latest(ofIndex, "ids"), r.latest(ofIndex, "seconds behind"))
	for _, of := range []string{steadyName, restlessName} {
		fmt.Fprintf(&b, "; %s %.1f MiB, heap %.1f, %.0f goroutines, %.0f threads, %.0f descriptors, %.0f connections", of, r.latest(of, "resident")/mib,
			r.latest(of, "heap")/mib, r.latest(of, "goroutines"), r.latest(of, "threads"), r.latest(of, "descriptors"), r.latest(of, "connections"))
	}
	fmt.Fprintf(&b, "; state topic %.2f MiB, %.0f records of %.0f keys; %d events consumed", r.latest(ofState, "disk")/mib,
		r.latest(ofState, "records"), r.latest(ofState, "live records"), n.consumed.Load())
	return b.String()
}
