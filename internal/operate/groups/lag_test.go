package groups_test

import (
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"attemptstream/internal/operate/groups"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol/offsetfetch"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// lag is one group's.
func (w *world) lag(t testing.TB, opts groups.Options) *groups.Group {
	t.Helper()
	r, err := groups.Lag(testContext(t), w.client, w.topic, opts)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Groups) != 1 {
		t.Fatalf("%d groups: %+v", len(r.Groups), r)
	}
	return &r.Groups[0]
}

// A check is a report, and what the consumer had received when it was made.
type check struct {
	at       time.Time
	group    groups.Group
	received map[int32]int
}

// While transactions are committed and aborted, the lag is to the event what the group's consumer has not received of what
// was there; at rest it is 0, where Apache Kafka's own tool goes on to show one.
func TestLagIsWhatTheConsumerHasNotReceived(t *testing.T) {
	onBrokers(t, func(t *testing.T, w *world) { w.lagDuringTraffic(t, "classic") })
}

// The same for a group of the consumer protocol (KIP-848), whose members Kafka describes elsewhere.
func TestLagOfAGroupThatTheBrokerBalances(t *testing.T) {
	t.Parallel()
	w := realWorld(t)
	if strings.HasPrefix(w.real.Version(), "3.") {
		t.Skip("the consumer protocol came with Kafka 4")
	}
	w.joins = []kgo.Opt{kgo.ServerSideBalancer(), kgo.Balancers(kgo.RangeBalancer())}
	w.lagDuringTraffic(t, "consumer")
}

func (w *world) lagDuringTraffic(t *testing.T, kind string) {
	w.commit(t, 50)
	stop := w.traffic(t)
	group := unique(t, "group")
	c := w.consumer(t, group)
	cache := groups.NewCache()
	received := make(map[int32]int)
	var checks []check
	total := 0
	for i := range 25 {
		taken := poll(t, c, 1, 20)
		for _, r := range taken {
			received[r.Partition]++
		}
		total += len(taken)
		options := groups.Options{Groups: []string{group}, Cache: cache}
		if i%5 == 4 {
			options.Cache = nil
		}
		r, err := groups.Lag(testContext(t), w.client, w.topic, options)
		if err != nil || len(r.Groups) != 1 {
			t.Fatalf("%+v, %v", r, err)
		}
		checks = append(checks, check{r.At, r.Groups[0], maps.Clone(received)})
	}
	stop()
	all := w.records(t)
	for i, c := range checks {
		c.compare(t, i, all)
	}

	poll(t, c, len(all)-total, 1000)
	rest := w.lag(t, groups.Options{Groups: []string{group}, Cache: cache})
	if rest.Events != 0 || rest.Seconds != 0 || rest.NoOffset != 0 || rest.AtMost || len(rest.Notes()) > 0 {
		t.Errorf("at rest: %+v, %q", rest, rest.Notes())
	}
	if w.real != nil && !w.isOfKind(t, group, kind) {
		t.Errorf("the group is not of the kind %s", kind)
	}
	if rest.State != "Stable" || len(rest.Members) != 1 || rest.Members[0].ClientID != "reader" || !slices.Equal(rest.Members[0].Partitions, []int{0, 1, 2}) {
		t.Errorf("%s, members %+v", rest.State, rest.Members)
	}
	ahead := int64(0)
	for _, p := range rest.Partitions {
		ahead += p.LastStable - *p.Committed
	}
	if ahead <= 0 {
		t.Errorf("the group's offsets reach the end: %+v", rest.Partitions)
	}
	if w.real != nil {
		if shown := w.kafkaConsumerGroups(t, group); shown != ahead {
			t.Errorf("kafka-consumer-groups shows %d at rest, want %d: the markers", shown, ahead)
		}
	}
}

// isOfKind asks the broker whether a group speaks a protocol. Brokers before 3.8 know of one only.
func (w *world) isOfKind(t *testing.T, group, kind string) bool {
	t.Helper()
	req := kmsg.NewPtrListGroupsRequest()
	req.TypesFilter = []string{kind}
	res, err := req.RequestWith(testContext(t), w.franz(t))
	if err != nil {
		t.Fatal(err)
	}
	return slices.ContainsFunc(res.Groups, func(g kmsg.ListGroupsResponseGroup) bool { return g.Group == group })
}

func (c *check) compare(t *testing.T, i int, all []*kgo.Record) {
	t.Helper()
	sum := int64(0)
	for _, p := range c.group.Partitions {
		var behind []*kgo.Record
		for _, r := range all {
			if r.Partition == int32(p.Partition) && r.Offset < p.LastStable {
				behind = append(behind, r)
			}
		}
		behind = behind[c.received[int32(p.Partition)]:]
		if p.AtMost || p.Events != int64(len(behind)) {
			t.Errorf("report %d: %+v; the consumer has not received %d", i, p, len(behind))
		}
		if p.Committed != nil {
			sum += p.Events
		}
		switch {
		case len(behind) == 0:
			if p.Oldest != nil || p.Seconds != 0 {
				t.Errorf("report %d: %+v, and nothing is behind", i, p)
			}
		case p.Oldest == nil || !p.Oldest.Equal(behind[0].Timestamp) || p.Seconds != c.at.Sub(behind[0].Timestamp).Seconds():
			t.Errorf("report %d: the oldest is of %v, %v s ago; want %v", i, p.Oldest, p.Seconds, behind[0].Timestamp)
		}
	}
	if sum != c.group.Events {
		t.Errorf("report %d: %d events in all, %d in the partitions", i, c.group.Events, sum)
	}
}

// kafkaConsumerGroups is the lag in all that Apache Kafka's tool shows.
func (w *world) kafkaConsumerGroups(t *testing.T, group string) int64 {
	t.Helper()
	out, err := w.real.Tool(t, "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand",
		"--bootstrap-server", w.addrs[0], "--describe", "--group", group)
	if err != nil {
		t.Fatal(err)
	}
	column, sum := -1, int64(0)
	for line := range strings.Lines(out) {
		fields := strings.Fields(line)
		if i := slices.Index(fields, "LAG"); i >= 0 {
			column = i
			continue
		}
		if column >= 0 && len(fields) > column {
			n, err := strconv.ParseInt(fields[column], 10, 64)
			if err != nil {
				t.Fatalf("%v:\n%s", err, out)
			}
			sum += n
		}
	}
	if column < 0 {
		t.Fatalf("no column LAG:\n%s", out)
	}
	return sum
}

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

// With a cache, groups of other topics are asked once in a while only, and those of the topic each time.
func TestLagAsksOnlyTheGroupsOfTheTopic(t *testing.T) {
	onBrokers(t, func(t *testing.T, w *world) {
		w.commit(t, 30)
		group, other, elsewhere := unique(t, "group"), unique(t, "other"), unique(t, "elsewhere")
		w.create(t, elsewhere)
		w.commitOffsets(t, elsewhere, other, map[int32]int64{0: 0})
		var mu sync.Mutex
		asked := make(map[string]int)
		client := w.intercepted(t, &interceptor{before: func(req kafka.Request) {
			if req, ok := req.(*offsetfetch.Request); ok {
				mu.Lock()
				defer mu.Unlock()
				asked[req.GroupID]++
			}
		}})
		cache := groups.NewCache()
		for i := range int64(3) {
			w.commitOffsets(t, w.topic, group, map[int32]int64{0: i, 1: i, 2: i})
			r, err := groups.Lag(testContext(t), client, w.topic, groups.Options{Cache: cache})
			if err != nil || len(r.Groups) != 1 || r.Groups[0].Name != group || *r.Groups[0].Partitions[1].Committed != i || r.Groups[0].Events != 30-3*i {
				t.Errorf("call %d: %+v, %v", i, r, err)
			}
		}
		if asked[group] != 3 || asked[other] != 1 {
			t.Errorf("the group was asked %d times, the other one %d times", asked[group], asked[other])
		}
	})
}

// A topic that is written without transactions, with the broker's time.
func TestLagWithoutTransactions(t *testing.T) {
	onBrokers(t, func(t *testing.T, w *world) {
		w.topic = unique(t, "plain")
		w.create(t, w.topic, "message.timestamp.type=LogAppendTime")
		c := w.franz(t, kgo.DefaultProduceTopic(w.topic), kgo.RecordPartitioner(kgo.ManualPartitioner()))
		for range 10 {
			if err := c.ProduceSync(testContext(t), &kgo.Record{Value: []byte("v"), Timestamp: time.UnixMilli(1)}).FirstErr(); err != nil {
				t.Fatal(err)
			}
		}
		group := unique(t, "group")
		w.commitOffsets(t, w.topic, group, map[int32]int64{0: 4, 1: 0, 2: 0})
		g := w.lag(t, groups.Options{})
		if g.Events != 6 {
			t.Errorf("%+v", g)
		}
		if w.real != nil && g.Seconds > 2*patience.Seconds() { // the embedded broker does not know LogAppendTime
			t.Errorf("the broker's time is not what counts: %+v", g)
		}
	})
}

// Share groups have no offset that they have read up to: they are not shown, and disturb nothing.
func TestShareGroups(t *testing.T) {
	t.Parallel()
	w := realWorld(t)
	if strings.HasPrefix(w.real.Version(), "3.") {
		t.Skip("share groups came with Kafka 4")
	}
	w.commit(t, 5)
	group, share := unique(t, "group"), unique(t, "share")
	w.commitOffsets(t, w.topic, group, map[int32]int64{0: 0, 1: 0, 2: 0})
	w.franz(t, kgo.ShareGroup(share), kgo.ConsumeTopics(w.topic))
	eventually(t, "the share group is there", func() bool {
		list, err := w.admin.ListGroups(testContext(t))
		return err == nil && slices.Contains(list.Groups(), share)
	})
	if g := w.lag(t, groups.Options{}); g.Name != group || g.Events != 5 {
		t.Errorf("%+v", g)
	}
}
