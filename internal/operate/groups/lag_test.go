package groups_test

import (
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

// What lies behind an open transaction cannot be read, and is no lag until it can.
func TestLagBehindAnOpenTransaction(t *testing.T) {
	onBrokers(t, func(t *testing.T, w *world) {
		group := unique(t, "group")
		w.commitOffsets(t, w.topic, group, map[int32]int64{0: 0, 1: 0, 2: 0})
		w.commit(t, 30)
		before := w.records(t)
		if err := w.aborts.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		for p := range int32(partitions) {
			if err := w.aborts.ProduceSync(testContext(t), &kgo.Record{Topic: w.topic, Partition: p, Value: []byte("open")}).FirstErr(); err != nil {
				t.Fatal(err)
			}
		}
		w.commit(t, 40)
		cache := groups.NewCache()
		if g := w.lag(t, groups.Options{Cache: cache}); g.Events != int64(len(before)) {
			t.Errorf("%d events behind, want the %d before the open transaction", g.Events, len(before))
		}
		m := w.rewind(t, group, w.clock, true) // the last event, which nobody can see yet
		for _, s := range m.Steps {
			if s.First != nil || s.Ahead != 0 {
				t.Errorf("%+v, and the event is not to be seen", s)
			}
		}
		if err := w.aborts.EndTransaction(testContext(t), kgo.TryAbort); err != nil {
			t.Fatal(err)
		}
		all := w.records(t)
		if g := w.lag(t, groups.Options{Cache: cache}); g.Events != int64(len(all)) || len(all) != 70 {
			t.Errorf("%d events behind, want all %d", g.Events, len(all))
		}
	})
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
