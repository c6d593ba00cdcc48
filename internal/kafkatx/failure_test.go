package kafkatx_test

import (
	"context"
	"errors"
	"net"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"attemptstream/internal/kafkatx"

	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/protocol/produce"
	"github.com/segmentio/kafka-go/sasl/plain"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// A context that is canceled before the commit is sent aborts; afterwards it changes nothing.
func TestCanceled(t *testing.T) {
	onBrokers(t, func(t *testing.T, b *broker) {
		for kind, want := range map[string]error{
			"AddPartitionsToTxn": kafkatx.ErrAborted, "Produce": kafkatx.ErrAborted, "EndTxn(commit)": nil,
		} {
			for _, answered := range []bool{true, false} {
				t.Run(kind, func(t *testing.T) {
					t.Parallel()
					topic := b.topic(t, 2)
					c, f := b.client(t)
					p := b.producer(t, c)
					ctx, cancel := context.WithCancel(testContext(t))
					f.on(kind, 1, func(ctx context.Context, _ protocol.Message, send sender) (protocol.Message, error) {
						cancel()
						if answered {
							return send(ctx)
						}
						if kind == "EndTxn(commit)" {
							return nil, errInjected
						}
						<-ctx.Done() // an answer that never comes must not hold up the end
						return nil, ctx.Err()
					})
					began := time.Now()
					err := p.Commit(ctx, pair(topic, "canceled"))
					if !errors.Is(err, want) || want != nil && !errors.Is(err, context.Canceled) {
						t.Fatalf("Commit = %v, want %v", err, want)
					}
					if took := time.Since(began); took > 3*time.Second {
						t.Errorf("Commit returned after %s", took)
					}
					if err := p.Commit(testContext(t), pair(topic, "next")); err != nil {
						t.Fatal(err)
					}
					if want == nil {
						inBoth(t, b, topic, "canceled", "next")
					} else {
						inBoth(t, b, topic, "next")
					}
				})
			}
		}
	})
}

func TestCanceledBefore(t *testing.T) {
	t.Parallel()
	b := fakeBroker(t)
	topic := b.topic(t, 2)
	c, f := b.client(t)
	p := b.producer(t, c)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	before := f.spoken()
	err := p.Commit(ctx, pair(topic, "x"))
	if !errors.Is(err, kafkatx.ErrAborted) || !errors.Is(err, context.Canceled) || f.spoken() != before {
		t.Errorf("Commit = %v after %d requests", err, f.spoken()-before)
	}
}

// Without brokers a Commit gives up within the transaction's time, says why, and works again when they are back.
func TestBrokersAway(t *testing.T) {
	onBrokers(t, func(t *testing.T, b *broker) {
		topic := b.topic(t, 2)
		var away atomic.Bool
		refused := errors.New("connection refused")
		c, f := b.client(t)
		f.transport.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
			if away.Load() {
				return nil, refused
			}
			conn, err := new(net.Dialer).DialContext(ctx, network, address)
			return &cutConn{conn, &away}, err
		}
		p := c.NewProducer(kafkatx.ProducerConfig{TransactionalID: name(t, "txn"), TransactionTimeout: 4 * time.Second})
		if err := p.Init(testContext(t)); err != nil {
			t.Fatal(err)
		}
		if err := p.Commit(testContext(t), pair(topic, "first")); err != nil {
			t.Fatal(err)
		}
		away.Store(true)
		began := time.Now()
		err := p.Commit(testContext(t), pair(topic, "away"))
		if !errors.Is(err, kafkatx.ErrAborted) || !errors.Is(err, refused) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Commit = %v", err)
		}
		if took := time.Since(began); took > patience/2 {
			t.Errorf("it took %s", took)
		}
		if err := p.Init(testContext(t)); !errors.Is(err, refused) {
			t.Errorf("Init = %v", err)
		}
		away.Store(false)
		if err := p.Init(testContext(t)); err != nil {
			t.Fatal(err)
		}
		if err := p.Commit(testContext(t), pair(topic, "back")); err != nil {
			t.Fatal(err)
		}
		inBoth(t, b, topic, "first", "back")
	})
}

// cutConn fails while its broker is away.
type cutConn struct {
	net.Conn
	away *atomic.Bool
}

func (c *cutConn) Write(b []byte) (int, error) {
	if c.away.Load() {
		return 0, net.ErrClosed
	}
	return c.Conn.Write(b)
}

func TestDeletedTopic(t *testing.T) {
	onBrokers(t, func(t *testing.T, b *broker) {
		topic, other := b.topic(t, 2), b.topic(t, 2)
		c, _ := b.client(t)
		p := b.producer(t, c)
		if err := p.Commit(testContext(t), pair(topic, "first")); err != nil {
			t.Fatal(err)
		}
		if _, err := b.admin.DeleteTopic(testContext(t), topic); err != nil {
			t.Fatal(err)
		}
		err := p.Commit(testContext(t), append(pair(other, "x"), pair(topic, "second")...))
		var unknown *kafkatx.UnknownTopicError
		if !errors.As(err, &unknown) || unknown.Topic != topic || !errors.Is(err, kafkatx.ErrAborted) {
			t.Fatalf("Commit = %v", err)
		}
		if err := p.Commit(testContext(t), pair(other, "third")); err != nil {
			t.Fatal(err)
		}
		inBoth(t, b, other, "third")
	})
}

// The topic goes while a transaction writes to it.
func TestTopicDeletedMeanwhile(t *testing.T) {
	t.Parallel()
	b := fakeBroker(t)
	topic := b.topic(t, 2)
	c, f := b.client(t)
	p := b.producer(t, c)
	f.on("Produce", 1, func(ctx context.Context, _ protocol.Message, send sender) (protocol.Message, error) {
		if err := b.fake.DeleteTopic(topic); err != nil {
			t.Error(err)
		}
		return send(ctx)
	})
	err := p.Commit(testContext(t), pair(topic, "x"))
	if !errors.Is(err, kafkatx.ErrUnknownTopic) || !errors.Is(err, kafkatx.ErrAborted) {
		t.Errorf("Commit = %v", err)
	}
}

// Leaders and coordinators move within a transaction, before each of its requests.
func TestMovingLeaders(t *testing.T) {
	t.Parallel()
	b := fakeBroker(t)
	topic := b.topic(t, 2)
	c, f := b.client(t)
	p := b.producer(t, c)
	for _, kind := range transactionRequests {
		f.on(kind, 1, func(ctx context.Context, _ protocol.Message, send sender) (protocol.Message, error) {
			b.fake.ShufflePartitionLeaders()
			b.fake.RehashCoordinators()
			for partition := range int32(2) {
				to := (b.fake.LeaderFor(topic, partition) + 1) % 3
				if err := b.fake.MoveTopicPartition(topic, partition, to); err != nil {
					t.Error(err)
				}
			}
			return send(ctx)
		})
		if err := p.Commit(testContext(t), pair(topic, kind)); err != nil {
			t.Fatalf("moved before %s: %v", kind, err)
		}
	}
	inBoth(t, b, topic, transactionRequests...)
	for partition := range 2 {
		if err := b.fake.MoveTopicPartition(topic, int32(partition), (b.fake.LeaderFor(topic, int32(partition))+1)%3); err != nil {
			t.Fatal(err)
		}
		if got, _ := readOurs(t, c, topic, partition, 0); len(got) != 3 {
			t.Errorf("after the move we read %q", values(got))
		}
	}
}

func allow(resource kmsg.ACLResourceType, name string, operation kmsg.ACLOperation) kfake.ACL {
	return kfake.ACL{Resource: resource, Name: name, Pattern: kmsg.ACLResourcePatternTypeLiteral, Operation: operation, Allow: true}
}

func TestAuthorization(t *testing.T) {
	t.Parallel()
	fake, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.EnableSASL(), kfake.EnableACLs(), kfake.SeedTopics(1, "events", "secret"),
		kfake.Superuser("PLAIN", "admin", "admin"),
		kfake.User("PLAIN", "writer", "secret", allow(kmsg.ACLResourceTypeTopic, "events", kmsg.ACLOperationWrite),
			allow(kmsg.ACLResourceTypeTransactionalId, "mine", kmsg.ACLOperationWrite)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(fake.Close)
	want := func(what string, err error, operation, resource string) {
		t.Helper()
		var denied *kafkatx.AuthorizationError
		if !errors.As(err, &denied) || denied.Operation != operation || !strings.Contains(denied.Resource, resource) ||
			!errors.Is(err, kafkatx.ErrRejected) {
			t.Errorf("%s: %v, want a missing %s on %s", what, err, operation, resource)
		}
	}
	c := kafkatx.NewClient(kafkatx.Config{
		Brokers: fake.ListenAddrs(), SASL: plain.Mechanism{Username: "writer", Password: "secret"},
		MetadataTopics: []string{"events", "secret"},
	})
	t.Cleanup(c.Close)
	want("another's transactional id", c.NewProducer(kafkatx.ProducerConfig{TransactionalID: "other"}).Init(testContext(t)),
		"Write", `transactional id "other"`)
	p := c.NewProducer(kafkatx.ProducerConfig{TransactionalID: "mine"})
	if err := p.Init(testContext(t)); err != nil {
		t.Fatal(err)
	}
	err = p.Commit(testContext(t), texts("secret", "b"))
	want("another topic", err, "Write", `topic "secret"`)
	if !errors.Is(err, kafkatx.ErrAborted) {
		t.Errorf("Commit = %v, want ErrAborted", err)
	}
	if err := p.Commit(testContext(t), texts("events", "c")); err != nil {
		t.Errorf("after a missing permission: %v", err)
	}
	_, err = c.ReadCommitted(testContext(t), "secret", 0, 0, func(kafkatx.Record) error { return nil })
	want("read", err, "Read", `topic "secret"`)
	_, err = c.Partitions(testContext(t), "secret")
	want("describe", err, "Describe", `topic "secret"`)
}

func TestTransactionTimeoutOutOfRange(t *testing.T) {
	onBrokers(t, func(t *testing.T, b *broker) {
		c, _ := b.client(t)
		p := c.NewProducer(kafkatx.ProducerConfig{TransactionalID: name(t, "txn"), TransactionTimeout: time.Hour})
		err := p.Init(testContext(t))
		if !errors.Is(err, kafkatx.ErrRejected) || !strings.Contains(err.Error(), "transaction.max.timeout.ms") {
			t.Errorf("Init = %v", err)
		}
	})
}

// A broker that throttles is given the time that it asks for.
func TestThrottledProduce(t *testing.T) {
	t.Parallel()
	b := fakeBroker(t)
	topic := b.topic(t, 1)
	c, f := b.client(t)
	p := b.producer(t, c)
	const throttle = 300 * time.Millisecond
	var asked time.Time
	f.on("Produce", 1, func(ctx context.Context, _ protocol.Message, send sender) (protocol.Message, error) {
		res, err := send(ctx)
		if res, ok := res.(*produce.Response); ok {
			res.ThrottleTimeMs = int32(throttle.Milliseconds())
		}
		asked = time.Now()
		return res, err
	})
	f.on("Produce", 2, func(ctx context.Context, _ protocol.Message, send sender) (protocol.Message, error) {
		if waited := time.Since(asked); waited < throttle {
			t.Errorf("the next request came after %s", waited)
		}
		return send(ctx)
	})
	large := strings.Repeat("x", 600<<10)
	if err := p.Commit(testContext(t), texts(topic, large, large)); err != nil {
		t.Fatal(err)
	}
	if n := f.count("Produce"); n != 2 {
		t.Errorf("%d produce requests", n)
	}
}

// Nothing is left behind when a client is closed.
func TestCloseEndsGoroutines(t *testing.T) {
	b := fakeBroker(t)
	topic := b.topic(t, 2)
	before := runtime.NumGoroutine()
	for range 5 {
		c := kafkatx.NewClient(kafkatx.Config{Brokers: b.addrs})
		p := b.producer(t, c)
		if err := p.Commit(testContext(t), pair(topic, "x")); err != nil {
			t.Fatal(err)
		}
		_, _ = readOurs(t, c, topic, 0, 0)
		c.Close()
	}
	eventually(t, "goroutines end", func() bool { return runtime.NumGoroutine() <= before+5 }) // kfake's own
}
