package topics_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/sasl/plain"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	franzplain "github.com/twmb/franz-go/pkg/sasl/plain"

	"attemptstream/internal/brokertest"
	"attemptstream/internal/kafkatx"
	"attemptstream/internal/topics"
)

// guarded is a cluster whose user has only the given permissions, with a client of an administrator.
func guarded(t *testing.T, permissions ...kfake.ACL) *cluster {
	t.Helper()
	f, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.EnableSASL(), kfake.EnableACLs(),
		kfake.Superuser("PLAIN", "root", "root-secret"), kfake.User("PLAIN", "worker", "worker-secret", permissions...))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.Close)
	return newCluster(t, f.ListenAddrs(), kgo.SASL(franzplain.Auth{User: "root", Pass: "root-secret"}.AsMechanism()))
}

func as(user, password string) func(*kafkatx.Config) {
	return func(cfg *kafkatx.Config) { cfg.SASL = plain.Mechanism{Username: user, Password: password} }
}

func TestEnsureNamesMissingPermissions(t *testing.T) {
	t.Parallel()
	const topic = "attempts"
	granted := func(operations ...kmsg.ACLOperation) (acls []kfake.ACL) {
		for _, o := range operations {
			acls = append(acls, allow(kmsg.ACLResourceTypeTopic, topic, o))
		}
		return acls
	}
	tests := map[string]struct {
		granted []kfake.ACL
		exists  bool
		mention string // "": it works
	}{
		"all": {granted: granted(kmsg.ACLOperationCreate, kmsg.ACLOperationDescribe, kmsg.ACLOperationDescribeConfigs)},
		"no create": {
			granted: granted(kmsg.ACLOperationDescribe, kmsg.ACLOperationDescribeConfigs),
			mention: "kafka-topics.sh",
		},
		"create is not needed for what exists": {
			granted: granted(kmsg.ACLOperationDescribe, kmsg.ACLOperationDescribeConfigs), exists: true,
		},
		"no describe": {
			granted: granted(kmsg.ACLOperationCreate, kmsg.ACLOperationDescribeConfigs), exists: true,
			mention: "exists and does not show",
		},
		"no describe configs": {
			granted: granted(kmsg.ACLOperationCreate, kmsg.ACLOperationDescribe), exists: true,
			mention: "read the settings",
		},
		"nothing": {mention: "create topic"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := guarded(t, test.granted...)
			if test.exists {
				c.create(t, topic, 1)
				c.create(t, topics.StateTopic(topic), 1, "cleanup.policy=compact")
				c.create(t, topics.DLQTopic(topic), 1)
			}
			_, err := topics.EnsureWithin(testContext(t), c.client(t, as("worker", "worker-secret")),
				topics.Config{Topic: topic, Partitions: 1}, 200*time.Millisecond)
			if test.mention == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			if !errors.Is(err, topics.ErrUnauthorized) {
				t.Errorf("got %v", err)
			}
			mustMention(t, err, test.mention, "kafka-acls.sh --bootstrap-server "+c.addrs[0], "--operation DescribeConfigs --topic "+topic)
		})
	}
}

// kfake hangs up on a wrong password, Kafka says so.
func TestEnsureNamesWrongPasswords(t *testing.T) {
	t.Parallel()
	client := &kafka.Client{Addr: kafka.TCP("broker:9092"), Transport: answers(fmt.Errorf("SASL: %w", kafka.SASLAuthenticationFailed))}
	_, err := topics.Ensure(testContext(t), client, topics.Config{Topic: "attempts", Partitions: 1})
	if !errors.Is(err, kafka.SASLAuthenticationFailed) {
		t.Errorf("got %v", err)
	}
	mustMention(t, err, "broker:9092", "KAFKA_SASL_USERNAME")
}

// answers is a transport with which nothing works.
func answers(err error) kafka.RoundTripper { return refusal{err} }

type refusal struct{ err error }

func (r refusal) RoundTrip(context.Context, net.Addr, kafka.Request) (kafka.Response, error) {
	return nil, r.err
}

// The brokers come up while a worker waits for them.
func TestEnsureWaitsForBrokers(t *testing.T) {
	t.Parallel()
	var up sync.Once
	var refused atomic.Int64
	var addr atomic.Value // of the broker, as soon as there is one
	dialer := &net.Dialer{}
	client := &kafka.Client{Addr: kafka.TCP("kafka.invalid:9092"), Transport: &kafka.Transport{
		Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
			if refused.Add(1) < 4 {
				return nil, &net.OpError{Op: "dial", Err: errors.New("refused")}
			}
			up.Do(func() { addr.Store(fake(t).addrs[0]) })
			return dialer.DialContext(ctx, network, addr.Load().(string))
		},
	}}
	layout, err := topics.Ensure(testContext(t), client, topics.Config{Topic: "attempts", Partitions: 2})
	if err != nil {
		t.Fatal(err)
	}
	if layout.Events.Partitions != 2 || refused.Load() < 4 {
		t.Errorf("got %+v after %d attempts to connect", layout, refused.Load())
	}
}

func TestEnsureNamesBrokersThatAreAway(t *testing.T) {
	t.Parallel()
	addr := brokertest.Nowhere(t)
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	client := kafkatx.NewClient(kafkatx.Config{Brokers: []string{addr, "127.0.0.1:1"}})
	defer client.Close()
	_, err := topics.Ensure(ctx, client.Kafka(), topics.Config{Topic: "attempts", Partitions: 1})
	if !errors.Is(err, topics.ErrUnavailable) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	mustMention(t, err, addr, "127.0.0.1:1", "KAFKA_BROKERS")
}
