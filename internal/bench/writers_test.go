//go:build linux

package bench_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kgo"

	"attemptstream/internal/kafkatx"
)

// The levels are those that the command uses, which is each library's fastest.
var (
	codecs      = map[string]kafka.Compression{"none": 0, "lz4": kafka.Lz4, "zstd": kafka.Zstd}
	franzCodecs = map[string]kgo.CompressionCodec{"none": kgo.NoCompression(), "lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression().WithLevel(1)}
)

// transactions commits through kafkatx.
type transactions struct {
	topic    string
	producer *kafkatx.Producer
	records  []kafkatx.Record
}

func openKafkatx(ctx context.Context, t task) (writer, error) {
	client := kafkatx.NewClient(kafkatx.Config{Brokers: t.Brokers, MetadataTopics: []string{t.Topic}})
	p := client.NewProducer(kafkatx.ProducerConfig{TransactionalID: t.Topic, Compression: codecs[t.Compression]})
	return &transactions{topic: t.Topic, producer: p}, p.Init(ctx)
}

func (w *transactions) prepare(chunk []finished) {
	w.records = w.records[:0]
	for _, f := range chunk {
		w.records = append(w.records, kafkatx.Record{Topic: w.topic, Partition: int(f.partition), Time: f.at, Key: f.key, Value: f.value, Headers: f.headers})
	}
}

func (w *transactions) send(ctx context.Context) error { return w.producer.Commit(ctx, w.records) }
func (w *transactions) finish(context.Context) error   { return nil }

// franz is a client of franz-go, and records made for it.
type franz struct {
	topic   string
	client  *kgo.Client
	records []kgo.Record
	headers []kgo.RecordHeader
}

func openFranz(t task, opts ...kgo.Opt) (franz, error) {
	client, err := kgo.NewClient(append(opts, kgo.SeedBrokers(t.Brokers...), kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerBatchCompression(franzCodecs[t.Compression]), kgo.ProducerLinger(0))...)
	return franz{topic: t.Topic, client: client}, err
}

func (w *franz) prepare(chunk []finished) {
	w.records, w.headers = w.records[:0], w.headers[:0]
	for _, f := range chunk {
		w.headers = slices.Grow(w.headers, len(f.headers))
		from := len(w.headers)
		for _, h := range f.headers {
			w.headers = append(w.headers, kgo.RecordHeader(h))
		}
		w.records = append(w.records, kgo.Record{Topic: w.topic, Partition: f.partition, Timestamp: f.at, Key: f.key, Value: f.value,
			Headers: w.headers[from:len(w.headers):len(w.headers)]})
	}
}

type franzTransactional struct{ franz }

func openFranzTransactional(_ context.Context, t task) (writer, error) {
	w, err := openFranz(t, kgo.TransactionalID(t.Topic))
	return &franzTransactional{w}, err
}

func (w *franzTransactional) send(ctx context.Context) error {
	if err := w.client.BeginTransaction(); err != nil {
		return err
	}
	var failed kgo.FirstErrPromise
	for i := range w.records {
		w.client.Produce(ctx, &w.records[i], failed.Promise())
	}
	if err := failed.Err(); err != nil {
		return err
	}
	return w.client.EndTransaction(ctx, kgo.TryCommit)
}

func (w *franzTransactional) finish(context.Context) error { return nil }

type franzIdempotent struct {
	franz
	mu     sync.Mutex
	failed error
}

func openFranzIdempotent(_ context.Context, t task) (writer, error) {
	w, err := openFranz(t)
	return &franzIdempotent{franz: w}, err
}

func (w *franzIdempotent) prepare(chunk []finished) {
	// The client may still have the records from before.
	w.records, w.headers = make([]kgo.Record, 0, len(chunk)), make([]kgo.RecordHeader, 0, cap(w.headers))
	w.franz.prepare(chunk)
}

func (w *franzIdempotent) send(ctx context.Context) error {
	for i := range w.records {
		w.client.Produce(ctx, &w.records[i], w.sent)
	}
	return w.error()
}

func (w *franzIdempotent) sent(_ *kgo.Record, err error) {
	if err != nil {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.failed = errors.Join(w.failed, err)
	}
}

func (w *franzIdempotent) error() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.failed
}

func (w *franzIdempotent) finish(ctx context.Context) error {
	return errors.Join(w.client.Flush(ctx), w.error())
}

// kafkaGo is kafka-go's Writer, which knows neither transactions nor idempotence, used as fast as it goes: without
// waiting for its answers, and with as much under way as franz-go has by itself.
type kafkaGo struct {
	writer   *kafka.Writer
	messages []kafka.Message
	mu       sync.Mutex
	changed  *sync.Cond
	open     int // messages without an answer
	failed   error
}

func openKafkaGo(_ context.Context, t task) (writer, error) {
	w := &kafkaGo{}
	w.changed = sync.NewCond(&w.mu)
	w.writer = &kafka.Writer{
		Addr: kafka.TCP(t.Brokers...), Topic: t.Topic, Compression: codecs[t.Compression], RequiredAcks: kafka.RequireAll,
		Balancer:  kafka.BalancerFunc(func(m kafka.Message, _ ...int) int { return m.Partition }),
		BatchSize: perTransaction, BatchBytes: 1 << 20, BatchTimeout: 5 * time.Millisecond,
		Async: true, Completion: w.sent,
	}
	return w, nil
}

func (w *kafkaGo) sent(messages []kafka.Message, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.open -= len(messages)
	w.failed = errors.Join(w.failed, err)
	w.changed.Broadcast()
}

func (w *kafkaGo) prepare(chunk []finished) {
	w.messages = w.messages[:0] // the Writer copies them, and keeps what they point at
	headers := 0
	for _, f := range chunk {
		headers += len(f.headers)
	}
	all := make([]kafka.Header, 0, headers)
	for _, f := range chunk {
		from := len(all)
		all = append(all, f.headers...)
		w.messages = append(w.messages, kafka.Message{Partition: int(f.partition), Time: f.at, Key: f.key, Value: f.value,
			Headers: all[from:len(all):len(all)]})
	}
}

func (w *kafkaGo) send(ctx context.Context) error {
	w.mu.Lock()
	for w.open > perTransaction && w.failed == nil {
		w.changed.Wait()
	}
	w.open += len(w.messages)
	err := w.failed
	w.mu.Unlock()
	if err != nil {
		return err
	}
	return w.writer.WriteMessages(ctx, w.messages...)
}

func (w *kafkaGo) finish(context.Context) error {
	err := w.writer.Close()
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.open != 0 {
		err = errors.Join(err, fmt.Errorf("%d messages have no answer", w.open))
	}
	return errors.Join(err, w.failed)
}
