package audit_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"attemptstream/internal/attempt"
	"attemptstream/internal/brokertest"
	"attemptstream/internal/imocha"
	"attemptstream/internal/imochasim"
	"attemptstream/internal/operate/audit"
	"attemptstream/internal/schedule"
)

// checkpoint is the last one among the records of a state topic, changed.
func checkpoint(t testing.TB, records []*kgo.Record, change func(*schedule.Checkpoint)) *kgo.Record {
	t.Helper()
	for _, r := range slices.Backward(records) {
		if string(r.Key) != string(account)+"/checkpoint" {
			continue
		}
		c, err := schedule.DecodeCheckpoint(r.Value)
		if err != nil {
			t.Fatal(err)
		}
		change(c)
		changed := *r
		if changed.Value, err = c.Encode(); err != nil {
			t.Fatal(err)
		}
		return &changed
	}
	t.Fatal("no checkpoint")
	return nil
}

// Nothing is said of what is not covered, and an audit of nothing else is refused.
func TestNotCovered(t *testing.T) {
	brokertest.OnBoth(t, func(t *testing.T, brokers []string) {
		end := ago(time.Hour)
		start := end.Add(-2 * time.Hour)
		w := newWorld(t, brokers, imochasim.Config{}, start, end)
		if _, err := w.tryAudit(w.schedule.Start, w.schedule.Stop); !errors.As(err, new(*audit.NoCheckpointError)) {
			t.Errorf("%v, want that there is no checkpoint", err)
		}
		w.populate(lives(5))
		middle := attempt.InstantOf(start.Add(time.Hour))
		for i, d := range []time.Duration{0, 1000, 2500} { // in the middle of a gap from middle-1 to middle+2, and near its edges
			at := (middle - 1).Time().Add(d * time.Millisecond)
			if err := w.sim.Add(string(account), imochasim.Change{ID: 77 + int64(i), Status: "Completed", At: at}); err != nil {
				t.Fatal(err)
			}
		}
		w.tell()
		// The same with a gap in the middle.
		w = w.copy(func(records []*kgo.Record) []*kgo.Record {
			return without(records, func(r *kgo.Record) bool { return strings.Contains("77 78 79", string(r.Key)) })
		}, func(records []*kgo.Record) []*kgo.Record {
			return append(records, checkpoint(t, records, func(c *schedule.Checkpoint) {
				c.States[attempt.Completed].Gaps = []schedule.Span{{From: middle - 1, Until: middle + 2}}
			}))
		})
		poison := imochasim.Faults{Poisoned: []imochasim.Poisoned{{State: attempt.Completed, Second: middle}}}
		if err := w.sim.SetFaults(poison); err != nil {
			t.Fatal(err)
		}
		f := w.audit(w.schedule.Start, w.schedule.Stop) // the gap cannot be read now either
		f.clean(t)
		if len(f.NotCovered) != 1 || len(f.NotAudited) == 0 || !strings.Contains(f.Verdict, "1 part of the range is not covered") {
			t.Errorf("not covered: %v, not audited: %v:\n%s", f.NotCovered, f.NotAudited, f.table)
		}
		if err := w.sim.SetFaults(imochasim.Faults{}); err != nil {
			t.Fatal(err)
		}
		f = w.audit(w.schedule.Start, w.schedule.Stop)
		f.clean(t)
		f.wants(t, audit.InGap, "77:Completed", "78:Completed", "79:Completed")
		// A second that cannot be read though it is covered.
		covered := imochasim.Faults{Poisoned: []imochasim.Poisoned{{State: attempt.Expired, Second: middle + 600}}}
		if err := w.sim.SetFaults(covered); err != nil {
			t.Fatal(err)
		}
		f = w.audit(w.schedule.Start, w.schedule.Stop)
		if f.Clean || len(f.NotAudited) != 1 || f.Totals.Missing != 0 || !strings.Contains(f.Verdict, "1 span could not be audited") {
			t.Errorf("not audited: %v:\n%s", f.NotAudited, f.table)
		}
		if err := w.sim.SetFaults(imochasim.Faults{}); err != nil {
			t.Fatal(err)
		}
		var none *audit.NotCoveredError
		if _, err := w.tryAudit(w.schedule.Stop, w.schedule.Stop+600); !errors.As(err, &none) || !strings.Contains(err.Error(), "beyond the front") {
			t.Errorf("%v, want that nothing is covered", err)
		}
		// A key that is refused.
		w.sim.SetKeys(map[string]string{"other": string(account)})
		if _, err := w.tryAudit(w.schedule.Start, w.schedule.Stop); imocha.KindOf(err) != imocha.Unauthorized {
			t.Errorf("%v, want that the key is refused", err)
		}
		// And one that is stopped.
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := audit.Run(ctx, audit.Config{Kafka: w.kafka, Topics: w.layout, Log: brokertest.Logger(t), TempDir: t.TempDir()}); !errors.Is(err, context.Canceled) {
			t.Errorf("%v, want the end of the context", err)
		}
	})
}
