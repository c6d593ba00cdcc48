package audit_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"attemptstream/internal/attempt"
	"attemptstream/internal/brokertest"
	"attemptstream/internal/imochasim"
	"attemptstream/internal/operate/audit"
)

// An event that lies behind another's open transaction is not missing: the audit waits for that to end.
func TestOpenTransaction(t *testing.T) {
	brokertest.OnBoth(t, func(t *testing.T, brokers []string) {
		end := ago(time.Hour)
		start := end.Add(-time.Hour)
		w := newWorld(t, brokers, imochasim.Config{}, start, end)
		for i := range int64(60) {
			change := imochasim.Change{ID: 1 + i, Status: "Completed", At: start.Add(time.Duration(i) * time.Minute)}
			if err := w.sim.Add(string(account), change); err != nil {
				t.Fatal(err)
			}
		}
		w.tell()
		var behind *kgo.Record
		c := w.copy(func(records []*kgo.Record) []*kgo.Record {
			behind = records[len(records)/2]
			return without(records, func(r *kgo.Record) bool { return bytes.Equal(r.Value, behind.Value) })
		})
		other, err := kgo.NewClient(kgo.SeedBrokers(brokers...), kgo.TransactionalID(c.topic+"/other"), kgo.RecordPartitioner(kgo.ManualPartitioner()))
		if err != nil {
			t.Fatal(err)
		}
		defer other.Close()
		if err := other.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		open := *behind
		open.Topic, open.Value = c.topic, []byte("{}")
		if err := other.ProduceSync(t.Context(), &open).FirstErr(); err != nil {
			t.Fatal(err)
		}
		c.write(c.topic, kgo.TryCommit, behind)
		window := parse(t, behind).Window
		var once sync.Once
		asked := 0
		f := c.audit(w.schedule.Start, w.schedule.Stop, func(cfg *audit.Config) {
			// The second time that its window is asked for, all events that can be seen have been read.
			cfg.Accounts[0].API = &acting{API: cfg.Accounts[0].API, act: func(_ int, state attempt.State, _ attempt.Window) {
				if state != attempt.Completed {
					return
				}
				asked++
				if asked > 1 {
					once.Do(func() {
						time.AfterFunc(300*time.Millisecond, func() {
							if err := other.EndTransaction(t.Context(), kgo.TryAbort); err != nil {
								t.Error(err)
							}
						})
					})
				}
			}}
			cfg.States = []attempt.State{attempt.Completed}
			cfg.WindowMax = 24 * time.Hour
		})
		f.clean(t)
		if f.Totals.Told != 60 {
			t.Errorf("the window %s:\n%s", window, f.table)
		}
	})
}

// Accounts are audited side by side, and do not get into each other's way, though they have the same ids.
func TestAccounts(t *testing.T) {
	t.Parallel()
	end := ago(time.Hour)
	keys := map[string]string{"amer": "amer", "emea": "emea"}
	w := newWorld(t, brokertest.Embedded(t), imochasim.Config{Keys: keys}, end.Add(-3*time.Hour), end)
	w.accounts = []attempt.Account{"amer", "emea"}
	w.populate(lives(8))
	w.tell()
	f := w.audit(w.schedule.Start, w.schedule.Stop)
	f.clean(t)
	all := f.Totals.Told
	var hole told
	c := w.copy(func(records []*kgo.Record) []*kgo.Record {
		for _, r := range records {
			if e := parse(t, r); strings.HasPrefix(e.EventID, "emea:") && !strings.Contains(e.EventID, "@") {
				hole = e
			}
		}
		return without(records, func(r *kgo.Record) bool { e := parse(t, r); return e.EventID == hole.EventID })
	})
	f = c.audit(w.schedule.Start, w.schedule.Stop)
	f.wants(t, audit.Missing, hole.name())
	if f.Differences[0].Account != "emea" || f.Totals.Shown != all || f.Totals.Told != all-1 {
		t.Errorf("the report:\n%s", f.table)
	}
	c.accounts = []attempt.Account{"amer"}
	f = c.audit(w.schedule.Start, w.schedule.Stop)
	f.clean(t)
	if f.Totals.Told*2 != all {
		t.Errorf("the report:\n%s", f.table)
	}
}

// An audit that is stopped leaves nothing behind, wherever it is.
func TestStopped(t *testing.T) {
	t.Parallel()
	end := ago(time.Hour)
	w := newWorld(t, brokertest.Embedded(t), imochasim.Config{}, end.Add(-3*time.Hour), end)
	w.populate(lives(6))
	w.tell()
	for _, n := range []int{1, 10, 30} {
		_, err := w.tryAudit(w.schedule.Start, w.schedule.Stop, func(c *audit.Config) {
			c.WindowMax = 10 * time.Minute
			c.Accounts[0].API = &acting{API: c.Accounts[0].API, act: func(now int, _ attempt.State, _ attempt.Window) {
				if now == n {
					w.stop()
				}
			}}
		})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%v, want that it was stopped", err)
		}
	}
}
