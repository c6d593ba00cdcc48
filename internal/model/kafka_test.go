package model

import (
	"context"
	"fmt"
	"hash/crc32"
	"os"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"

	"attemptstream/internal/kafkatest"
	"attemptstream/internal/witness"
)

func TestMain(m *testing.M) { os.Exit(kafkatest.Main(m)) }

// A real Kafka, asked the same.
func TestFactsOnKafka(t *testing.T) {
	t.Parallel()
	brokers := kafkatest.Shared(t).Addrs()
	client, err := kgo.NewClient(kgo.SeedBrokers(brokers...), kgo.MaxVersions(kversion.V3_4_0())) // transaction protocol 1
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	for i, f := range facts() {
		if f.fleeting {
			continue
		}
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			k := &realKafka{client: client, id: fmt.Sprintf("model-%d-%d", os.Getpid(), i)}
			if _, err := kadm.NewClient(client).CreateTopic(ctx, 2, 1, nil, k.id); err != nil {
				t.Fatal(err)
			}
			for i, e := range f.script {
				if e.request == markers {
					continue // they are waited for: see exchange
				}
				if got, err := k.exchange(ctx, e.request, e.code); err != nil || got != e.code {
					t.Fatalf("exchange %d, %v: %v (%v), want %v", i+1, e.request, answer{code: got}, err, answer{code: e.code})
				}
			}
			epoch, status, err := k.describe(ctx)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := k.exchange(ctx, request{kind: initFresh}, done); err != nil { // nothing is left open
				t.Fatal(err)
			}
			records, err := witness.Records(ctx, brokers, k.id)
			if err != nil {
				t.Fatal(err)
			}
			var seen partition
			for _, r := range records {
				seen.commit(batch{events: setOf(string(r.Value))})
			}
			f.compare(t, seen.once, seen.twice, epoch, status)
		})
	}
}

// A realKafka is asked what the model's is, under a transactional id and about a topic of the same name.
type realKafka struct {
	client   *kgo.Client
	id       string
	producer int64
}

const pause = 2 * time.Millisecond

// exchange sends a request until its answer is not "concurrent", unless that is what is wanted, or that the cluster is
// not ready: a new topic has no leader for a moment, a cold coordinator is loading.
func (k *realKafka) exchange(ctx context.Context, r request, want code) (code, error) {
	for {
		err := k.ask(ctx, r)
		c, ok := map[error]code{
			nil:                           done,
			kerr.ConcurrentTransactions:   concurrent,
			kerr.NotEnoughReplicas:        concurrent,
			kerr.InvalidProducerEpoch:     fenced,
			kerr.ProducerFenced:           fenced,
			kerr.InvalidTxnState:          invalid,
			kerr.OutOfOrderSequenceNumber: outOfOrder,
		}[err]
		if ok && (c != concurrent || want == concurrent) {
			return c, nil
		}
		if !ok && !kerr.IsRetriable(err) {
			return noAnswer, err
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return noAnswer, fmt.Errorf("%w; last: %w", ctx.Err(), err)
		}
	}
}

// ask sends a request once.
func (k *realKafka) ask(ctx context.Context, r request) error {
	switch r.kind {
	case initFresh, initRaise:
		return k.initProducerID(ctx, r)
	case addPartitions:
		req := kmsg.NewAddPartitionsToTxnRequest()
		req.TransactionalID, req.ProducerID, req.ProducerEpoch = k.id, k.producer, int16(r.epoch)
		topic := kmsg.NewAddPartitionsToTxnRequestTopic()
		topic.Topic = k.id
		r.parts.each(func(at uint8) { topic.Partitions = append(topic.Partitions, int32(at)) })
		req.Topics = append(req.Topics, topic)
		res, err := req.RequestWith(ctx, k.client)
		if err != nil {
			return err
		}
		return kerr.ErrorForCode(res.Topics[0].Partitions[0].ErrorCode)
	case produce:
		return k.produce(ctx, r)
	}
	req := kmsg.NewEndTxnRequest()
	req.TransactionalID, req.ProducerID, req.ProducerEpoch, req.Commit = k.id, k.producer, int16(r.epoch), r.kind == endCommit
	res, err := req.RequestWith(ctx, k.client)
	if err != nil {
		return err
	}
	return kerr.ErrorForCode(res.ErrorCode)
}

func (k *realKafka) initProducerID(ctx context.Context, r request) error {
	req := kmsg.NewInitProducerIDRequest()
	req.TransactionalID, req.TransactionTimeoutMillis = kmsg.StringPtr(k.id), int32(time.Minute.Milliseconds())
	req.ProducerID, req.ProducerEpoch = -1, -1
	if r.kind == initRaise {
		req.ProducerID, req.ProducerEpoch = k.producer, int16(r.epoch)
	}
	res, err := req.RequestWith(ctx, k.client)
	if err != nil {
		return err
	}
	if err := kerr.ErrorForCode(res.ErrorCode); err != nil {
		return err
	}
	k.producer = res.ProducerID
	return nil
}

// produce writes a batch of one record, so that sequence numbers count batches, as in the model.
func (k *realKafka) produce(ctx context.Context, r request) error {
	var letters []byte
	r.batch.events.each(func(e uint8) { letters = append(letters, 'a'+e) })
	record := kmsg.NewRecord()
	record.Value = letters
	record.Length = int32(len(record.AppendTo(nil)) - 1) // all but the length itself, which is one byte
	b := kmsg.NewRecordBatch()
	b.PartitionLeaderEpoch, b.Magic, b.Attributes = -1, 2, 0x10 // transactional
	b.FirstTimestamp = time.Now().UnixMilli()
	b.MaxTimestamp = b.FirstTimestamp
	b.ProducerID, b.ProducerEpoch, b.FirstSequence = k.producer, int16(r.epoch), int32(r.sequence)
	b.NumRecords, b.Records = 1, record.AppendTo(nil)
	b.Length = int32(len(b.AppendTo(nil)) - 12) // what follows the length
	b.CRC = int32(crc32.Checksum(b.AppendTo(nil)[21:], crc32.MakeTable(crc32.Castagnoli)))

	req := kmsg.NewProduceRequest()
	req.TransactionID, req.Acks, req.TimeoutMillis = kmsg.StringPtr(k.id), -1, 5000
	topic := kmsg.NewProduceRequestTopic()
	topic.Topic = k.id
	part := kmsg.NewProduceRequestTopicPartition()
	part.Partition, part.Records = int32(r.partition), b.AppendTo(nil)
	topic.Partitions = append(topic.Partitions, part)
	req.Topics = append(req.Topics, topic)
	res, err := req.RequestWith(ctx, k.client)
	if err != nil {
		return err
	}
	return kerr.ErrorForCode(res.Topics[0].Partitions[0].ErrorCode)
}

// describe is what the coordinator knows, once all markers are written.
func (k *realKafka) describe(ctx context.Context) (epoch int8, at status, err error) {
	for {
		req := kmsg.NewDescribeTransactionsRequest()
		req.TransactionalIDs = []string{k.id}
		res, err := req.RequestWith(ctx, k.client)
		if err != nil {
			return 0, 0, err
		}
		txn := res.TransactionStates[0]
		if err := kerr.ErrorForCode(txn.ErrorCode); err != nil {
			return 0, 0, err
		}
		if at, ok := map[string]status{"Empty": empty, "Ongoing": ongoing, "CompleteCommit": completeCommit,
			"CompleteAbort": completeAbort}[txn.State]; ok {
			return int8(txn.ProducerEpoch), at, nil
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return 0, 0, fmt.Errorf("the transaction is %q: %w", txn.State, ctx.Err())
		}
	}
}
