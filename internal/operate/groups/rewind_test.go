package groups_test

import (
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"attemptstream/internal/kafkatx"
	"attemptstream/internal/operate/groups"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol/offsetcommit"
	"github.com/segmentio/kafka-go/protocol/offsetfetch"
	"github.com/twmb/franz-go/pkg/kgo"
)

// An interceptor sees every request before the broker, and every answer before the client.
type interceptor struct {
	transport *kafka.Transport
	before    func(kafka.Request)
	after     func(kafka.Request, kafka.Response)
}

func (i *interceptor) RoundTrip(ctx context.Context, addr net.Addr, req kafka.Request) (kafka.Response, error) {
	if i.before != nil {
		i.before(req)
	}
	res, err := i.transport.RoundTrip(ctx, addr, req)
	if err == nil && i.after != nil {
		i.after(req, res)
	}
	return res, err
}

func (i *interceptor) CloseIdleConnections() { i.transport.CloseIdleConnections() }

// intercepted is a client whose requests go through an interceptor.
func (w *world) intercepted(t *testing.T, i *interceptor) *kafkatx.Client {
	i.transport = &kafka.Transport{MetadataTTL: time.Second}
	c := kafkatx.NewClient(kafkatx.Config{Brokers: w.addrs, RoundTripper: i})
	t.Cleanup(c.Close)
	return c
}

func (w *world) rewind(t *testing.T, group string, to time.Time, dry bool) *groups.Move {
	t.Helper()
	m, err := groups.Rewind(testContext(t), w.client, w.topic, group, to, dry)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// offsets are what a group has committed, as franz-go sees it.
func (w *world) offsets(t *testing.T, group string) map[int32]int64 {
	t.Helper()
	found, err := w.admin.FetchOffsets(testContext(t), group)
	if err != nil {
		t.Fatal(err)
	}
	offsets := make(map[int32]int64)
	for p, o := range found[w.topic] {
		offsets[p] = o.At
	}
	return offsets
}

// After a rewind the group's consumer gets exactly the events observed at or after the time.
func TestRewind(t *testing.T) {
	onBrokers(t, func(t *testing.T, w *world) { w.rewinds(t) })
}

// The same for a group of the consumer protocol (KIP-848).
func TestRewindAGroupThatTheBrokerBalances(t *testing.T) {
	t.Parallel()
	w := realWorld(t)
	if strings.HasPrefix(w.real.Version(), "3.") {
		t.Skip("the consumer protocol came with Kafka 4")
	}
	w.joins = []kgo.Opt{kgo.ServerSideBalancer(), kgo.Balancers(kgo.RangeBalancer())}
	w.rewinds(t)
}

func (w *world) rewinds(t *testing.T) {
	group := unique(t, "group")
	for range 12 {
		w.commit(t, 15)
		w.abort(t) // with timestamps later than those of the next transactions
	}
	all := w.records(t)
	c := w.consumer(t, group)
	poll(t, c, len(all), 1000)

	_, err := groups.Rewind(testContext(t), w.client, w.topic, group, w.clock, false)
	var members *groups.MembersError
	if !errors.As(err, &members) || len(members.Members) != 1 || !strings.Contains(err.Error(), `"reader" at 127.0.0.1`) {
		t.Errorf("while the group has a member: %v", err)
	}
	c.Close()

	before := w.offsets(t, group)
	byTime := slices.SortedStableFunc(slices.Values(all), func(a, b *kgo.Record) int { return a.Timestamp.Compare(b.Timestamp) })
	times := []time.Time{
		byTime[0].Timestamp.Add(-time.Hour), byTime[0].Timestamp, byTime[len(all)/2].Timestamp,
		byTime[len(all)/2].Timestamp.Add(1), // nanoseconds are finer than timestamps
		byTime[len(all)/3].Timestamp.Add(time.Millisecond), byTime[len(all)-1].Timestamp, byTime[len(all)-1].Timestamp.Add(1),
	}
	if w.joins != nil {
		times = times[3:4] // such a group takes seconds to be joined
	}
	for _, to := range times {
		dry := w.rewind(t, group, to, true)
		if after := w.offsets(t, group); !mapsEqual(before, after) {
			t.Fatalf("a dry run moved the group from %v to %v", before, after)
		}
		m := w.rewind(t, group, to, false)
		w.moved(t, m, all)
		dry.DryRun, dry.At = false, m.At
		if !sameMove(dry, m) {
			t.Errorf("a dry run says\n%+v, then it is\n%+v", dry, m)
		}
		var want []*kgo.Record
		for _, r := range all {
			if !r.Timestamp.Before(to) {
				want = append(want, r)
			}
		}
		w.compareConsumer(t, group, want)
		before = w.offsets(t, group)
	}
}

func mapsEqual(a, b map[int32]int64) bool {
	if len(a) != len(b) {
		return false
	}
	for k, v := range a {
		if b[k] != v {
			return false
		}
	}
	return true
}

func sameMove(a, b *groups.Move) bool {
	return a.Group == b.Group && a.To.Equal(b.To) && slices.EqualFunc(a.Steps, b.Steps, func(x, y groups.Step) bool {
		return x.Partition == y.Partition && *x.From == *y.From && x.To == y.To && x.Again == y.Again && x.Skipped == y.Skipped &&
			x.Ahead == y.Ahead && (x.First == nil) == (y.First == nil)
	})
}

// moved holds a move against all records, by their timestamps.
func (w *world) moved(t *testing.T, m *groups.Move, all []*kgo.Record) {
	t.Helper()
	for _, s := range m.Steps {
		between := func(from, to int64) (n int64) {
			for _, r := range all {
				if r.Partition == int32(s.Partition) && from <= r.Offset && r.Offset < to {
					n++
				}
			}
			return n
		}
		if s.Ahead != between(s.To, 1<<60) || s.Again != between(s.To, *s.From) || s.Skipped != between(*s.From, s.To) {
			t.Errorf("to %v: %+v from %d", m.To, s, *s.From)
		}
		var first *time.Time
		for _, r := range all {
			if r.Partition == int32(s.Partition) && !r.Timestamp.Before(m.To) {
				first = &r.Timestamp
				break
			}
		}
		if (s.First == nil) != (first == nil) || first != nil && !s.First.Equal(*first) {
			t.Errorf("to %v: the first event in partition %d is of %v, want %v", m.To, s.Partition, s.First, first)
		}
	}
}

// compareConsumer lets the group's consumer read to the end: it must get exactly these records and then a new one.
func (w *world) compareConsumer(t *testing.T, group string, want []*kgo.Record) {
	t.Helper()
	c := w.consumer(t, group)
	defer c.Close()
	got := sorted(poll(t, c, len(want), 1000))
	if !slices.EqualFunc(got, want, func(a, b *kgo.Record) bool { return a.Partition == b.Partition && a.Offset == b.Offset }) {
		t.Errorf("the consumer got %d events, want %d", len(got), len(want))
	}
	if g := w.lag(t, groups.Options{Groups: []string{group}}); g.Events != 0 || g.NoOffset != 0 {
		t.Errorf("and is then %d events behind", g.Events)
	}
}

// Partitions without an offset are moved too, and so is a group that stands outside of the log.
func TestRewindFromNowhere(t *testing.T) {
	onBrokers(t, func(t *testing.T, w *world) {
		group := unique(t, "group")
		w.commit(t, 60)
		w.commitOffsets(t, w.topic, group, map[int32]int64{0: 1 << 40, 1: 0})
		all := w.records(t)
		m := w.rewind(t, group, all[0].Timestamp.Add(-time.Hour), false)
		if m.Steps[2].From != nil || m.Steps[2].Ahead == 0 || *m.Steps[0].From != 1<<40 || m.Steps[0].Again == 0 {
			t.Errorf("%+v", m.Steps)
		}
		w.compareConsumer(t, group, all)
		m = w.rewind(t, group, time.Now(), false)
		for _, s := range m.Steps {
			if s.First != nil || s.Ahead != 0 {
				t.Errorf("%+v, and nothing is that young", s)
			}
		}
		w.commit(t, 20) // what comes now is all that it gets
		var news []*kgo.Record
		for _, r := range w.records(t) {
			if !slices.ContainsFunc(all, func(a *kgo.Record) bool { return a.Partition == r.Partition && a.Offset == r.Offset }) {
				news = append(news, r)
			}
		}
		w.compareConsumer(t, group, news)
	})
}

// Where events of several workers are not in the order of their times, none that is young enough is skipped.
func TestRewindWhereTimesGoBack(t *testing.T) {
	onBrokers(t, func(t *testing.T, w *world) {
		group := unique(t, "group")
		for i, minute := range []int{0, 1, 9, 2, 3, 10, 4, 11} {
			r := kafkatx.Record{Topic: w.topic, Value: []byte{byte(i)}, Time: w.clock.Add(time.Duration(minute) * time.Minute)}
			if err := w.ours.Commit(testContext(t), []kafkatx.Record{r}); err != nil {
				t.Fatal(err)
			}
		}
		w.commitOffsets(t, w.topic, group, map[int32]int64{0: 0, 1: 0, 2: 0})
		all := w.records(t)
		m := w.rewind(t, group, w.clock.Add(5*time.Minute), false)
		if m.Steps[0].To != all[2].Offset || m.Steps[0].Skipped != 2 || m.Steps[0].Ahead != 6 {
			t.Errorf("%+v, want the first event of the ninth minute, at %d", m.Steps[0], all[2].Offset)
		}
	})
}

func TestRewindRefuses(t *testing.T) {
	onBrokers(t, func(t *testing.T, w *world) { w.refuses(t) })
}

func TestRewindRefusesAGroupThatTheBrokerBalances(t *testing.T) {
	t.Parallel()
	w := realWorld(t)
	if strings.HasPrefix(w.real.Version(), "3.") {
		t.Skip("the consumer protocol came with Kafka 4")
	}
	w.joins = []kgo.Opt{kgo.ServerSideBalancer(), kgo.Balancers(kgo.RangeBalancer())}
	w.refuses(t)
}

func (w *world) refuses(t *testing.T) {
	w.commit(t, 20)
	group := unique(t, "group")
	w.commitOffsets(t, w.topic, group, map[int32]int64{0: 1, 1: 1, 2: 1})
	_, err := groups.Rewind(testContext(t), w.client, w.topic, "nonsense", w.clock, false)
	var unknown *groups.UnknownGroupError
	if !errors.As(err, &unknown) || !slices.Equal(unknown.Known, []string{group}) || !strings.Contains(err.Error(), "once it has joined or committed") {
		t.Errorf("an unknown group: %v", err)
	}
	if _, err := groups.Rewind(testContext(t), w.client, w.topic, group, time.Now().Add(time.Hour), false); !errors.Is(err, groups.ErrFuture) {
		t.Errorf("a time in the future: %v", err)
	}

	// Somebody joins between the look and the commit.
	var once sync.Once
	client := w.intercepted(t, &interceptor{before: func(req kafka.Request) {
		if _, ok := req.(*offsetcommit.Request); ok {
			once.Do(func() { poll(t, w.consumer(t, group), 1, 1) })
		}
	}})
	before := w.offsets(t, group)
	_, err = groups.Rewind(testContext(t), client, w.topic, group, w.clock, false)
	var members *groups.MembersError
	if !errors.As(err, &members) || !strings.Contains(err.Error(), "joined meanwhile; nothing was moved") || len(members.Members) != 1 || members.Members[0].ClientID != "reader" {
		t.Errorf("somebody joined meanwhile: %v", err)
	}
	moved := w.offsets(t, group)
	for p, o := range moved {
		if o > before[p]+1 { // the consumer has committed one event
			t.Errorf("from %v to %v", before, moved)
		}
	}
}

// What the broker does not take is told by partition, and what can pass is tried again.
func TestRewindPartly(t *testing.T) {
	onBrokers(t, func(t *testing.T, w *world) {
		w.commit(t, 20)
		group := unique(t, "group")
		w.commitOffsets(t, w.topic, group, map[int32]int64{0: 1, 1: 1, 2: 1})
		later := 2
		client := w.intercepted(t, &interceptor{after: func(_ kafka.Request, res kafka.Response) {
			switch res := res.(type) {
			case *offsetcommit.Response:
				if later--; later >= 0 {
					res.Topics[0].Partitions[1].ErrorCode = int16(kafka.NotCoordinatorForGroup)
					return
				}
				res.Topics[0].Partitions[1].ErrorCode = int16(kafka.OffsetMetadataTooLarge)
			case *offsetfetch.Response:
				if later == 2 {
					later--
					res.ErrorCode = int16(kafka.GroupLoadInProgress)
				}
			}
		}})
		m, err := groups.Rewind(testContext(t), client, w.topic, group, w.clock, false)
		if !errors.Is(err, kafka.OffsetMetadataTooLarge) || !strings.Contains(err.Error(), "1 of 3 partitions (1)") {
			t.Fatalf("%+v, %v", m, err)
		}
		if m.Steps[1].Refused == "" || m.Steps[0].Refused != "" || w.offsets(t, group)[0] != m.Steps[0].To || later != -1 {
			t.Errorf("%+v", m)
		}
	})
}
