package audit_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"attemptstream/internal/attempt"
	"attemptstream/internal/imocha"
	"attemptstream/internal/imochasim"
	"attemptstream/internal/operate/audit"
	"attemptstream/internal/schedule"
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
	onBrokers(t, func(t *testing.T, brokers []string) {
		end := ago(time.Hour)
		w := newWorld(t, brokers, imochasim.Config{Boundary: imochasim.ExclusiveEnd}, end.Add(-6*time.Hour), end)
		w.populate(lives(3))
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
		// A dead letter that is missing.
		holed := w.copy(nil, nil, func(records []*kgo.Record) []*kgo.Record { return records[1:] })
		f = holed.audit(w.schedule.Start, w.schedule.Stop)
		f.wants(t, audit.MissingLetter, string(letters[0].Key))
		if f.Clean || len(f.of(audit.Missing)) > 0 {
			t.Errorf("the report:\n%s", f.table)
		}
	})
}

// Attempts at an edge, a second or less before and after it, belong to one of the two ranges that meet there, whichever
// ends of a window the API takes as its own; and what lies beyond the edges of what is covered is never missing.
func TestEdges(t *testing.T) {
	t.Parallel()
	for _, b := range imochasim.Boundaries() {
		t.Run(b.String(), func(t *testing.T) {
			t.Parallel()
			brokers := embeddedBroker(t)
			end := ago(time.Hour)
			start := end.Add(-2 * time.Hour)
			edge := end.Add(-time.Hour)
			w := newWorld(t, brokers, imochasim.Config{Boundary: b}, start, end)
			id := int64(1000)
			put := func(at time.Time, status attempt.Status) int64 {
				t.Helper()
				id++
				if err := w.sim.Add(string(account), imochasim.Change{ID: id, Status: status, At: at}); err != nil {
					t.Fatal(err)
				}
				return id
			}
			for i := range 200 { // something that is told
				put(start.Add(time.Duration(i)*36*time.Second), "Completed")
			}
			var before, at, after []string
			hidden := map[int64]bool{}
			for half := -4; half <= 4; half++ {
				d := time.Duration(half) * time.Second / 2
				n := put(edge.Add(d), "Testleft")
				hidden[n] = true
				name := fmt.Sprintf("%d:Testleft", n)
				switch {
				case half < 0:
					before = append(before, name)
				case half == 0:
					at = append(at, name)
				default:
					after = append(after, name)
				}
			}
			w.tell()
			holed := w.copy(func(records []*kgo.Record) []*kgo.Record {
				return without(records, func(r *kgo.Record) bool { e := parse(t, r); return hidden[e.Attempt.TestInvitationID] })
			})
			older, younger := before, append(at, after...)
			if b == imochasim.ExclusiveStart { // its seconds end with the whole ones
				older, younger = append(before, at...), after
			}
			middle := attempt.InstantOf(edge)
			holed.audit(w.schedule.Start, middle).wants(t, audit.Missing, older...)
			holed.audit(middle, w.schedule.Stop).wants(t, audit.Missing, younger...)
			holed.audit(middle-1, middle+1, func(c *audit.Config) { c.WindowMax = 2 * time.Second }) // does not panic
			if f := holed.audit(w.schedule.Start, w.schedule.Stop); len(f.of(audit.Missing)) != len(hidden) {
				t.Errorf("%d of %d are found:\n%s", len(f.of(audit.Missing)), len(hidden), f.table)
			}
			// What happens beyond the coverage is not missing, though windows at its edges show some of it.
			for _, d := range []time.Duration{-1500, -1000, -500} {
				put(start.Add(d*time.Millisecond), "Expired")
			}
			outside := []time.Duration{0, 500, 1000, 1500}
			if b == imochasim.ExclusiveStart {
				outside = outside[1:]
			}
			for _, d := range outside {
				put(end.Add(d*time.Millisecond), "Expired")
			}
			w.audit(w.schedule.Start, w.schedule.Stop).clean(t)
			f := w.audit(w.schedule.Start-3600, w.schedule.Stop+600)
			f.clean(t)
			if len(f.NotCovered) != 6 {
				t.Errorf("not covered: %v", f.NotCovered)
			}
		})
	}
}

// An acting API does something once, at the n-th request.
type acting struct {
	audit.API
	mu  sync.Mutex
	n   int
	act func(n int, state attempt.State, w attempt.Window)
}

func (a *acting) Attempts(ctx context.Context, state attempt.State, w attempt.Window, each func(*imocha.Entry) error) error {
	a.mu.Lock()
	a.n++
	n := a.n
	a.mu.Unlock()
	a.act(n, state, w)
	return a.API.Attempts(ctx, state, w, each)
}

// What changes while an audit runs is not missing: what is told meanwhile, what was told long before, and what is not shown
// any more.
func TestChangesMeanwhile(t *testing.T) {
	onBrokers(t, func(t *testing.T, brokers []string) {
		end := ago(time.Hour)
		start := end.Add(-12 * time.Hour)
		w := newWorld(t, brokers, imochasim.Config{Current: true}, start, end)
		add := func(id int64, status attempt.Status, at time.Time) {
			t.Helper()
			if err := w.sim.Add(string(account), imochasim.Change{ID: id, Status: status, At: at}); err != nil {
				t.Fatal(err)
			}
		}
		for i := range int64(720) {
			add(i+1, "Completed", start.Add(time.Duration(i)*time.Minute))
		}
		w.tell()
		// 1001 expires again with nothing but Pending in between: told at its first time, and shown at the second one alone.
		// Its first event lies before what an audit of the second time reads.
		old := w.records(w.topic)[0]
		first := *old
		first.Timestamp = start
		first.Key = []byte("1001")
		first.Value = []byte(strings.NewReplacer(
			fmt.Sprintf(":%d:Completed", parse(t, old).Attempt.TestInvitationID), ":1001:Expired",
			`"state":"completed"`, `"state":"expired"`, `"testStatus":"Completed"`, `"testStatus":"Expired"`,
			fmt.Sprintf(`"testInvitationId":%d`, parse(t, old).Attempt.TestInvitationID), `"testInvitationId":1001`,
		).Replace(string(old.Value)))
		c := w.copy(func(records []*kgo.Record) []*kgo.Record {
			for _, r := range records { // as if they had been told as they happened
				r.Timestamp = parse(t, r).Window.End.Time()
			}
			return append([]*kgo.Record{&first}, records...)
		})
		add(1001, "Expired", end.Add(-10*time.Minute))
		add(1002, "Expired", end.Add(-10*time.Minute)) // sent again while the audit runs
		add(1003, "Expired", end.Add(-10*time.Minute)) // told while the audit runs
		add(1004, "Expired", end.Add(-10*time.Minute)) // missing
		of := func(id int64) *kgo.Record {
			r := first
			r.Timestamp = time.Now()
			r.Key = fmt.Append(nil, id)
			r.Value = bytes.ReplaceAll(first.Value, []byte("1001"), fmt.Append(nil, id))
			return &r
		}
		var once sync.Once
		asked := map[attempt.Window]int{}
		f := c.audit(w.schedule.Stop-7200, w.schedule.Stop, func(cfg *audit.Config) {
			api := &acting{API: cfg.Accounts[0].API}
			var mu sync.Mutex
			api.act = func(_ int, state attempt.State, window attempt.Window) {
				mu.Lock()
				defer mu.Unlock()
				if asked[window]++; state != attempt.Expired || asked[window] < 4 { // three states ask for it in the first round
					return
				}
				once.Do(func() {
					add(1002, "Pending", end.Add(-5*time.Minute))
					c.write(c.topic, kgo.TryCommit, of(1003))
				})
			}
			cfg.Accounts[0].API = api
		})
		f.wants(t, audit.Missing, "1004:Expired")
		if f.Totals.Missing != 1 || f.Totals.Shown != f.Totals.Told+1 {
			t.Errorf("the report:\n%s", f.table)
		}
		c.write(c.topic, kgo.TryCommit, of(1004))
		f = c.audit(w.schedule.Stop-7200, w.schedule.Stop)
		f.clean(t)
		if f.Totals.Told != 120+3 {
			t.Errorf("%d told, want those of two hours and three:\n%s", f.Totals.Told, f.table)
		}
		// What is not shown any more is told of, and is no fault.
		add(450, "Cancelled", end.Add(2*time.Minute))
		f = c.audit(w.schedule.Start, w.schedule.Stop)
		f.wants(t, audit.NotShown, "450:Completed")
		f.clean(t)
	})
}

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
	onBrokers(t, func(t *testing.T, brokers []string) {
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
		if _, err := audit.Run(ctx, audit.Config{Kafka: w.kafka, Topics: w.layout, Log: logger(t), TempDir: t.TempDir()}); !errors.Is(err, context.Canceled) {
			t.Errorf("%v, want the end of the context", err)
		}
	})
}
