package check

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/segmentio/kafka-go"

	"attemptstream/internal/attempt"
	"attemptstream/internal/console"
	"attemptstream/internal/kafkatx"
	"attemptstream/internal/topics"
)

// topicTime is how long all questions about topics and rights together may take.
const topicTime = 15 * time.Second

// checkKafka looks at the brokers, then at the topics, then at what this user may do with them.
func checkKafka(ctx context.Context, cfg *Kafka, accounts []attempt.Account, out *items) {
	up := checkBrokers(ctx, cfg, out)
	names := []string{cfg.Topics.Topic, topics.StateTopic(cfg.Topics.Topic), topics.DLQTopic(cfg.Topics.Topic)}
	if !up {
		if cfg.Embedded {
			*out = items{notice(ofKafka, "embedded broker", "it does not run, and will when the worker does (attemptstream run)")}
		}
		for _, name := range names {
			out.add(skipped(ofKafka, "topic "+name, "no broker answers"))
		}
		out.add(skipped(ofKafka, "rights", "no broker answers"))
		return
	}
	k := &kafkaCheck{cfg: cfg, client: cfg.Connect(cfg.Brokers, brokerTime), accounts: accounts, names: names, out: out}
	defer k.client.Close()
	ctx, cancel := context.WithTimeoutCause(ctx, topicTime, fmt.Errorf("no answer within %s", topicTime))
	defer cancel()
	if !k.exist(ctx) {
		for _, a := range accounts {
			out.add(skipped(ofKafka, k.transactional(a), "it is tried together with the topics, and they are not all there"))
		}
		return
	}
	k.settings(ctx)
	k.read(ctx)
	k.join(ctx)
	k.write(ctx)
}

// A kafkaCheck is the part that needs a broker.
type kafkaCheck struct {
	cfg      *Kafka
	client   *kafkatx.Client
	accounts []attempt.Account
	names    []string // of the topics: events, state, dead letters
	out      *items
}

func (k *kafkaCheck) transactional(a attempt.Account) string {
	return "transactional id " + k.cfg.Topics.Topic + "/" + string(a)
}

// exist looks for the topics. It is true if all are there.
func (k *kafkaCheck) exist(ctx context.Context) bool {
	began := time.Now()
	seen, err := k.look(ctx)
	if err != nil {
		k.out.add(failed(ofKafka, "topics", "the metadata cannot be read: %v", err))
		return false
	}
	var missing []string
	for _, name := range k.names {
		if t, ok := seen[name]; ok {
			item := k.replicas(&t)
			item.Took = time.Since(began).Milliseconds()
			k.out.add(item)
		} else {
			missing = append(missing, name)
		}
	}
	if len(missing) == 0 {
		return true
	}
	if _, ok := seen[k.names[0]]; ok && missing[0] == k.names[1] {
		if lost := k.lost(ctx, seen[k.names[0]]); lost != nil {
			k.out.add(*lost)
			missing = missing[1:]
		}
	}
	k.creatable(ctx, missing)
	return false
}

// unseenGrace is how long a topic may be missing before it is taken for one that does not exist: one that was created a
// moment ago is not known to every broker yet.
const unseenGrace = time.Second

// look finds the topics that exist.
func (k *kafkaCheck) look(ctx context.Context) (map[string]kafka.Topic, error) {
	for began := time.Now(); ; {
		res, err := k.client.Kafka().Metadata(ctx, &kafka.MetadataRequest{Topics: k.names})
		if err != nil {
			return nil, err
		}
		seen := map[string]kafka.Topic{}
		for _, t := range res.Topics {
			if t.Error == nil && len(t.Partitions) > 0 {
				seen[t.Name] = t
			}
		}
		if len(seen) == len(k.names) || time.Since(began) > unseenGrace {
			return seen, nil
		}
		select {
		case <-time.After(unseenGrace / 10):
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
		// kafka-go answers metadata from memory.
		if t, ok := k.client.Kafka().Transport.(interface{ CloseIdleConnections() }); ok {
			t.CloseIdleConnections()
		}
	}
}

// replicas says how a topic stands.
func (k *kafkaCheck) replicas(t *kafka.Topic) Item {
	name := "topic " + t.Name
	leaderless, behind, least := 0, 0, len(t.Partitions[0].Replicas)
	for _, p := range t.Partitions {
		least = min(least, len(p.Replicas))
		if p.Leader.Host == "" {
			leaderless++
		}
		if len(p.Isr) < len(p.Replicas) {
			behind++
		}
	}
	has := fmt.Sprintf("%s, %s each", console.Counted(len(t.Partitions), "partition", "partitions"), console.Counted(least, "replica", "replicas"))
	switch {
	case leaderless > 0:
		return failed(ofKafka, name, "%s; %d of them have no leader: brokers are away, start them", has, leaderless)
	case behind > 0:
		return notice(ofKafka, name, "%s; in %d of them replicas are not in sync: with fewer than min.insync.replicas nothing can be written", has, behind)
	}
	return ok(ofKafka, name, "exists: %s", has)
}

// lost is what is wrong if the state topic is missing beside events that were told, nil if none were.
func (k *kafkaCheck) lost(ctx context.Context, events kafka.Topic) *Item {
	req := &kafka.ListOffsetsRequest{Topics: map[string][]kafka.OffsetRequest{}}
	for _, p := range events.Partitions {
		req.Topics[events.Name] = append(req.Topics[events.Name], kafka.LastOffsetOf(p.ID))
	}
	res, err := k.client.Kafka().ListOffsets(ctx, req)
	if err != nil {
		return nil // what is then said of the missing topic is true too
	}
	for _, p := range res.Topics[events.Name] {
		if p.Error == nil && p.LastOffset > 0 {
			item := failed(ofKafka, "topic "+k.names[1], "does not exist, though topic %s has been written to: what was told is not remembered, and a "+
				"worker refuses to start. If it exists and this user may not describe it, %s. Otherwise restore it from a copy, or begin anew "+
				"under another KAFKA_TOPIC", events.Name, k.grant(k.names[1]))
			return &item
		}
	}
	return nil
}

// creatable says of topics that are missing whether the worker may create them. Kafka only validates.
func (k *kafkaCheck) creatable(ctx context.Context, missing []string) {
	replication := k.cfg.Topics.ReplicationFactor
	if replication <= 0 {
		replication = -1
	}
	req := &kafka.CreateTopicsRequest{ValidateOnly: true}
	for _, name := range missing {
		partitions := k.cfg.Topics.Partitions
		if name == k.names[2] {
			partitions = 1
		}
		req.Topics = append(req.Topics, kafka.TopicConfig{Topic: name, NumPartitions: partitions, ReplicationFactor: replication})
	}
	res, err := k.client.Kafka().CreateTopics(ctx, req)
	for _, name := range missing {
		cause := err
		if err == nil {
			cause = res.Errors[name]
		}
		switch {
		case cause == nil:
			k.out.add(notice(ofKafka, "topic "+name, "does not exist yet; attemptstream run creates it, and may. If it should exist, check KAFKA_TOPIC and KAFKA_BROKERS"))
		case errors.Is(cause, kafka.TopicAlreadyExists):
			k.out.add(failed(ofKafka, "topic "+name, "exists and does not show: this user may not describe it, or it was created this moment: %s", k.grant(name)))
		case errors.Is(cause, kafka.TopicAuthorizationFailed), errors.Is(cause, kafka.ClusterAuthorizationFailed):
			k.out.add(failed(ofKafka, "topic "+name, "does not exist, or this user may not describe it: if it exists, %s; if not, create it as "+
				"README.md says, or %s", k.grant(name), k.grant(name, "Create")))
		case errors.Is(cause, kafka.InvalidReplicationFactor):
			k.out.add(failed(ofKafka, "topic "+name, "does not exist, and cannot be created: there are fewer brokers than replicas: "+
				"lower KAFKA_REPLICATION_FACTOR, or add brokers: %v", cause))
		default:
			k.out.add(failed(ofKafka, "topic "+name, "does not exist, and cannot be created: check KAFKA_TOPIC, KAFKA_PARTITIONS and "+
				"KAFKA_REPLICATION_FACTOR, or create it by hand: %v", cause))
		}
	}
}

// settings compares the topics' settings with what the worker needs. All of them exist, so nothing is created.
func (k *kafkaCheck) settings(ctx context.Context) {
	began := time.Now()
	layout, err := topics.Ensure(ctx, k.client.Kafka(), k.cfg.Topics)
	took := time.Since(began).Milliseconds()
	if err != nil {
		item := failed(ofKafka, "topics' settings", "%v", err)
		item.Took = took
		k.out.add(item)
		return
	}
	for _, text := range layout.Notices {
		k.out.add(notice(ofKafka, "topics' settings", "%s", text))
	}
	if len(layout.Notices) == 0 {
		item := ok(ofKafka, "topics' settings", "are as the worker needs them")
		item.Took = took
		k.out.add(item)
	}
}

// grant is the command that gives a worker what it needs on a topic; without operations: all of that.
func (k *kafkaCheck) grant(topic string, operations ...string) string {
	if len(operations) == 0 {
		operations = topics.WorkerRights(k.cfg.Topics.Topic, topic)
	}
	return "grant " + strings.Join(operations, " and ") + " on it: " + topics.GrantCommand(k.cfg.Brokers[0], topic, operations...)
}
