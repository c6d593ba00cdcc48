package topics_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"attemptstream/internal/topics"
)

// A state topic that is missing beside events is not created: everything would be told again.
func TestStateLost(t *testing.T) {
	onBrokers(t, func(t *testing.T, c *cluster) {
		name := topicName(t)
		cfg := topics.Config{Topic: name, Partitions: 2, ReplicationFactor: 1}
		c.create(t, name, 2)
		// Without events there is nothing to remember, whoever created the topic.
		if _, err := topics.Ensure(testContext(t), c.client(t), cfg); err != nil {
			t.Fatal(err)
		}
		if res, err := c.admin.DeleteTopic(testContext(t), topics.StateTopic(name)); err != nil || res.Err != nil {
			t.Fatal(err, res.Err)
		}
		producer, err := kgo.NewClient(kgo.SeedBrokers(c.addrs...), kgo.DefaultProduceTopic(name))
		if err != nil {
			t.Fatal(err)
		}
		defer producer.Close()
		if err := producer.ProduceSync(testContext(t), &kgo.Record{Value: []byte("told")}).FirstErr(); err != nil {
			t.Fatal(err)
		}
		_, err = topics.Ensure(testContext(t), c.client(t), cfg)
		if !errors.Is(err, topics.ErrStateLost) || !strings.Contains(err.Error(), topics.StateTopic(name)) {
			t.Fatalf("the state topic is missing beside events: %v", err)
		}
		list, err := c.admin.ListTopics(testContext(t), topics.StateTopic(name))
		if err != nil || list.Has(topics.StateTopic(name)) {
			t.Fatalf("the state topic was created (%v)", err)
		}
		// Who creates it means it.
		c.create(t, topics.StateTopic(name), 2, "cleanup.policy=compact")
		if _, err = topics.Ensure(testContext(t), c.client(t), cfg); err != nil {
			t.Fatal(err)
		}
	})
}
