package status_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"attemptstream/internal/attempt"
	"attemptstream/internal/brokertest"
	"attemptstream/internal/console"
	"attemptstream/internal/kafkatx"
	"attemptstream/internal/operate/status"
	"attemptstream/internal/schedule"
	"attemptstream/internal/state"
	"attemptstream/internal/topics"
)

const quiet = 4 * time.Minute

// covered is a checkpoint of an account whose states were read from start to front.
func covered(name attempt.Account, start, front attempt.Instant, states ...attempt.State) *schedule.Checkpoint {
	c := schedule.NewCheckpoint(name)
	for _, s := range states {
		c.States[s] = &schedule.Coverage{Start: start, Front: front, Width: 600}
	}
	return c
}

// read reads the report; the committed records may take a moment to show everywhere.
func (s *stream) read() *status.Report {
	s.t.Helper()
	r, err := status.Read(testContext(s.t), s.kafka, s.layout, quiet)
	if err != nil {
		s.t.Fatal(err)
	}
	return r
}

func TestReadsTheNewestCheckpointOfEachAccount(t *testing.T) {
	brokertest.OnBoth(t, func(t *testing.T, brokers []string) {
		s := newStream(t, brokers, 3)
		if r := s.read(); len(r.Accounts) != 0 || len(r.Hidden) != 0 {
			t.Fatalf("of a topic without records it tells %+v", r)
		}
		now := time.Now().Truncate(time.Second)
		front := attempt.InstantOf(now.Add(-30 * time.Second))
		start := attempt.InstantOf(now.Add(-48 * time.Hour))

		// A healthy account, in several commits, with a replay that runs and one that has ended.
		fine := covered("fine", start, front.Add(-time.Hour), attempt.Completed)
		s.commit("fine", checkpoint(t, fine, now.Add(-time.Hour)), kafkatx.Record{Key: []byte("fine/block/7"), Value: []byte("not looked at")})
		fine = covered("fine", start, front, attempt.Completed, attempt.Expired)
		fine.Told, fine.Dead = 1234, 5
		fine.States[attempt.Completed].Counts = schedule.Counts{Told: 1000, Late: 3, CameBack: 2, Dead: 4}
		fine.States[attempt.Completed].LookedBack = []attempt.Instant{front.Add(-time.Minute), front.Add(-time.Hour)}
		request := state.Request{ID: "r2", Account: "fine", From: start, To: start.Add(100 * time.Minute), States: []attempt.State{attempt.Completed}, RequestedAt: now}
		ended := request
		ended.ID = "r1"
		records := []kafkatx.Record{checkpoint(t, fine, now)}
		for _, q := range []state.Request{request, ended} {
			r, err := q.Record(state.Partition{})
			if err != nil {
				t.Fatal(err)
			}
			records = append(records, r)
		}
		records = append(records,
			kafkatx.Record{Key: []byte("fine/replay/r2/progress"), Value: []byte(`{"version":1,"status":"running","position":"` + start.Add(25*time.Minute).String() + `","told":77}`)},
			kafkatx.Record{Key: []byte("fine/replay/r1/progress"), Value: []byte(`{"version":1,"status":"done","position":"` + start.Add(100*time.Minute).String() + `","told":99}`)})
		s.commit("fine", records...)

		// One with a gap, and one of which nothing was committed for long.
		gap := covered("gap", start, front, attempt.Completed)
		gap.States[attempt.Completed].Gaps = []schedule.Span{{From: front.Add(-time.Hour), Until: front.Add(-time.Hour + time.Second)}}
		s.commit("gap", checkpoint(t, gap, now))
		s.commit("quiet", checkpoint(t, covered("quiet", start, front.Add(-2*time.Hour), attempt.Completed), now.Add(-2*time.Hour)))
		// One whose checkpoint is from a later version.
		s.commit("newer", kafkatx.Record{Key: []byte("newer/checkpoint"), Value: []byte(`{"version":99}`), Time: now})

		r := s.read()
		var order []attempt.Account
		for _, a := range r.Accounts {
			order = append(order, a.Name)
		}
		if want := []attempt.Account{"quiet", "gap", "newer", "fine"}; !slices.Equal(order, want) {
			t.Fatalf("accounts %v, want %v: the most alarming first", order, want)
		}
		if len(r.Hidden) != 0 {
			t.Errorf("hidden: %+v", r.Hidden)
		}
		for i, want := range []struct {
			alarm   status.Alarm
			atWork  bool
			problem string
		}{
			{status.Act, false, "nothing committed for 2h"},
			{status.Act, true, "completed: 1 gap could not be read (1s in all"},
			{status.Act, true, "run the newer attemptstream"},
			{status.Fine, true, ""},
		} {
			a := r.Accounts[i]
			if a.Alarm != want.alarm || a.AtWork != want.atWork || !strings.Contains(strings.Join(a.Problems, "\n"), want.problem) ||
				len(a.Problems) != min(1, len(want.problem)) {
				t.Errorf("account %s: %+v, want %+v", a.Name, a, want)
			}
		}
		a := r.Accounts[3]
		if a.Told != 1234 || a.Dead != 5 || !a.CommittedAt.Equal(now) || len(a.States) != 2 || a.States[0].Name != attempt.Expired {
			t.Errorf("the newest checkpoint is not what is told: %+v", a)
		}
		c := a.States[1]
		if c.Start != start || c.Front != front || c.CoveredThrough != front || c.Counts != (status.Counts{Told: 1000, Late: 3, CameBack: 2, Dead: 4}) ||
			c.Width != 600 || len(c.LookedBack) != 2 || c.LookedBack[1].Younger != 3600 || c.LookedBack[1].Older != 7200 {
			t.Errorf("coverage: %+v", c)
		}
		if len(a.Replays) != 1 || a.Replays[0].ID != "r2" || a.Replays[0].Percent != 25 || a.Replays[0].Told != 77 || a.Replays[0].Status != state.Running {
			t.Errorf("replays: %+v", a.Replays)
		}
		g := r.Accounts[1].States[0]
		if g.CoveredThrough != front.Add(-time.Hour) || g.Front != front || len(g.Gaps) != 1 || g.GapSeconds != 1 {
			t.Errorf("a state with a gap: %+v", g)
		}

		if err := r.Only("gap"); err != nil || len(r.Accounts) != 1 || r.Accounts[0].Name != "gap" {
			t.Errorf("only one account: %v, %+v", err, r.Accounts)
		}
		var unknown *status.UnknownAccountError
		if err := s.read().Only("gaap"); !errors.As(err, &unknown) || !strings.Contains(err.Error(), "there are fine, gap, newer, quiet") {
			t.Errorf("of an unknown account it says %v", err)
		}
	})
}

// What another account's open transaction hides is missing, and it says so; when that one has ended, it is there.
func TestSaysWhatAnOpenTransactionHides(t *testing.T) {
	brokertest.OnBoth(t, func(t *testing.T, brokers []string) {
		s := newStream(t, brokers, 1)
		now := time.Now()
		front := attempt.InstantOf(now.Add(-30 * time.Second))
		before, after := covered("a", front-100, front-10, attempt.Completed), covered("a", front-100, front, attempt.Completed)
		s.commit("a", checkpoint(t, before, now))
		end := s.open(topics.StatePartition("a", 1))
		s.commit("a", checkpoint(t, after, now))
		r := s.read()
		if len(r.Hidden) != 1 || r.Hidden[0].End <= r.Hidden[0].From || len(r.Accounts) != 1 || !r.Accounts[0].MayBeNewer ||
			r.Accounts[0].States[0].Front != front-10 || r.Accounts[0].Alarm != status.Watch {
			t.Fatalf("with an open transaction it tells %+v", r)
		}
		var b strings.Builder
		if err := status.Table(&b, r, console.Colours{}); err != nil || !strings.Contains(b.String(), "open transaction") {
			t.Errorf("%v; the table does not say so:\n%s", err, b.String())
		}
		if err := r.Only("b"); err == nil || !strings.Contains(err.Error(), "hides a part") {
			t.Errorf("of an account that may be hidden: %v", err)
		}
		end()
		if r := s.read(); len(r.Hidden) != 0 || r.Accounts[0].MayBeNewer || r.Accounts[0].States[0].Front != front {
			t.Errorf("after it ended, it tells %+v", r)
		}
	})
}
