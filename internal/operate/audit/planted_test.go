package audit_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"attemptstream/internal/attempt"
	"attemptstream/internal/brokertest"
	"attemptstream/internal/imochasim"
	"attemptstream/internal/operate/audit"
)

// told is what a test reads of an event.
type told struct {
	EventID string
	Late    bool
	Window  attempt.Window
	Attempt struct {
		TestInvitationID int64
		TestStatus       string
	}
}

func parse(t testing.TB, r *kgo.Record) told {
	t.Helper()
	var e told
	if err := json.Unmarshal(r.Value, &e); err != nil {
		t.Fatal(err)
	}
	return e
}

func (e *told) name() string {
	return fmt.Sprintf("%d:%s", e.Attempt.TestInvitationID, e.Attempt.TestStatus)
}

// replayed is a record as a replay tells it.
func replayed(r *kgo.Record, id string) *kgo.Record {
	c := *r
	c.Value = bytes.Replace(r.Value, []byte(`,"attempt":`), []byte(`,"replay":{"id":"`+id+`"},"attempt":`), 1)
	return &c
}

// without is records without some.
func without(records []*kgo.Record, drop func(*kgo.Record) bool) []*kgo.Record {
	return slices.DeleteFunc(slices.Clone(records), drop)
}

// A hole and a double that were planted are found, and nothing else; replays, records of aborted transactions, late
// arrivals and invitations that came back are neither.
func TestPlanted(t *testing.T) {
	brokertest.OnBoth(t, func(t *testing.T, brokers []string) {
		end := ago(time.Hour)
		w := newWorld(t, brokers, imochasim.Config{Boundary: imochasim.ExclusiveEnd}, end.Add(-6*time.Hour), end)
		l := lives(3)
		l.PerDay = 2500
		w.populate(l)
		w.tell()
		events := w.records(w.topic)
		var once []*kgo.Record // of attempts that were told once
		count := w.told()
		var cameBack *kgo.Record
		for _, r := range events {
			if e := parse(t, r); count[e.name()] == 1 {
				once = append(once, r)
			} else if strings.Contains(e.EventID, "@") {
				cameBack = r
			}
		}
		if cameBack == nil || len(once) < 100 {
			t.Fatalf("no invitation came back, or too few: %d", len(once))
		}
		hole, twice, thrice := once[len(once)/3], once[len(once)/2], once[len(once)/2+7]
		holeName, twiceName := parse(t, hole), parse(t, twice)
		planted := w.copy(func(records []*kgo.Record) []*kgo.Record {
			records = without(records, func(r *kgo.Record) bool { return bytes.Equal(r.Value, hole.Value) })
			return append(records, twice,
				replayed(thrice, "one"), replayed(thrice, "two"), // each replay tells it once
				replayed(cameBack, "one"), replayed(cameBack, "one"), // and this one twice
				&kgo.Record{Partition: 0, Timestamp: twice.Timestamp, Value: []byte(`{"no":"event"}`)},
				&kgo.Record{Partition: 1, Timestamp: twice.Timestamp, Value: []byte(`]`)},
			)
		})
		planted.write(planted.topic, kgo.TryAbort, hole, thrice) // as if it had never been
		letters := w.records(w.layout.DLQ.Name)
		if len(letters) < 2 {
			t.Fatal("no dead letters")
		}
		planted.write(planted.layout.DLQ.Name, kgo.TryCommit, letters[0])

		f := planted.audit(w.schedule.Start, w.schedule.Stop)
		f.wants(t, audit.Missing, holeName.name())
		back := parse(t, cameBack)
		f.wants(t, audit.Twice, twiceName.name(), back.name())
		f.wants(t, audit.TwiceLetter, string(letters[0].Key))
		f.wants(t, audit.MissingLetter)
		f.wants(t, audit.NotAnEvent, "", "")
		if f.Clean || f.Digests.Equal || f.Totals.Missing != 1 || f.Totals.Twice != 2 || f.Totals.Replayed != 4 || f.Totals.Shown != f.Totals.Told+1 {
			t.Errorf("the report:\n%s", f.table)
		}
		for _, l := range f.Differences {
			switch {
			case l.Kind == audit.Twice && *l.ID == twiceName.Attempt.TestInvitationID:
				if len(l.Records) != 2 || l.Replay != "" || l.EventID != twiceName.EventID {
					t.Errorf("the double is %+v", l)
				}
			case l.Kind == audit.Twice:
				if len(l.Records) != 2 || l.Replay != "one" || l.EventID != back.EventID {
					t.Errorf("the double of a replay is %+v", l)
				}
			}
		}
		for _, want := range []string{"missing (1)", ": no look-back reads its time again", "told twice (2)", "NOT clean: 1 attempt is missing, 2 events were told twice, 1 dead letter was told twice; "} {
			if !strings.Contains(f.table, want) {
				t.Errorf("no %q in\n%s", want, f.table)
			}
		}
		// Only what lies in the range is told of.
		window := holeName.Window
		f = planted.audit(window.Start-60, window.End+60, func(c *audit.Config) { c.States = []attempt.State{attempt.Completed} })
		if len(f.of(audit.Missing)) > 1 || len(f.States) != 1 {
			t.Errorf("the report:\n%s", f.table)
		}
		if w.schedule.Start < twiceName.Window.Start {
			f = planted.audit(w.schedule.Start, twiceName.Window.Start)
			if slices.Contains(f.of(audit.Twice), twiceName.name()) {
				t.Errorf("a double outside of the range is told of:\n%s", f.table)
			}
		}
		// A dead letter that is missing.
		holed := w.copy(nil, nil, func(records []*kgo.Record) []*kgo.Record { return records[1:] })
		f = holed.audit(w.schedule.Start, w.schedule.Stop)
		f.wants(t, audit.MissingLetter, string(letters[0].Key))
		if f.Clean || len(f.of(audit.Missing)) > 0 {
			t.Errorf("the report:\n%s", f.table)
		}
	})
}
