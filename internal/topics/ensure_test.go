package topics_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/sync/errgroup"

	"attemptstream/internal/attempt"
	"attemptstream/internal/kafkatx"
	"attemptstream/internal/topics"
)

// mustMention checks that an error tells an operator what the texts say.
func mustMention(t *testing.T, err error, texts ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want one that mentions %q", texts)
	}
	for _, text := range texts {
		if !strings.Contains(err.Error(), text) {
			t.Errorf("the error does not mention %q: %v", text, err)
		}
	}
}

func TestEnsureCreatesWhatIsMissing(t *testing.T) {
	onBrokers(t, func(t *testing.T, c *cluster) {
		topic := topicName(t)
		cfg := topics.Config{Topic: topic, Partitions: 3, ReplicationFactor: -1}
		client := c.client(t)
		layout, err := topics.Ensure(testContext(t), client, cfg)
		if err != nil {
			t.Fatal(err)
		}
		const usualSize = 1048588
		want := topics.Layout{
			Events: topics.Topic{Name: topic, Partitions: 3, MaxMessageBytes: usualSize},
			State:  topics.Topic{Name: topic + ".state", Partitions: 3, MaxMessageBytes: usualSize},
			DLQ:    topics.Topic{Name: topic + ".dlq", Partitions: 1, MaxMessageBytes: usualSize},
		}
		equal := func(layout topics.Layout) bool {
			return layout.Events == want.Events && layout.State == want.State && layout.DLQ == want.DLQ && len(layout.Notices) == 0
		}
		if !equal(layout) {
			t.Fatalf("got %+v, want %+v", layout, want)
		}
		for name, value := range map[string]string{
			"cleanup.policy": "compact", "segment.bytes": "33554432", "compression.type": "producer",
		} {
			if got := c.setting(t, topic+".state", name); got != value {
				t.Errorf("%s of the state topic is %q, want %q", name, got, value)
			}
		}
		for _, name := range []string{topic, topic + ".dlq"} {
			if got := c.setting(t, name, "cleanup.policy"); got != "delete" {
				t.Errorf("cleanup.policy of %s is %q", name, got)
			}
		}
		if again, err := topics.Ensure(testContext(t), client, cfg); err != nil || !equal(again) {
			t.Fatalf("the second time: %+v, %v", again, err)
		}
	})
}

// Settings that kfake does not know.
func TestEnsureMakesRecoveryShort(t *testing.T) {
	onBrokers(t, func(t *testing.T, c *cluster) {
		if strings.HasSuffix(t.Name(), "kfake") {
			t.Skip("kfake tells only settings that it knows")
		}
		topic := topicName(t)
		if _, err := topics.Ensure(testContext(t), c.client(t), topics.Config{Topic: topic, Partitions: 1}); err != nil {
			t.Fatal(err)
		}
		for name, value := range map[string]string{"min.cleanable.dirty.ratio": "0.1", "max.compaction.lag.ms": "86400000"} {
			if got := c.setting(t, topic+".state", name); got != value {
				t.Errorf("%s is %q, want %q", name, got, value)
			}
		}
	})
}

func TestEnsureTogether(t *testing.T) {
	onBrokers(t, func(t *testing.T, c *cluster) {
		ctx := testContext(t)
		var workers errgroup.Group
		cfg := topics.Config{Topic: topicName(t), Partitions: 4}
		for range 6 {
			client := c.client(t)
			workers.Go(func() error {
				layout, err := topics.Ensure(ctx, client, cfg)
				if err == nil && (layout.State.Partitions != 4 || len(layout.Notices) > 0) {
					t.Errorf("got %+v", layout)
				}
				return err
			})
		}
		if err := workers.Wait(); err != nil {
			t.Fatal(err)
		}
	})
}

func TestEnsureWantsStateCompacted(t *testing.T) {
	onBrokers(t, func(t *testing.T, c *cluster) {
		for _, policy := range []string{"delete", "compact,delete", "delete,compact"} {
			topic := topicName(t)
			state := topic + ".state"
			c.create(t, state, 6, "cleanup.policy="+policy)
			cfg := topics.Config{Topic: topic, Partitions: 6}
			client := c.client(t)
			_, err := topics.Ensure(testContext(t), client, cfg)
			mustMention(t, err, state, "cleanup.policy="+policy, "kafka-configs.sh --bootstrap-server "+c.addrs[0]+
				" --alter --entity-type topics --entity-name "+state+" --add-config cleanup.policy=compact")

			c.alter(t, state, "cleanup.policy", "compact")
			if _, err := topics.Ensure(testContext(t), client, cfg); err != nil {
				t.Fatalf("after the command: %v", err)
			}
		}
	})
}

func TestEnsureNeedsBrokersForReplicas(t *testing.T) {
	onBrokers(t, func(t *testing.T, c *cluster) {
		topic := topicName(t)
		_, err := topics.Ensure(testContext(t), c.client(t), topics.Config{Topic: topic, Partitions: 1, ReplicationFactor: 3})
		if !errors.Is(err, kafka.InvalidReplicationFactor) {
			t.Errorf("got %v", err)
		}
		mustMention(t, err, topic, "KAFKA_REPLICATION_FACTOR=1", "add brokers")
	})
}

func TestEnsureNotices(t *testing.T) {
	onBrokers(t, func(t *testing.T, c *cluster) {
		topic := topicName(t)
		c.create(t, topic, 2, "cleanup.policy=compact", "max.message.bytes=2000000", "message.timestamp.type=LogAppendTime",
			"min.insync.replicas=2")
		c.create(t, topic+".state", 3, "cleanup.policy=compact", "segment.bytes=1073741824")
		c.create(t, topic+".dlq", 5)
		layout, err := topics.Ensure(testContext(t), c.client(t), topics.Config{Topic: topic, Partitions: 6})
		if err != nil {
			t.Fatal(err)
		}
		if layout.Events.Partitions != 2 || layout.State.Partitions != 3 || layout.DLQ.Partitions != 5 || layout.Events.MaxMessageBytes != 2000000 {
			t.Errorf("got %+v", layout)
		}
		for _, text := range []string{
			topic + `" has 2 partitions`, topic + `.state" has 3 partitions`, "cleanup.policy=compact",
			"LogAppendTime", "segment.bytes=1073741824",
			"--add-config min.insync.replicas=1",
		} {
			if !slices.ContainsFunc(layout.Notices, func(n string) bool { return strings.Contains(n, text) }) {
				t.Errorf("no notice mentions %q: %q", text, layout.Notices)
			}
		}
		if len(layout.Notices) != 6 {
			t.Errorf("%d notices: %q", len(layout.Notices), layout.Notices)
		}
	})
}

func TestEnsureRefusesNames(t *testing.T) {
	onBrokers(t, func(t *testing.T, c *cluster) {
		topic := topicName(t)
		c.create(t, strings.Replace(topic, "-", "_", 1)+".x", 1)
		_, err := topics.Ensure(testContext(t), c.client(t), topics.Config{Topic: strings.Replace(topic, "-", ".", 1) + "_x", Partitions: 1})
		if !errors.Is(err, kafka.InvalidTopic) {
			t.Errorf("got %v", err)
		}
		mustMention(t, err, "KAFKA_TOPIC")
	})
}

// An account's partition is where a Java producer, or franz-go, puts a record with its name as key.
func TestStatePartition(t *testing.T) {
	t.Parallel()
	partitioner := kgo.StickyKeyPartitioner(nil).ForTopic("any")
	for _, account := range []attempt.Account{attempt.DefaultAccount, "a", "north-america", "EMEA_2"} {
		for _, partitions := range []int{1, 3, 6, 50} {
			want := partitioner.Partition(&kgo.Record{Key: []byte(account)}, partitions)
			if got := topics.StatePartition(account, partitions); got != want {
				t.Errorf("%s of %d: got %d, want %d", account, partitions, got, want)
			}
		}
	}
}

// A client that knows only the topics it was told of still works, as long as it was told of these.
func TestEnsureWithListedTopics(t *testing.T) {
	onBrokers(t, func(t *testing.T, c *cluster) {
		topic := topicName(t)
		cfg := topics.Config{Topic: topic, Partitions: 1}
		if _, err := topics.Ensure(testContext(t), c.client(t), cfg); err != nil {
			t.Fatal(err)
		}
		client := c.client(t, func(cfg *kafkatx.Config) {
			cfg.MetadataTopics = []string{topic, topics.StateTopic(topic), topics.DLQTopic(topic)}
		})
		if _, err := topics.Ensure(testContext(t), client, cfg); err != nil {
			t.Fatal(err)
		}
	})
}
