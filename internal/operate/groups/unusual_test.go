package groups_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"attemptstream/internal/operate/groups"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// commitOffsets gives a group offsets without a consumer.
func (w *world) commitOffsets(t *testing.T, topic, group string, offsets map[int32]int64) {
	t.Helper()
	var list kadm.Offsets
	for p, o := range offsets {
		list.AddOffset(topic, p, o, -1)
	}
	if err := w.admin.CommitAllOffsets(testContext(t), group, list); err != nil {
		t.Fatal(err)
	}
}

func TestLagOfUnusualGroups(t *testing.T) {
	onBrokers(t, func(t *testing.T, w *world) {
		for range 10 {
			w.commit(t, 30)
			w.abort(t)
		}
		all := w.records(t)
		per := make(map[int32]int64)
		for _, r := range all {
			per[r.Partition]++
		}
		ends, err := w.admin.ListCommittedOffsets(testContext(t), w.topic)
		if err != nil {
			t.Fatal(err)
		}
		end := func(p int32) int64 { o, _ := ends.Lookup(w.topic, p); return o.Offset }

		stopped, silent, other := unique(t, "stopped"), unique(t, "silent"), unique(t, "other")
		w.commitOffsets(t, w.topic, stopped, map[int32]int64{0: all[7].Offset, 2: end(2) + 1000}) // none for 1
		elsewhere := unique(t, "elsewhere")
		w.create(t, elsewhere)
		w.commitOffsets(t, elsewhere, other, map[int32]int64{0: 0})
		w.consumer(t, silent, kgo.ConsumeResetOffset(kgo.NewOffset().AtEnd())) // commits nothing
		cache := groups.NewCache()
		var r *groups.Report
		eventually(t, "both groups are there", func() bool {
			r, err = groups.Lag(testContext(t), w.client, w.topic, groups.Options{Cache: cache})
			// A group that joins for the first time may have been taken for one that does not read the topic.
			cache = groups.NewCache()
			return err != nil || len(r.Groups) == 2 && len(r.Groups[0].Members) == 1 && len(r.Groups[0].Members[0].Partitions) == partitions
		})
		if err != nil {
			t.Fatal(err)
		}
		s := r.Groups[0]
		if s.Name != silent || s.State != "Stable" || s.Events != 0 || s.NoOffset != int64(len(all)) || s.Seconds != 0 {
			t.Errorf("a group that has committed nothing: %+v", s)
		}
		if notes := strings.Join(s.Notes(), "\n"); !strings.Contains(notes, "auto.offset.reset") {
			t.Errorf("its notes: %q", notes)
		}
		g := r.Groups[1]
		if g.Name != stopped || g.State != "Empty" || len(g.Members) != 0 {
			t.Errorf("a group without members: %+v", g)
		}
		if p := g.Partitions[0]; p.Events != per[0]-7 || *p.Committed != all[7].Offset || p.Lost != 0 || p.Beyond || !p.Oldest.Equal(all[7].Timestamp) {
			t.Errorf("an offset within a batch: %+v, want %d events", p, per[0]-7)
		}
		if p := g.Partitions[1]; p.Committed != nil || p.Events != per[1] || g.NoOffset != per[1]+per[2] {
			t.Errorf("no offset: %+v", p)
		}
		if p := g.Partitions[2]; p.Events != per[2] || !p.Beyond || *p.Committed != end(2)+1000 {
			t.Errorf("an offset behind the end: %+v", p)
		}
		if g.Events != per[0]-7 {
			t.Errorf("in all %d, want %d", g.Events, per[0]-7)
		}

		for name, exists := range map[string]bool{"nonsense": false, other: true} {
			_, err := groups.Lag(testContext(t), w.client, w.topic, groups.Options{Groups: []string{name, stopped}})
			var unknown *groups.UnknownGroupError
			if !errors.As(err, &unknown) || unknown.Group != name || unknown.Exists != exists || !slices.Equal(unknown.Known, []string{silent, stopped}) {
				t.Errorf("group %s: %v", name, err)
			}
		}

		w.deleted(t, stopped, all)
		w.bounded(t, stopped)
	})
}

// deleted: retention has taken what a group had not read.
func (w *world) deleted(t *testing.T, group string, all []*kgo.Record) {
	t.Helper()
	var cut kadm.Offsets
	cut.AddOffset(w.topic, 0, all[20].Offset, -1)
	if _, err := w.admin.DeleteRecords(testContext(t), cut); err != nil {
		t.Fatal(err)
	}
	g := w.lag(t, groups.Options{Groups: []string{group}})
	left := int64(0)
	for _, r := range all[20:] {
		if r.Partition == 0 {
			left++
		}
	}
	if p := g.Partitions[0]; p.Lost != all[20].Offset-all[7].Offset || p.Events != left || p.Start != all[20].Offset || g.Lost != p.Lost {
		t.Errorf("after retention: %+v, want %d events", p, left)
	}
	if notes := strings.Join(g.Notes(), "\n"); !strings.Contains(notes, "retention") || !strings.Contains(notes, "created anew") {
		t.Errorf("notes: %q", notes)
	}
}

// bounded: with a bound on what may be fetched, a count is first too high and says so, and then exact.
func (w *world) bounded(t *testing.T, group string) {
	t.Helper()
	exact := w.lag(t, groups.Options{Groups: []string{group}})
	cache := groups.NewCache()
	for call := 1; ; call++ {
		g := w.lag(t, groups.Options{Groups: []string{group}, Cache: cache, ReadBytes: 1})
		if !g.AtMost {
			if g.Events != exact.Events || call == 1 {
				t.Errorf("after %d calls %d events, want %d", call, g.Events, exact.Events)
			}
			return
		}
		if g.Events < exact.Events || g.Seconds < exact.Seconds || !strings.Contains(strings.Join(g.Notes(), ""), "≤") {
			t.Errorf("in call %d at most %d events and %v s, there are %d and %v", call, g.Events, g.Seconds, exact.Events, exact.Seconds)
		}
	}
}
