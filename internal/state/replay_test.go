package state_test

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"attemptstream/internal/attempt"
	"attemptstream/internal/kafkatx"
	"attemptstream/internal/schedule"
	"attemptstream/internal/state"
)

var noon = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)

// requestOf is the record of a request.
func requestOf(t testing.TB, account attempt.Account, id string, at time.Time, change ...func(*state.Request)) kafkatx.Record {
	t.Helper()
	q := state.Request{ID: id, Account: account, From: 1000, To: 2000, States: []attempt.State{attempt.Completed}, RequestedAt: at}
	for _, f := range change {
		f(&q)
	}
	r, err := q.Record(state.Partition{})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func recoverLog(t testing.TB, log fakeLog) *state.Account {
	t.Helper()
	a, err := state.Recover(t.Context(), log, state.Partition{Topic: "s"}, "a")
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// A replayLog is an account whose records are in a log.
type replayLog struct {
	t   testing.TB
	log fakeLog
	*state.Account
}

func newReplayLog(t testing.TB) *replayLog { return &replayLog{t, nil, recoverLog(t, nil)} }

// ask puts a request into the log, and lets the account hear of it.
func (h *replayLog) ask(r kafkatx.Record) {
	h.t.Helper()
	h.log = append(h.log, r)
	r.Offset = int64(len(h.log) - 1)
	a, ok := state.AskedIn(r)
	if !ok {
		h.t.Fatalf("%s is no request", r.Key)
	}
	h.Replays.Ask(a)
}

func (h *replayLog) commit() {
	h.t.Helper()
	records, err := h.AppendRecords(nil)
	if err != nil {
		h.t.Fatal(err)
	}
	h.log = append(h.log, records...)
	h.Commit()
}

// keys are those of the log that are not deleted.
func (h *replayLog) keys() []string {
	last := map[string]bool{}
	for _, r := range h.log {
		last[string(r.Key)] = r.Value != nil
	}
	maps.DeleteFunc(last, func(_ string, there bool) bool { return !there })
	return sortedKeys(last)
}

// again recovers the account, and holds what it recovers to what it was.
func (h *replayLog) again() {
	h.t.Helper()
	got := recoverLog(h.t, h.log)
	if got.Read != int64(len(h.log)) {
		h.t.Fatalf("read up to %d, want %d", got.Read, len(h.log))
	}
	describe := func(a *state.Account) (all []string) {
		for _, r := range a.Replays.All() {
			all = append(all, fmt.Sprintf("%s %+v %v %v %+v", r.ID, r.Request, r.Wrong, r.Gone, r.Progress))
		}
		return all
	}
	if g, w := describe(got), describe(h.Account); !slices.Equal(g, w) {
		h.t.Fatalf("recovered:\n%s\nwant\n%s", strings.Join(g, "\n"), strings.Join(w, "\n"))
	}
	changed, err := got.Changed()
	if before, _ := h.Changed(); err != nil || changed != before {
		h.t.Fatalf("recovered, it has changed: %v, %v; before: %v", changed, err, before)
	}
	h.Account = got
}

// A replay's life: it waits, runs, tells, ends; what it remembers is committed with the rest, or taken back with it, and is
// deleted afterwards.
func TestReplayLife(t *testing.T) {
	t.Parallel()
	h := newReplayLog(t)
	h.commit()
	h.ask(requestOf(t, "a", "r1", noon))
	h.ask(requestOf(t, "a", "r0", noon.Add(time.Second)))
	h.commit()
	h.again()
	r := h.Replays.Next()
	if r.ID != "r1" || r.Progress.Status != state.Waiting {
		t.Fatalf("next is %s, %s; want r1, which was asked for first", r.ID, r.Progress.Status)
	}
	r.Progress.Status, r.Progress.Position, r.Progress.StartedAt = state.Running, 1000, noon
	told := map[int64]bool{}
	random := rand.New(rand.NewPCG(1, 0))
	for round := range 40 {
		staged := map[int64]bool{}
		for range 5 {
			id := random.Int64N(30_000)
			if told[id] != r.HasTold(id, "Completed") && !staged[id] {
				t.Fatalf("round %d: %d is told: %v, want %v", round, id, r.HasTold(id, "Completed"), told[id])
			}
			if !r.HasTold(id, "Completed") {
				r.Tell(id, "Completed")
				r.Progress.Told++
				staged[id] = true
			}
			r.Progress.Position++
		}
		switch random.IntN(4) {
		case 0:
			if err := h.Rollback(); err != nil {
				t.Fatal(err)
			}
		case 1:
			h.commit()
			maps.Copy(told, staged)
			h.again()
		default:
			h.commit()
			maps.Copy(told, staged)
		}
		r = h.Replays.Next()
		for id := range staged {
			if r.HasTold(id, "Completed") != told[id] {
				t.Fatalf("round %d: afterwards %d is told: %v, want %v", round, id, !told[id], told[id])
			}
		}
		if r.ID != "r1" || r.Progress.Told != int64(len(told)) {
			t.Fatalf("round %d: %s has told %d, want r1 and %d", round, r.ID, r.Progress.Told, len(told))
		}
		if r.Progress.Status == state.Waiting { // its beginning was taken back
			r.Progress.Status, r.Progress.Position, r.Progress.StartedAt = state.Running, 1000, noon
		}
	}
	if h.Index.Told() != 0 {
		t.Errorf("the account's own index has %d", h.Index.Told())
	}
	r.Progress.End(state.Done, "", noon.Add(time.Hour))
	if err := h.Rollback(); err != nil {
		t.Fatal(err)
	}
	if r = h.Replays.Next(); r.ID != "r1" || r.Progress.Status != state.Running || len(told) == 0 {
		t.Fatalf("its end was taken back, and next is %s, %s", r.ID, r.Progress.Status)
	}
	for id := range told {
		if !r.HasTold(id, "Completed") {
			t.Fatalf("its end was taken back, and %d is not told", id)
		}
	}
	r.Progress.End(state.Done, "", noon.Add(time.Hour))
	h.commit()
	h.again()
	if next := h.Replays.Next(); next == nil || next.ID != "r0" {
		t.Fatal("next is not r0")
	}
	h.commit() // deletes the blocks
	want := []string{"a/checkpoint", "a/replay/r0/progress", "a/replay/r0/request", "a/replay/r1/progress", "a/replay/r1/request"}
	if got := h.keys(); !slices.Equal(got, want) {
		t.Errorf("there is %q, want %q", got, want)
	}
	h.again()
	if changed, err := h.Changed(); changed || err != nil {
		t.Errorf("there is something to write: %v, %v", changed, err)
	}
	h.Replays.Forget(noon.Add(31 * 24 * time.Hour))
	h.commit()
	if got := h.keys(); !slices.Equal(got, want[:3]) {
		t.Errorf("there is %q after a month, want %q", got, want[:3])
	}
	h.again()
}

// Of many replays that have ended the youngest are kept, and a large one is deleted in parts.
func TestReplaysForgotten(t *testing.T) {
	t.Parallel()
	h := newReplayLog(t)
	for i := range 25 {
		h.ask(requestOf(t, "a", fmt.Sprintf("r%02d", i), noon.Add(time.Duration(i)*time.Second)))
	}
	h.commit()
	for i, r := range h.Replays.All() {
		r.Progress.Status = state.Running
		if i == 24 {
			for id := range int64(12_000) {
				r.Tell(id<<12, "Completed")
				r.Progress.Told++
			}
		}
		h.commit()
		r.Progress.End(state.Done, "", noon.Add(time.Duration(i)*time.Minute))
		h.commit()
	}
	parts := 0
	for changed := true; changed; parts++ {
		h.Replays.Forget(noon.Add(time.Hour))
		h.commit()
		h.again()
		var err error
		if changed, err = h.Changed(); err != nil {
			t.Fatal(err)
		}
	}
	all := h.Replays.All()
	if parts < 3 || len(all) != 20 || all[0].ID != "r05" || len(h.keys()) != 41 {
		t.Errorf("after %d parts there are %d replays from %s on, %d keys", parts, len(all), all[0].ID, len(h.keys()))
	}
}

// A request may be withdrawn, deleted, or be anything at all: it never stops an account, and a Rollback does not forget it.
func TestReplayRequests(t *testing.T) {
	t.Parallel()
	h := newReplayLog(t)
	h.commit()
	for id, value := range map[string]string{"junk": "{]", "empty": "", "null": "null", "newer": `{"version":2}`, "other": `{"version":1,"id":"x","account":"a","from":"2026-01-01T00:00:00Z","to":"2026-01-02T00:00:00Z","states":["completed"]}`} {
		h.ask(record("a/replay/"+id+"/request", value))
	}
	h.ask(requestOf(t, "a", "good", noon))
	if err := h.Rollback(); err != nil {
		t.Fatal(err)
	}
	h.ask(requestOf(t, "a", "good", noon, func(q *state.Request) { q.Cancelled = true }))
	for _, r := range h.Replays.All() {
		if (r.Wrong == nil) != (r.ID == "good") || r.Gone || r.Request.Cancelled != (r.ID == "good") {
			t.Errorf("%s is wrong: %v, cancelled %v", r.ID, r.Wrong, r.Request.Cancelled)
		}
		if r.Wrong != nil {
			r.Progress.End(state.Refused, r.Wrong.Error(), noon)
		}
	}
	h.commit()
	h.again()
	if len(h.Replays.All()) != 6 || h.Replays.Next().ID != "good" {
		t.Fatalf("%d replays, next is %s", len(h.Replays.All()), h.Replays.Next().ID)
	}
	// Deleted by somebody: before the owner has heard of it there is nothing; later its end is on record first.
	h.ask(requestOf(t, "a", "late", noon))
	h.ask(kafkatx.Record{Key: []byte("a/replay/late/request")})
	h.ask(kafkatx.Record{Key: []byte("a/replay/good/request")})
	gone := slices.IndexFunc(h.Replays.All(), func(r *state.Replay) bool { return r.Gone })
	if len(h.Replays.All()) != 6 || gone < 0 || h.Replays.All()[gone].ID != "good" {
		t.Errorf("%d replays, deleted is number %d", len(h.Replays.All()), gone)
	}
	h.again()
	for _, r := range h.Replays.All() {
		if r.Gone {
			r.Progress.End(state.Cancelled, "deleted", noon)
		}
	}
	h.commit()
	h.Replays.Forget(noon)
	h.commit()
	h.again()
	if slices.Contains(h.keys(), "a/replay/good/progress") || len(h.Replays.All()) != 5 {
		t.Errorf("there are %d replays, keys %q", len(h.Replays.All()), h.keys())
	}
}

// What the owner itself writes of a replay is held to the same as the rest.
func TestDamagedReplays(t *testing.T) {
	t.Parallel()
	h := newReplayLog(t)
	h.ask(requestOf(t, "a", "r", noon))
	r := h.Replays.Next()
	r.Progress.Status = state.Running
	r.Tell(5000, "Completed")
	r.Tell(50_000, "Completed")
	r.Progress.Told = 2
	r.Progress.Skipped = schedule.Skipped{Gaps: 3}
	h.commit()
	h.again()
	var blocks []int
	for i, r := range h.log {
		if strings.Contains(string(r.Key), "/block/") {
			blocks = append(blocks, i)
		}
	}
	if len(blocks) != 2 {
		t.Fatalf("%d blocks", len(blocks))
	}
	const newer, restore = "run the version that wrote it", "do not delete it"
	progress := string(`a/replay/r/progress`)
	for name, test := range map[string]struct {
		log    fakeLog
		key    string
		advice string
	}{
		"progress that is no JSON":    {append(h.log[:len(h.log):len(h.log)], record(progress, "{]")), progress, restore},
		"newer progress":              {append(h.log[:len(h.log):len(h.log)], record(progress, `{"version":2}`)), progress, newer},
		"progress of a strange kind":  {append(h.log[:len(h.log):len(h.log)], record(progress, `{"version":1,"status":"asleep"}`)), progress, restore},
		"a corrupt block":             {append(h.log[:len(h.log):len(h.log)], record(string(h.log[blocks[0]].Key), "\x01x")), string(h.log[blocks[0]].Key), restore},
		"a lost block":                {slices.Delete(slices.Clone(h.log), blocks[0], blocks[0]+1), progress, restore},
		"an unknown key of a replay":  {append(h.log[:len(h.log):len(h.log)], record("a/replay/r/x", "x")), "a/replay/r/x", newer},
		"no replay":                   {append(h.log[:len(h.log):len(h.log)], record("a/replay//request", "x")), "a/replay//request", newer},
		"a replay of a strange name":  {append(h.log[:len(h.log):len(h.log)], record("a/replay/r r/request", "x")), "a/replay/r r/request", newer},
		"another spelling of a block": {append(h.log[:len(h.log):len(h.log)], record("a/replay/r/block/01", "x")), "a/replay/r/block/01", restore},
	} {
		_, err := state.Recover(t.Context(), test.log, state.Partition{Topic: "s"}, "a")
		var damage *state.RecordError
		if !errors.As(err, &damage) || damage.Key != test.key || !strings.Contains(err.Error(), test.advice) {
			t.Errorf("%s: %v, want one about %q: %q", name, err, test.key, test.advice)
		}
	}
}

// FuzzReplayRecords puts any record about replays into a log: it is taken, or refused by a *RecordError; a request is
// never refused.
func FuzzReplayRecords(f *testing.F) {
	h := newReplayLog(f)
	h.ask(requestOf(f, "a", "r", noon))
	r := h.Replays.Next()
	r.Progress.Status = state.Running
	r.Tell(5000, "Completed")
	h.commit()
	for _, r := range h.log {
		f.Add(strings.TrimPrefix(string(r.Key), "a/replay/"), r.Value, false)
	}
	f.Add("r/request", []byte(nil), true)
	f.Add("r/block/1", []byte(nil), true)
	f.Add("r/progress", []byte(nil), true)
	f.Fuzz(func(t *testing.T, key string, value []byte, deleted bool) {
		record := kafkatx.Record{Key: []byte("a/replay/" + key), Value: append([]byte{}, value...)}
		if deleted {
			record.Value = nil
		}
		a, err := state.Recover(t.Context(), append(h.log[:len(h.log):len(h.log)], record), state.Partition{Topic: "s"}, "a")
		if err != nil {
			var damage *state.RecordError
			if !errors.As(err, &damage) || key == "r/request" {
				t.Fatalf("%q: %v", key, err)
			}
			return
		}
		a.Replays.Forget(noon)
		if _, err := a.AppendRecords(nil); err != nil {
			t.Fatal(err)
		}
		a.Commit()
	})
}

func TestReplayIDs(t *testing.T) {
	t.Parallel()
	id := state.NewReplayID(noon)
	if !strings.HasPrefix(id, "20261125T120000Z-") || len(id) != len("20261125T120000Z-4f2a") || id >= state.NewReplayID(noon.Add(time.Second)) {
		t.Errorf("id %q", id)
	}
}
