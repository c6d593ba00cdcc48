package worker_test

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"attemptstream/internal/attempt"
	"attemptstream/internal/brokertest"
	"attemptstream/internal/imochasim"
	"attemptstream/internal/imochasim/ledger"
	"attemptstream/internal/operate/replay"
	"attemptstream/internal/state"
	"attemptstream/internal/topics"
	"attemptstream/internal/witness"
	"attemptstream/internal/worker"
)

// A range is told again, each attempt once and in order, while what is new goes on; whatever ends of windows belong to
// them. Two replays have their turns one after the other, of different states and ranges that overlap.
func TestReplay(t *testing.T) {
	brokertest.OnBoth(t, func(t *testing.T, brokers []string) {
		for i, b := range imochasim.Boundaries() {
			t.Run(b.String(), func(t *testing.T) {
				t.Parallel()
				w := newWorld(t, brokers, imochasim.Config{Boundary: b, Seed: uint64(i)}, day, day.Add(3*time.Hour))
				l := fewLives(uint64(i))
				l.Speed, l.Resent = 40, .9 // so that invitations have several statuses in the range
				w.populate(l)
				end := w.schedule.Stop
				w.schedule.Stop = attempt.InstantOf(day.Add(2 * time.Hour))
				w.read()
				from, to := attempt.InstantOf(day.Add(30*time.Minute)), attempt.InstantOf(day.Add(100*time.Minute))
				first := w.ask(replay.Wish{From: from, To: to})
				second := w.ask(replay.Wish{From: from.Add(-20 * time.Minute), States: []attempt.State{attempt.Expired}})
				w.schedule.Stop = end
				p := w.read()
				events := w.events()
				w.verifyEvents(w.scope(), events)
				w.agreeOn(p, events)
				w.done(events, first, from, to)
				w.done(events, second, from.Add(-20*time.Minute), attempt.InstantOf(day.Add(2*time.Hour)), attempt.Expired)
				if w.ordered(events, first) == 0 {
					t.Error("no order was seen: the test shows little")
				}
				if a, b := w.replay(first).Said, w.replay(second).Said; b.StartedAt.Before(a.EndedAt) {
					t.Errorf("the second replay began at %s, before the first one ended at %s", b.StartedAt, a.EndedAt)
				}
				told := w.records()
				w.read()
				if again := w.records(); again != told {
					t.Errorf("%d records after another worker, %d before", again, told)
				}
			})
		}
	})
}

// planted are invitations that the API shows only now, in time that was read before, and in time before all that was read.
func (w *world) plant(first int64, at ...time.Time) map[telling]bool {
	w.t.Helper()
	planted := map[telling]bool{}
	now := time.Now()
	for i, at := range at {
		status := []attempt.Status{"Completed", "Cancelled", "Expired", "Testleft"}[i%4]
		change := imochasim.Change{ID: first + int64(i), Status: status, At: at, Visible: now}
		if err := w.sim.Add(string(account), change); err != nil {
			w.t.Fatal(err)
		}
		planted[telling{change.ID, status}] = true
	}
	return planted
}

// With MissingOnly nothing is told but what never was, also from before all that was read.
func TestReplayMissingOnly(t *testing.T) {
	brokertest.OnBoth(t, func(t *testing.T, brokers []string) {
		w := newWorld(t, brokers, imochasim.Config{Seed: 5}, day, day.Add(2*time.Hour))
		w.populate(fewLives(5))
		before := w.plant(9_000_000_000, day.Add(-50*time.Minute), day.Add(-30*time.Minute), day.Add(-29*time.Minute), day.Add(-time.Minute))
		w.read()
		missing := w.plant(9_000_001_000, day.Add(time.Minute), day.Add(30*time.Minute), day.Add(31*time.Minute), day.Add(90*time.Minute),
			day.Add(119*time.Minute))
		if err := w.sim.AddRawLate(string(account), attempt.Completed, day.Add(time.Hour), time.Now(), `{"testStatus":"Completed"}`); err != nil {
			t.Fatal(err)
		}
		id := w.ask(replay.Wish{From: attempt.InstantOf(day.Add(-time.Hour)), MissingOnly: true})
		w.read()
		told := map[telling]bool{}
		for _, e := range w.events() {
			if e.ReplayID == "" {
				continue
			}
			if e.ReplayID != id || !e.Late || told[telling{e.ID, e.Status}] {
				t.Errorf("%s is replayed by %s, late: %v, before: %v", e.EventID, e.ReplayID, e.Late, told[telling{e.ID, e.Status}])
			}
			told[telling{e.ID, e.Status}] = true
		}
		maps.Copy(missing, before)
		if !maps.Equal(told, missing) {
			t.Errorf("told is %v, want %v", told, missing)
		}
		r := w.replay(id)
		w.said(r, state.Done, len(missing))
		if r.Said.Late != r.Said.Told || r.Said.Dead != 1 || r.Said.Known == 0 {
			t.Errorf("the replay says %+v", r.Said)
		}
		// What is told again later has them too, and does not call them late.
		again := w.ask(replay.Wish{From: w.schedule.Start})
		p := w.read()
		events := w.events()
		w.done(events, again, w.schedule.Start, w.schedule.Stop)
		if late := w.replay(again).Said.Late; late != 0 {
			t.Errorf("%d events are late in a second replay", late)
		}
		w.agreeOn(p, events)
	})
}

// Who cancels a replay ends it where it is, and the next one has its turn. What it remembered is deleted.
func TestReplayCancelled(t *testing.T) {
	brokertest.OnBoth(t, func(t *testing.T, brokers []string) {
		w := crashWorld(t, brokers)
		w.read()
		waits := w.ask(replay.Wish{From: w.schedule.Start, To: attempt.InstantOf(day.Add(30 * time.Minute))})
		w.cancel(waits) // before anybody has heard of it
		w.schedule.PollInterval = time.Hour
		w.schedule.Stop = 0
		now := &clock{}
		now.advance(time.Until(day.Add(time.Hour + time.Minute)))
		s := w.play(w.worker(nil, oneByOne, now.use, func(c *worker.Config) { c.RequestInterval, c.ReplayRate = 10*time.Millisecond, 20 }))
		w.await(waits, "the end of what was cancelled early", (*replay.Replay).Ended)
		from, to := w.schedule.Start, attempt.InstantOf(day.Add(time.Hour))
		id, next := w.ask(replay.Wish{From: from, To: to}), ""
		w.await(id, "something told", func(r *replay.Replay) bool { return r.Said.Told > 0 })
		next = w.ask(replay.Wish{From: to.Add(-5 * time.Minute), To: to})
		w.cancel(id)
		r := w.await(id, "its end", (*replay.Replay).Ended)
		w.await(next, "the end of the next one", (*replay.Replay).Ended)
		w.blocksGone(s)
		s.end()
		if r.Status() != state.Cancelled || w.replay(waits).Status() != state.Cancelled || w.replay(waits).Said.Told != 0 {
			t.Errorf("they are %s and %s", r.Status(), w.replay(waits).Status())
		}
		events := w.events()
		problems, told, required := ledger.CheckReplay(w.sim.Ledger(string(account)), events, id, from.Time(), to.Time())
		for _, p := range problems {
			if p.Kind != ledger.Missing {
				t.Error(p)
			}
		}
		w.said(r, state.Cancelled, told)
		if told == 0 || told >= required {
			t.Errorf("%d of %d were told before the end: the test shows little", told, required)
		}
		w.done(events, next, to.Add(-5*time.Minute), to)
	})
}

// blocksGone waits until what a worker remembered of replays that have ended is deleted. There must have been something.
func (w *world) blocksGone(s *stage) {
	w.t.Helper()
	s.until("blocks of replays are deleted", func(worker.Progress) bool {
		records, err := witness.Records(w.t.Context(), w.brokers, topics.StateTopic(w.topic))
		if err != nil {
			w.t.Fatal(err)
		}
		blocks := map[string]bool{} // by key: is it there?
		for _, r := range records {
			if key := string(r.Key); strings.Contains(key, "/replay/") && strings.Contains(key, "/block/") {
				blocks[key] = r.Value != nil
			}
		}
		if len(blocks) == 0 {
			w.t.Fatal("there were no blocks: the test shows nothing")
		}
		return !slices.Contains(slices.Collect(maps.Values(blocks)), true)
	})
}

// Requests that cannot be carried out are refused with a reason, and stop nothing.
func TestReplayRefused(t *testing.T) {
	brokertest.OnBoth(t, func(t *testing.T, brokers []string) {
		w := newWorld(t, brokers, imochasim.Config{Seed: 7}, day, day.Add(time.Hour))
		w.populate(fewLives(7))
		w.schedule.States = []attempt.State{attempt.Completed, attempt.Expired}
		w.read()
		at := state.Partition{Topic: topics.StateTopic(w.topic), Partition: topics.StatePartition(account, 3)}
		put := func(key, value string) {
			t.Helper()
			client, err := kgo.NewClient(kgo.SeedBrokers(brokers...), kgo.RecordPartitioner(kgo.ManualPartitioner()))
			if err != nil {
				t.Fatal(err)
			}
			defer client.Close()
			r := &kgo.Record{Topic: at.Topic, Partition: int32(at.Partition), Key: []byte(key), Value: []byte(value)}
			if err := client.ProduceSync(t.Context(), r).FirstErr(); err != nil {
				t.Fatal(err)
			}
		}
		request := func(id string, change func(*state.Request)) {
			t.Helper()
			q := state.Request{ID: id, Account: account, From: w.schedule.Start, To: w.schedule.Stop, States: w.schedule.States, RequestedAt: time.Now()}
			change(&q)
			r, err := q.Record(at)
			if err != nil {
				t.Fatal(err)
			}
			put(string(r.Key), string(r.Value))
		}
		wants := map[string]string{
			"junk": "cannot be read", "newer": "update the worker", "empty": "is empty", "state": "never been read; those that are: expired, completed",
			"ahead": "is covered up to 2026-03-20T07:00:00Z only", "before": "--missing-only", "other": "another account than its key",
		}
		put("default/replay/junk/request", "\x00\x01 not JSON {")
		put("default/replay/newer/request", `{"version":9,"id":"newer"}`)
		put("default/replay/empty/request", `{"version":1,"id":"empty","account":"default","from":"2026-03-20T06:00:00Z","to":"2026-03-20T06:00:00Z","states":["completed"]}`)
		put("default/replay/other/request", `{"version":1,"id":"other","account":"else","from":"2026-03-20T06:00:00Z","to":"2026-03-20T06:01:00Z","states":["completed"]}`)
		request("state", func(q *state.Request) { q.States = attempt.States() })
		request("ahead", func(q *state.Request) { q.To++ })
		request("before", func(q *state.Request) { q.From-- })
		request("good", func(*state.Request) {})
		p := w.read()
		for id, want := range wants {
			r := w.replay(id)
			if r.Status() != state.Refused || !strings.Contains(r.Said.Reason, want) {
				t.Errorf("%s is %s: %q, want refused: %q", id, r.Status(), r.Said.Reason, want)
			}
		}
		events := w.events()
		w.done(events, "good", w.schedule.Start, w.schedule.Stop, w.schedule.States...)
		w.agreeOn(p, events)
	})
}
