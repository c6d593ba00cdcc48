package kafkatx_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"attemptstream/internal/kafkatx"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
)

// A commit is three round trips where one broker leads: its partitions are added, its records written, and it is ended.
// The coordinator is looked up once in a producer's life.
func TestRoundTrips(t *testing.T) {
	onBrokers(t, func(t *testing.T, b *broker) {
		topic := b.topic(t, 1)
		c, f := b.client(t)
		w := tap(f)
		p := b.producer(t, c)
		if got := slices.Compact(w.apis()); !slices.Equal(got, []string{"FindCoordinator", "InitProducerId"}) &&
			!slices.Equal(got, []string{"FindCoordinator", "InitProducerId", "FindCoordinator", "InitProducerId"}) {
			t.Errorf("Init sent %q", got)
		}
		for i := range 5 {
			b.settle(t, topic) // or the last one's markers, still being written, have this one ask again
			w.forget()
			if err := p.Commit(testContext(t), texts(topic, fmt.Sprint(i))); err != nil {
				t.Fatal(err)
			}
			w.log(t)
			if got := w.apis(); !slices.Equal(got, transactionApis) && (b.fake != nil || !slices.Equal(slices.Compact(got), transactionApis)) {
				t.Errorf("a commit sent %q, want %q", got, transactionApis)
			}
		}
	})
}

var transactionApis = []string{"AddPartitionsToTxn", "Produce", "EndTxn"}

// onWire is a producer on the embedded brokers, with a transaction behind it, whose requests are seen.
type onWire struct {
	*broker
	faults   *faults
	wire     *wire
	client   *kafkatx.Client
	producer *kafkatx.Producer
	id       string
	topic    string
}

func wired(t *testing.T) *onWire {
	t.Helper()
	return wiredFor(t, patience)
}

// wiredFor gives each request so long.
func wiredFor(t *testing.T, request time.Duration) *onWire {
	t.Helper()
	o := &onWire{broker: fakeBroker(t), id: name(t, "txn")}
	o.topic = o.broker.topic(t, 2)
	o.client, o.faults = o.broker.client(t, func(c *kafkatx.Config) { c.RequestTimeout = request })
	o.wire = tap(o.faults)
	o.producer = o.start(t, o.id)
	o.commit(t, o.producer, "first")
	return o
}

// start returns an initialized producer.
func (o *onWire) start(t *testing.T, id string) *kafkatx.Producer {
	t.Helper()
	p := o.client.NewProducer(kafkatx.ProducerConfig{TransactionalID: id, TransactionTimeout: 20 * time.Second})
	if err := p.Init(testContext(t)); err != nil {
		t.Fatal(err)
	}
	return p
}

func (o *onWire) commit(t *testing.T, p *kafkatx.Producer, value string) {
	t.Helper()
	if err := p.Commit(testContext(t), pair(o.topic, value)); err != nil {
		t.Fatalf("commit %q: %v", value, err)
	}
}

// address is a broker's. Brokers are numbered as they are listed.
func (o *onWire) address(node int32) string { return o.addrs[node] }

// leave moves coordinators until an id has another one, and all leaders away from the one that it had, whose address is returned.
func (o *onWire) leave(t *testing.T, id string) string {
	t.Helper()
	was := o.moveCoordinator(id)
	o.lead(t, (was+1)%3)
	return o.address(was)
}

// moveCoordinator gives an id another coordinator, and returns the one that it had.
func (o *onWire) moveCoordinator(id string) (was int32) {
	was = o.fake.CoordinatorFor(id)
	for o.fake.CoordinatorFor(id) == was {
		o.fake.RehashCoordinators()
	}
	return was
}

// lead makes a broker the leader of both partitions, and waits until the client knows.
func (o *onWire) lead(t *testing.T, node int32) {
	t.Helper()
	for partition := range int32(2) {
		if err := o.fake.MoveTopicPartition(o.topic, partition, node); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "the client knows the new leaders", func() bool {
		m, err := o.client.Kafka().Metadata(testContext(t), &kafka.MetadataRequest{Topics: []string{o.topic}})
		if err != nil || len(m.Topics) != 1 || len(m.Topics[0].Partitions) != 2 {
			return false
		}
		return m.Topics[0].Partitions[0].Leader.ID == int(node) && m.Topics[0].Partitions[1].Leader.ID == int(node)
	})
}

// A coordinator that has moved says so, and is looked up again: by its own producer alone, and on the same connections.
func TestCoordinatorMoved(t *testing.T) {
	t.Parallel()
	o := wired(t)
	// The other one's coordinator stays in its place.
	other := name(t, "txn")
	second := o.start(t, other)
	o.commit(t, second, "second")
	was, is := o.fake.CoordinatorFor(o.id), o.fake.CoordinatorFor(other)
	for o.fake.CoordinatorFor(o.id) == was || o.fake.CoordinatorFor(other) != is {
		o.fake.RehashCoordinators()
	}
	closed := o.faults.count("close")
	o.wire.forget()
	o.commit(t, second, "third")
	if n := o.wire.count("FindCoordinator"); n != 0 {
		t.Errorf("a coordinator that is in its place was looked up %d times", n)
	}
	o.wire.forget()
	o.commit(t, o.producer, "fourth")
	if n, add := o.wire.count("FindCoordinator"), o.wire.count("AddPartitionsToTxn"); n != 1 || add != 2 {
		t.Errorf("%d lookups, AddPartitionsToTxn %d times, want 1 and 2", n, add)
	}
	if o.faults.count("close") != closed {
		t.Error("all connections were dropped")
	}
	o.wire.forget()
	o.commit(t, o.producer, "fifth")
	o.commit(t, second, "sixth")
	if n := o.wire.count("FindCoordinator"); n != 0 {
		t.Errorf("it was looked up %d times more", n)
	}
}

// A coordinator that moves between a transaction's requests is found.
func TestCoordinatorMovesMeanwhile(t *testing.T) {
	t.Parallel()
	o := wired(t)
	for i, kind := range transactionRequests {
		o.faults.on(kind, 1, func(ctx context.Context, _ protocol.Message, send sender) (protocol.Message, error) {
			o.moveCoordinator(o.id)
			return send(ctx)
		})
		o.wire.forget()
		o.commit(t, o.producer, fmt.Sprint(i))
		if n := o.wire.count("FindCoordinator"); n != 1 {
			t.Errorf("moved before %s: %d lookups", kind, n)
		}
	}
	inBoth(t, o.broker, o.topic, "first", "0", "1", "2")
}

// The coordinator is dead, and not yet known to be.
func TestCoordinatorRefuses(t *testing.T) {
	t.Parallel()
	o := wired(t)
	o.wire.refuse(o.leave(t, o.id))
	before := o.faults.count("InitProducerId")
	o.commit(t, o.producer, "second")
	o.commit(t, o.producer, "third")
	if o.faults.count("InitProducerId") == before {
		t.Error("no new epoch, although a request has no answer")
	}
	inBoth(t, o.broker, o.topic, "first", "second", "third")
}

// The coordinator takes requests and never answers. That costs the time of one request.
func TestCoordinatorHangs(t *testing.T) {
	t.Parallel()
	o := wiredFor(t, 2*time.Second)
	frozen := o.leave(t, o.id)
	o.wire.hang(frozen)
	o.wire.forget()
	before := o.faults.count("InitProducerId")
	o.commit(t, o.producer, "second")
	o.commit(t, o.producer, "third")
	n := 0
	for _, f := range o.wire.frames() {
		if f.broker == frozen && f.api != "FindCoordinator" {
			n++
		}
	}
	if n != 1 {
		t.Errorf("%d requests went to the broker that hangs, want 1", n)
	}
	if o.faults.count("InitProducerId") == before {
		t.Error("no new epoch, although a request has no answer")
	}
	inBoth(t, o.broker, o.topic, "first", "second", "third")
}

// A coordinator that has left the cluster is not asked, and so nothing is in doubt.
func TestCoordinatorLeft(t *testing.T) {
	t.Parallel()
	o := wired(t)
	was := o.fake.CoordinatorFor(o.id)
	address := o.address(was)
	if err := o.fake.RemoveNode(was); err != nil {
		t.Fatal(err)
	}
	o.lead(t, (was+1)%3)
	// kafka-go lets go of the broker when it has the answer to a request that it made since, and before it makes the next one.
	asked := o.wire.metadata()
	eventually(t, "the client has asked for metadata twice", func() bool { return o.wire.metadata() > asked+1 })
	o.wire.forget()
	before := o.faults.count("InitProducerId")
	o.commit(t, o.producer, "second")
	o.commit(t, o.producer, "third")
	for _, f := range o.wire.frames() {
		if f.broker == address && slices.Contains(transactionApis, f.api) {
			t.Errorf("%s went to the broker that left", f.api)
		}
	}
	if o.faults.count("InitProducerId") != before {
		t.Error("a new epoch, although all requests that were sent have answers")
	}
	inBoth(t, o.broker, o.topic, "first", "second", "third")
}
