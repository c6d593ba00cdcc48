package topics_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"attemptstream/internal/kafkatest"
	"attemptstream/internal/kafkatx"
)

const patience = 30 * time.Second

// A cluster is what a test runs against, with franz-go's admin client to look at it from outside.
type cluster struct {
	addrs []string
	admin *kadm.Client
}

// onBrokers runs a test on the embedded broker, and on a real Apache Kafka if there is one.
func onBrokers(t *testing.T, test func(t *testing.T, c *cluster)) {
	t.Helper()
	t.Parallel()
	t.Run("kfake", func(t *testing.T) {
		t.Parallel()
		test(t, fake(t))
	})
	t.Run("kafka", func(t *testing.T) {
		t.Parallel()
		test(t, newCluster(t, kafkatest.Shared(t).Addrs()))
	})
}

func fake(t testing.TB, opts ...kfake.Opt) *cluster {
	t.Helper()
	c, err := kfake.NewCluster(append([]kfake.Opt{kfake.NumBrokers(1)}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return newCluster(t, c.ListenAddrs())
}

func newCluster(t testing.TB, addrs []string, opts ...kgo.Opt) *cluster {
	t.Helper()
	cl, err := kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(addrs...)}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Close)
	return &cluster{addrs: addrs, admin: kadm.NewClient(cl)}
}

// client is the worker's client.
func (c *cluster) client(t testing.TB, configure ...func(*kafkatx.Config)) *kafka.Client {
	t.Helper()
	cfg := kafkatx.Config{Brokers: c.addrs, ClientID: "test", RequestTimeout: 5 * time.Second}
	for _, f := range configure {
		f(&cfg)
	}
	client := kafkatx.NewClient(cfg)
	t.Cleanup(client.Close)
	return client.Kafka()
}

// create creates a topic as an operator would.
func (c *cluster) create(t testing.TB, topic string, partitions int, settings ...string) {
	t.Helper()
	configs := make(map[string]*string)
	for _, s := range settings {
		name, value, _ := strings.Cut(s, "=")
		configs[name] = &value
	}
	if _, err := c.admin.CreateTopic(testContext(t), int32(partitions), 1, configs, topic); err != nil {
		t.Fatal(err)
	}
}

// alter changes a setting of a topic, as the commands in our errors do.
func (c *cluster) alter(t testing.TB, topic, name, value string) {
	t.Helper()
	res, err := c.admin.AlterTopicConfigs(testContext(t), []kadm.AlterConfig{{Name: name, Value: &value}}, topic)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := res.On(topic, nil); err != nil {
		t.Fatal(err)
	}
	// The broker that is asked hears of it a little later.
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for c.setting(t, topic, name) != value {
		<-tick.C // setting fails when the test's time is over
	}
}

// setting is a topic's setting as Kafka tells it.
func (c *cluster) setting(t testing.TB, topic, name string) string {
	t.Helper()
	res, err := c.admin.DescribeTopicConfigs(testContext(t), topic)
	if err != nil {
		t.Fatal(err)
	}
	r, err := res.On(topic, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, cfg := range r.Configs {
		if cfg.Key == name {
			return cfg.MaybeValue()
		}
	}
	return ""
}

func testContext(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

var unique atomic.Int64

// topicName is a name that no other test uses.
func topicName(t testing.TB) string {
	test := strings.NewReplacer("/", "-", " ", "-", "_", "-").Replace(t.Name())
	return fmt.Sprintf("%s-%d-%d", test, os.Getpid(), unique.Add(1))
}

// allow is a permission of the user of a cluster with permissions.
func allow(resource kmsg.ACLResourceType, name string, operation kmsg.ACLOperation) kfake.ACL {
	return kfake.ACL{Resource: resource, Name: name, Pattern: kmsg.ACLResourcePatternTypePrefixed, Operation: operation, Allow: true}
}
