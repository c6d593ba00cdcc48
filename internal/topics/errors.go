package topics

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/segmentio/kafka-go"
)

// ErrUnauthorized: a permission is missing; the error names the command that grants it.
var ErrUnauthorized = errors.New("not authorized")

// ErrUnavailable: the brokers did not answer, or not with more than "later", until the context ended.
var ErrUnavailable = errors.New("no usable answer from Kafka")

// failed sorts the error of a request about a topic, or of its answer. operation is the right that the request needs there;
// without a topic it needs none.
func (e *ensurer) failed(ctx context.Context, doing, operation, topic string, err error) error {
	if refusal := Refusal(ctx, e.client, err); refusal != nil {
		return fmt.Errorf("%s: %w", doing, refusal)
	}
	var code kafka.Error
	if !errors.As(err, &code) {
		// Refused, reset, closed, timed out: brokers may be starting or moving.
		return &passingError{fmt.Errorf("%s: %w", doing, err)}
	}
	switch code {
	case kafka.TopicAuthorizationFailed:
		if topic != "" {
			return fmt.Errorf("%s: %w: grant %s on topic %q: %s: %w", doing, ErrUnauthorized, operation, topic,
				GrantCommand(e.brokers, topic, operation), err)
		}
	case kafka.Unknown, kafka.LeaderNotAvailable, kafka.NotLeaderForPartition, kafka.RequestTimedOut,
		kafka.BrokerNotAvailable, kafka.ReplicaNotAvailable, kafka.NetworkException, kafka.GroupLoadInProgress,
		kafka.GroupCoordinatorNotAvailable, kafka.NotCoordinatorForGroup, kafka.NotController,
		kafka.KafkaStorageError, kafka.ListenerNotFound, kafka.UnknownTopicOrPartition, kafka.ThrottlingQuotaExceeded:
		// Elections, a controller that has moved, brokers that know less than the controller for a moment.
		return &passingError{fmt.Errorf("%s: %w", doing, err)}
	}
	return fmt.Errorf("%s: %w", doing, err)
}

// notCreated is the error of a topic that could not be created.
func (e *ensurer) notCreated(ctx context.Context, s spec, err error) error {
	doing := fmt.Sprintf("create topic %q", s.name)
	var code kafka.Error
	if !errors.As(err, &code) {
		return e.failed(ctx, doing, "", "", err)
	}
	switch code {
	case kafka.InvalidReplicationFactor:
		return fmt.Errorf("%s: fewer brokers than replicas: set KAFKA_REPLICATION_FACTOR=1 or add brokers: %w", doing, err)
	case kafka.InvalidPartitionNumber:
		return fmt.Errorf("%s: the broker does not take %d partitions: change KAFKA_PARTITIONS: %w", doing, s.partitions, err)
	case kafka.InvalidTopic:
		return fmt.Errorf("%s: the broker does not take this name: change KAFKA_TOPIC (letters, digits, dot, underscore, hyphen; dot and underscore count as the same): %w", doing, err)
	case kafka.TopicAuthorizationFailed, kafka.ClusterAuthorizationFailed:
		needed := WorkerRights(e.cfg.Topic, s.name)
		return fmt.Errorf("%s: %w: if the topic exists, grant %s on it: %s; if it does not, grant Create: %s, or "+
			"let an administrator create it: %s: %w", doing, ErrUnauthorized, strings.Join(needed, " and "),
			GrantCommand(e.brokers, s.name, needed...), GrantCommand(e.brokers, s.name, "Create"), e.createCommand(s), err)
	case kafka.PolicyViolation, kafka.InvalidConfiguration, kafka.InvalidRequest, kafka.UnsupportedVersion:
		return fmt.Errorf("%s: the broker refuses it: let an administrator create it: %s: %w", doing, e.createCommand(s), err)
	}
	return e.failed(ctx, doing, "", "", err)
}

// unanswered is the error of a context that ended while the brokers could not be reached or were not ready.
func (e *ensurer) unanswered(end, last error) error {
	return fmt.Errorf("%w at %s: check that KAFKA_BROKERS names it, that it runs and can be reached from here, and that the KAFKA_TLS and KAFKA_SASL settings are those of this port: last error: %w: %w",
		ErrUnavailable, e.brokers, last, end)
}

// WorkerRights are the operations that a worker needs on one of its topics, as kafka-acls.sh calls them. Read and Write have
// Describe with them.
func WorkerRights(topic, name string) []string {
	if name == StateTopic(topic) {
		return []string{"Read", "Write", "DescribeConfigs"}
	}
	return []string{"Write", "DescribeConfigs"}
}

// GrantCommand is the command that lets a user do operations on a topic.
func GrantCommand(brokers, topic string, operations ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "kafka-acls.sh --bootstrap-server %s --add --allow-principal User:NAME", brokers)
	for _, o := range operations {
		fmt.Fprintf(&b, " --operation %s", o)
	}
	fmt.Fprintf(&b, " --topic %s", topic)
	return b.String()
}

// alterCommand is the command that changes a topic's setting.
func alterCommand(brokers, topic, name, value string) string {
	return fmt.Sprintf("kafka-configs.sh --bootstrap-server %s --alter --entity-type topics --entity-name %s --add-config %s=%s",
		brokers, topic, name, value)
}

// createCommand is the command that creates a topic.
func (e *ensurer) createCommand(s spec) string {
	var b strings.Builder
	fmt.Fprintf(&b, "kafka-topics.sh --bootstrap-server %s --create --topic %s --partitions %d", e.brokers, s.name, s.partitions)
	if e.cfg.ReplicationFactor > 0 {
		fmt.Fprintf(&b, " --replication-factor %d", e.cfg.ReplicationFactor)
	}
	for _, c := range s.configs {
		fmt.Fprintf(&b, " --config %s=%s", c.ConfigName, c.ConfigValue)
	}
	return b.String()
}
