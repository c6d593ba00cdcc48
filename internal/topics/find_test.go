package topics_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"attemptstream/internal/brokertest"
	"attemptstream/internal/kafkatx"
	"attemptstream/internal/topics"
)

// Find names the first topic that is missing, creates none, and finds them as they are.
func TestFind(t *testing.T) {
	onBrokers(t, func(t *testing.T, c *cluster) {
		name := topicName(t)
		all := []string{name, topics.StateTopic(name), topics.DLQTopic(name)}
		partitions := []int{3, 2, 1}
		for i, missing := range all {
			began := time.Now()
			_, err := topics.Find(testContext(t), c.client(t), name)
			var e *topics.MissingError
			if !errors.As(err, &e) || e.Topic != missing || e.Brokers == "" {
				t.Fatalf("without topic %s: %v", missing, err)
			}
			if took := time.Since(began); took > 10*time.Second {
				t.Errorf("it took %s to say that a topic is missing", took)
			}
			mustMention(t, err, missing, "KAFKA_TOPIC", "attemptstream run")
			list, err := c.admin.ListTopics(testContext(t), all...)
			if err != nil {
				t.Fatal(err)
			}
			for _, topic := range all[i:] {
				if list.Has(topic) {
					t.Fatalf("topic %s was created", topic)
				}
			}
			// A policy that Ensure refuses: Find is for those who only read.
			c.create(t, missing, partitions[i], "cleanup.policy=delete")
		}
		// Found although it was created this moment.
		layout, err := topics.Find(testContext(t), c.client(t), name)
		if err != nil {
			t.Fatal(err)
		}
		got := []int{layout.Events.Partitions, layout.State.Partitions, layout.DLQ.Partitions}
		if !slices.Equal(layout.Names(), all) || !slices.Equal(got, partitions) {
			t.Errorf("found %+v", layout)
		}
	})
}

// The right to describe the topics is enough; without it they are as good as missing.
func TestFindNeedsOnlyDescribe(t *testing.T) {
	t.Parallel()
	const topic = "attempts"
	c := guarded(t, allow(kmsg.ACLResourceTypeTopic, topic, kmsg.ACLOperationDescribe))
	for _, name := range []string{topic, topics.StateTopic(topic), topics.DLQTopic(topic), "other", "other.state", "other.dlq"} {
		c.create(t, name, 1)
	}
	if _, err := topics.Find(testContext(t), c.client(t, as("worker", "worker-secret")), topic); err != nil {
		t.Error(err)
	}
	_, err := topics.Find(testContext(t), c.client(t, as("worker", "worker-secret")), "other")
	if missing := (*topics.MissingError)(nil); !errors.As(err, &missing) && !errors.Is(err, topics.ErrUnauthorized) {
		t.Errorf("of a topic that may not be described: %v", err)
	}
}

// Brokers that are away are waited for as long as the context lasts, and named.
func TestFindNamesBrokersThatAreAway(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	addr := brokertest.Nowhere(t)
	client := kafkatx.NewClient(kafkatx.Config{Brokers: []string{addr}})
	defer client.Close()
	_, err := topics.Find(ctx, client.Kafka(), "attempts")
	if !errors.Is(err, topics.ErrUnavailable) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	mustMention(t, err, addr, "KAFKA_BROKERS")
}
