package status_test

import (
	"context"
	"fmt"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kgo"

	"attemptstream/internal/attempt"
	"attemptstream/internal/kafkatest"
	"attemptstream/internal/kafkatx"
	"attemptstream/internal/schedule"
	"attemptstream/internal/topics"
)

const patience = time.Minute

func TestMain(m *testing.M) { os.Exit(kafkatest.Main(m)) }

func testContext(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// A stream is three topics, into whose state topic tests write as workers do.
type stream struct {
	t       testing.TB
	brokers []string
	kafka   *kafkatx.Client
	layout  topics.Layout
}

var topicNumber atomic.Int64

func newStream(t testing.TB, brokers []string, partitions int) *stream {
	t.Helper()
	c := kafkatx.NewClient(kafkatx.Config{Brokers: brokers, RequestTimeout: 20 * time.Second})
	t.Cleanup(c.Close)
	layout, err := topics.Ensure(testContext(t), c.Kafka(), topics.Config{
		Topic: fmt.Sprintf("status-%d-%d", os.Getpid(), topicNumber.Add(1)), Partitions: partitions, ReplicationFactor: 1,
	})
	if err != nil {
		t.Fatal(err)
	}
	return &stream{t: t, brokers: brokers, kafka: c, layout: layout}
}

// commit writes records of an account to its partition of the state topic, in one transaction.
func (s *stream) commit(account attempt.Account, records ...kafkatx.Record) {
	s.t.Helper()
	p := s.kafka.NewProducer(kafkatx.ProducerConfig{TransactionalID: s.layout.Events.Name + "/" + string(account), Compression: kafka.Zstd})
	if err := p.Init(testContext(s.t)); err != nil {
		s.t.Fatal(err)
	}
	for i := range records {
		records[i].Topic, records[i].Partition = s.layout.State.Name, topics.StatePartition(account, s.layout.State.Partitions)
	}
	if err := p.Commit(testContext(s.t), records); err != nil {
		s.t.Fatal(err)
	}
}

// checkpoint is a record as the account's owner writes it.
func checkpoint(t testing.TB, c *schedule.Checkpoint, at time.Time) kafkatx.Record {
	t.Helper()
	value, err := c.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return kafkatx.Record{Key: []byte(string(c.Account) + "/checkpoint"), Value: value, Time: at}
}

// open leaves a transaction open in a partition of the state topic until the function that it returns is called.
func (s *stream) open(partition int) (end func()) {
	s.t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(s.brokers...), kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.TransactionalID(fmt.Sprintf("%s/open/%d", s.layout.State.Name, partition)), kgo.TransactionTimeout(patience))
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(cl.Close)
	if err := cl.BeginTransaction(); err != nil {
		s.t.Fatal(err)
	}
	r := &kgo.Record{Topic: s.layout.State.Name, Partition: int32(partition), Key: []byte("someone/letter/00"), Value: []byte("x")}
	if err := cl.ProduceSync(testContext(s.t), r).FirstErr(); err != nil {
		s.t.Fatal(err)
	}
	return func() {
		s.t.Helper()
		if err := cl.EndTransaction(testContext(s.t), kgo.TryAbort); err != nil {
			s.t.Fatal(err)
		}
	}
}
