package replay

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"attemptstream/internal/attempt"
	"attemptstream/internal/console"
	"attemptstream/internal/kafkatx"
	"attemptstream/internal/schedule"
	"attemptstream/internal/state"
	"attemptstream/internal/topics"
)

var noon = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)

// A topic is the committed records of a state topic of some partitions.
type topic struct {
	layout  topics.Layout
	records map[int][]kafkatx.Record
}

func newTopic() *topic {
	l := topics.Layout{Events: topics.Topic{Name: "attempts", Partitions: 3}, State: topics.Topic{Name: "attempts.state", Partitions: 3}}
	return &topic{l, map[int][]kafkatx.Record{}}
}

func (s *topic) ReadCommitted(_ context.Context, name string, partition int, from int64, fn func(kafkatx.Record) error) (int64, error) {
	end := int64(len(s.records[partition]))
	if from > end {
		return from, &kafkatx.OffsetOutOfRangeError{Topic: name, Partition: partition, Offset: from, End: end}
	}
	for i := from; i < end; i++ {
		r := s.records[partition][i]
		r.Offset = i
		if err := fn(r); err != nil {
			return i, err
		}
	}
	return end, nil
}

func (s *topic) put(account attempt.Account, key string, value any) {
	p := topics.StatePartition(account, s.layout.State.Partitions)
	r := kafkatx.Record{Topic: s.layout.State.Name, Partition: p, Key: []byte(string(account) + "/" + key)}
	if value != nil {
		r.Value = []byte(fmt.Sprint(value))
	}
	s.records[p] = append(s.records[p], r)
}

// covers writes a checkpoint by which the states are covered from one hour before noon to noon, with gaps.
func (s *topic) covers(account attempt.Account, gaps []schedule.Span, states ...attempt.State) {
	c := schedule.NewCheckpoint(account)
	for _, name := range states {
		c.States[name] = &schedule.Coverage{Start: at(-60), Front: at(0), Gaps: gaps}
	}
	value, err := c.Encode()
	if err != nil {
		panic(err)
	}
	s.put(account, "checkpoint", string(value))
}

func at(minutes int) attempt.Instant {
	return attempt.InstantOf(noon.Add(time.Duration(minutes) * time.Minute))
}

func (s *topic) look(t *testing.T) *Board {
	t.Helper()
	b, err := Look(t.Context(), s, s.layout, "")
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// What cannot be asked for is refused, in words that say what can.
func TestRequests(t *testing.T) {
	t.Parallel()
	s := newTopic()
	if _, err := s.look(t).Requests(Wish{From: at(-30)}, noon); err == nil || !strings.Contains(err.Error(), "attemptstream run") {
		t.Errorf("of an empty topic: %v", err)
	}
	s.covers("emea", nil, attempt.States()...)
	s.covers("apac", []schedule.Span{{From: at(-20), Until: at(-19)}}, attempt.Completed, attempt.Expired)
	s.put("gone", "checkpoint", nil)
	s.put("torn", "checkpoint", "{")
	b := s.look(t)
	for name, test := range map[string]struct {
		wish Wish
		want []string // in the error; none: there is none
	}{
		"all accounts, up to the oldest gap of each": {Wish{From: at(-30)}, nil},
		"one account":          {Wish{From: at(-30), To: at(0), Account: "emea"}, nil},
		"with a gap inside":    {Wish{From: at(-30), To: at(0), Account: "apac"}, nil},
		"missing from before":  {Wish{From: at(-90), To: at(0), MissingOnly: true}, nil},
		"an unknown account":   {Wish{From: at(-30), Account: "emeaa"}, []string{`"emeaa"`, "apac, emea"}},
		"one without coverage": {Wish{From: at(-30), Account: "torn"}, []string{`"torn"`, "apac, emea"}},
		"an unread state":      {Wish{From: at(-30), Account: "apac", States: []attempt.State{attempt.Cancelled}}, []string{"apac", "cancelled", "expired, completed"}},
		"beyond the front":     {Wish{From: at(-30), To: at(1)}, []string{"not covered", "emea, cancelled: from 2026-11-25T11:00:00Z to 2026-11-25T12:00:00Z", "apac, completed"}},
		"before the start":     {Wish{From: at(-61), To: at(-1)}, []string{"not all of the range is covered", "--missing-only"}},
		"missing, beyond":      {Wish{From: at(-61), To: at(1), MissingOnly: true}, []string{"not covered"}},
		"behind a gap":         {Wish{From: at(-10), Account: "apac"}, []string{"covered through 2026-11-25T11:40:00Z", "--to"}},
	} {
		requests, err := b.Requests(test.wish, noon)
		if len(test.want) == 0 {
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			for _, q := range requests {
				if _, err := q.Record(state.Partition{}); err != nil || q.ID != requests[0].ID || q.From != test.wish.From ||
					test.wish.To != 0 && q.To != test.wish.To || q.MissingOnly != test.wish.MissingOnly || !q.RequestedAt.Equal(noon) {
					t.Errorf("%s: %+v, %v", name, q, err)
				}
			}
			continue
		}
		if err == nil {
			t.Errorf("%s: %+v, want an error", name, requests)
			continue
		}
		for _, part := range test.want {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("%s: %q does not say %q", name, err, part)
			}
		}
	}
	requests, err := b.Requests(Wish{From: at(-30)}, noon)
	if err != nil || len(requests) != 2 || requests[0].To != at(-20) || requests[1].To != at(0) || len(requests[0].States) != 2 || len(requests[1].States) != 3 {
		t.Errorf("of all accounts: %+v, %v", requests, err)
	}
}

// A board shows what became of requests, and who cancels gets to know what there is.
func TestBoard(t *testing.T) {
	t.Parallel()
	s := newTopic()
	s.covers("emea", nil, attempt.Completed)
	request := func(account attempt.Account, id string, minutes int) {
		q := state.Request{ID: id, Account: account, From: at(-30), To: at(-10), States: []attempt.State{attempt.Completed}, RequestedAt: at(minutes).Time()}
		r, err := q.Record(state.Partition{})
		if err != nil {
			t.Fatal(err)
		}
		s.put(account, strings.TrimPrefix(string(r.Key), string(account)+"/"), string(r.Value))
	}
	request("emea", "two", 2)
	request("apac", "two", 2)
	request("emea", "one", 1)
	s.put("emea", "replay/junk/request", "{")
	b := s.look(t)
	s.put("emea", "replay/two/progress", `{"version":1,"status":"running","position":"2026-11-25T11:40:00Z","told":7}`)
	s.put("emea", "replay/one/progress", `{"version":1,"status":"done","position":"2026-11-25T11:50:00Z","told":9,"gapSeconds":60,"endedAt":"2026-11-25T12:05:00Z"}`)
	s.put("emea", "replay/newer/progress", `{"version":2}`)
	s.put("emea", "block/1", "not looked at")
	if err := b.LookOn(t.Context()); err != nil {
		t.Fatal(err)
	}
	two := b.Replays("two")
	if share, told := Share(two); len(two) != 2 || share != .25 || told != 7 || two[1].Status() != state.Running || two[0].Taken {
		t.Errorf("two is %v of %d, %d told: %+v", share, len(two), told, two)
	}
	if one := b.Replays("one"); !one[0].Ended() || Complete(one) {
		t.Errorf("one is %+v, which passed over a gap", one[0])
	}
	var text bytes.Buffer
	if err := Table(&text, Rows(b.Replays("")), console.Colours{}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"two  ", "running", "50 %", "no worker has heard of it yet", "100 %", "passed over 1m", "attemptstream did not write it", "newer version"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("the table does not say %q:\n%s", want, &text)
		}
	}
	requests, err := b.Cancellation("two")
	if err != nil || len(requests) != 2 || !requests[0].Cancelled || !requests[1].Cancelled {
		t.Errorf("cancelling two: %+v, %v", requests, err)
	}
	var ended *EndedError
	if _, err := b.Cancellation("one"); !errors.As(err, &ended) || !strings.Contains(err.Error(), "done at 2026-11-25T12:05:00Z") {
		t.Errorf("cancelling what has ended: %v", err)
	}
	var unknown *UnknownReplayError
	if _, err := b.Cancellation("three"); !errors.As(err, &unknown) || !strings.Contains(err.Error(), "two") || strings.Contains(err.Error(), "one,") {
		t.Errorf("cancelling what is unknown: %v", err)
	}
	s.put("emea", "replay/one/request", nil)
	s.put("emea", "replay/one/progress", nil)
	if err := b.LookOn(t.Context()); err != nil || len(b.Replays("one")) != 0 {
		t.Errorf("what was forgotten is still there: %v", err)
	}
	for width := range 120 {
		if bar := Bar(two, width); len(bar) >= max(1, width) {
			t.Errorf("at most %d columns: %q", width, bar)
		}
	}
	if bar := Bar(two, 100); !strings.Contains(bar, "25%") || !strings.Contains(bar, "7 events told") {
		t.Errorf("the bar is %q", bar)
	}
}
