package check

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/segmentio/kafka-go"

	"attemptstream/internal/attempt"
	"attemptstream/internal/kafkatx"
	"attemptstream/internal/ownership"
)

// read finds out whether the topic that a worker reads may be read: with a fetch from beyond the end of a log, which Kafka
// answers only to who may read it.
func (k *kafkaCheck) read(ctx context.Context) {
	*k.out = append(*k.out, each(1, 1, func(int) Item {
		topic := k.names[1]
		name := "right to read " + topic
		_, err := k.client.ReadCommitted(ctx, topic, 0, math.MaxInt64, func(kafkatx.Record) error { return nil })
		var beyond *kafkatx.OffsetOutOfRangeError
		var refused *kafkatx.AuthorizationError
		switch {
		case err == nil, errors.As(err, &beyond):
			return ok(ofKafka, name, "granted")
		case errors.As(err, &refused):
			return failed(ofKafka, name, "missing: %s", k.grant(topic, "Read"))
		}
		return failed(ofKafka, name, "cannot be said: %v", err)
	})...)
}

// join finds out whether the group may be joined by which workers share the accounts: with a heartbeat of a member that
// does not exist.
func (k *kafkaCheck) join(ctx context.Context) {
	group := ownership.GroupID(k.cfg.Topics.Topic)
	name := "right to join group " + group
	ctx, cancel := context.WithTimeoutCause(ctx, coordinatorTime, fmt.Errorf("no answer within %s", coordinatorTime))
	defer cancel()
	for pause := 20 * time.Millisecond; ; pause *= 2 {
		err := ownership.MayJoin(ctx, k.client.Kafka(), group)
		var refused *ownership.RightsError
		switch {
		case err == nil:
			k.out.add(ok(ofKafka, name, "granted"))
			return
		case errors.As(err, &refused):
			k.out.add(failed(ofKafka, name, "missing: grant Read on it: kafka-acls.sh --bootstrap-server %s --add --allow-principal User:NAME "+
				"--operation Read --group %s", k.cfg.Brokers[0], group))
			return
		case ctx.Err() != nil:
			k.out.add(failed(ofKafka, name, "cannot be said: %v", err))
			return
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
		}
	}
}

const (
	// nobody is a producer id that no producer gets: they are given out from 0 on.
	nobody = math.MaxInt64
	// coordinatorTime is how long a coordinator may take. On a cluster that never had a transaction it is elected first.
	coordinatorTime = 8 * time.Second
)

// The codes that kafka-go knows by other names, or not at all.
const operationNotAttempted kafka.Error = 55

// write finds out whether each account may write transactionally to the topics. Nothing is written: see the package.
func (k *kafkaCheck) write(ctx context.Context) {
	*k.out = append(*k.out, each(len(k.accounts), 4, func(i int) Item { return k.writeAs(ctx, k.accounts[i]) })...)
}

func (k *kafkaCheck) writeAs(ctx context.Context, a attempt.Account) Item {
	name := k.transactional(a)
	id := k.cfg.Topics.Topic + "/" + string(a)
	ctx, cancel := context.WithTimeoutCause(ctx, coordinatorTime, fmt.Errorf("no answer within %s", coordinatorTime))
	defer cancel()
	var last error
	for pause := 20 * time.Millisecond; ; pause *= 2 {
		err := k.probe(ctx, id)
		var topic *topicError
		switch {
		case err == nil:
			return ok(ofKafka, name, "may be used, and may write to the topics (asked without writing anything)")
		case errors.Is(err, kafka.TransactionalIDAuthorizationFailed):
			return failed(ofKafka, name, "may not be used: grant Write on it: kafka-acls.sh --bootstrap-server %s --add --allow-principal User:NAME "+
				"--operation Write --transactional-id %s/ --resource-pattern-type prefixed", k.cfg.Brokers[0], k.cfg.Topics.Topic)
		case errors.As(err, &topic) && errors.Is(err, kafka.TopicAuthorizationFailed):
			return failed(ofKafka, name, "may not write to topic %s: %s", topic.name, k.grant(topic.name, "Write"))
		case ctx.Err() != nil:
			if last == nil {
				last = err
			}
			return failed(ofKafka, name, "cannot be said: the transaction coordinator does not answer: check the brokers' logs, and "+
				"transaction.state.log.replication.factor and .min.isr where there are fewer than three brokers: %v", last)
		}
		last = err
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
		}
	}
}

// A topicError is what is wrong with one topic.
type topicError struct {
	name string
	err  error
}

func (e *topicError) Error() string { return fmt.Sprintf("topic %s: %v", e.name, e.err) }
func (e *topicError) Unwrap() error { return e.err }

// probe asks, as a producer that cannot exist, for the topics to be added to a transaction. It returns nil if that is
// the only thing that is wrong with it.
func (k *kafkaCheck) probe(ctx context.Context, id string) error {
	found, err := k.client.Kafka().FindCoordinator(ctx, &kafka.FindCoordinatorRequest{Key: id, KeyType: kafka.CoordinatorKeyTypeTransaction})
	if err == nil {
		err = found.Error
	}
	if err != nil {
		return err
	}
	req := &kafka.AddPartitionsToTxnRequest{TransactionalID: id, ProducerID: nobody, Topics: map[string][]kafka.AddPartitionToTxn{}}
	for _, name := range k.names {
		req.Topics[name] = []kafka.AddPartitionToTxn{{Partition: 0}}
	}
	res, err := k.client.Kafka().AddPartitionsToTxn(ctx, req)
	if err != nil {
		return err
	}
	granted := 0
	var worst error
	for _, name := range k.names {
		for _, p := range res.Topics[name] {
			switch {
			case errors.Is(p.Error, kafka.InvalidProducerIDMapping):
				granted++
			case p.Error == nil:
				return fmt.Errorf("the broker took producer %d, which does not exist", int64(nobody))
			case worst == nil || errors.Is(worst, operationNotAttempted):
				worst = &topicError{name, p.Error}
			}
		}
	}
	if worst == nil && granted < len(k.names) {
		worst = errors.New("the answer lacks topics")
	}
	return worst
}
