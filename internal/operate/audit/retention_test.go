package audit_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"attemptstream/internal/brokertest"
	"attemptstream/internal/imochasim"
	"attemptstream/internal/operate/audit"
)

// Where Kafka has deleted events, nothing is said of the time from which they are, and what was told in them is not missing.
func TestRetention(t *testing.T) {
	brokertest.OnBoth(t, func(t *testing.T, brokers []string) {
		end := ago(time.Hour)
		start := end.Add(-2 * time.Hour)
		w := newWorld(t, brokers, imochasim.Config{Current: true}, start, end)
		add := func(id int64, at time.Time) {
			t.Helper()
			if err := w.sim.Add(string(account), imochasim.Change{ID: id, Status: "Expired", At: at}); err != nil {
				t.Fatal(err)
			}
		}
		for i := range int64(120) {
			add(1+i, start.Add(time.Duration(i)*time.Minute))
		}
		w.tell()
		w = w.copy(func(records []*kgo.Record) []*kgo.Record {
			for _, r := range records { // as if they had been told as they happened
				r.Timestamp = start.Add(time.Duration(parse(t, r).Attempt.TestInvitationID-1) * time.Minute)
			}
			return records
		})
		cl, err := kgo.NewClient(kgo.SeedBrokers(brokers...))
		if err != nil {
			t.Fatal(err)
		}
		defer cl.Close()
		middle := start.Add(time.Hour)
		var offsets kadm.Offsets
		for _, r := range w.records(w.topic) {
			if r.Timestamp.Before(middle) {
				offsets.AddOffset(r.Topic, r.Partition, r.Offset+1, -1)
			}
		}
		deleted, err := kadm.NewClient(cl).DeleteRecords(t.Context(), offsets)
		if err == nil {
			err = deleted.Error()
		}
		if err != nil {
			t.Fatal(err)
		}
		// Expired again, with nothing but Pending in between: told by the deleted event.
		add(10, end.Add(-5*time.Minute-time.Second))
		f := w.audit(w.schedule.Start, w.schedule.Stop)
		f.clean(t)
		f.wants(t, audit.ByIndex, "10:Expired")
		if len(f.NotCovered) != 3 || !strings.Contains(f.NotCovered[0].Reason, "retention") || f.NotCovered[0].From != w.schedule.Start {
			t.Errorf("not covered: %v", f.NotCovered)
		}
		if f.Totals.Told < 40 || f.Totals.Told > 61 {
			t.Errorf("the report:\n%s", f.table)
		}
		var none *audit.NotCoveredError
		if _, err := w.tryAudit(w.schedule.Start, w.schedule.Start+1200); !errors.As(err, &none) || !strings.Contains(err.Error(), "retention") {
			t.Errorf("%v, want that nothing is covered", err)
		}
	})
}
