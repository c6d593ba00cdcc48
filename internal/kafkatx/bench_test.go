package kafkatx_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"attemptstream/internal/kafkatx"

	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kgo"
)

// events look like what is usually written: JSON of some 600 bytes.
func events(topic string, n int) []kafkatx.Record {
	rng := rand.New(rand.NewPCG(1, 2))
	records := make([]kafkatx.Record, n)
	for i := range records {
		id := rng.Int64N(1 << 40)
		value := fmt.Sprintf(`{"specversion":"1.0","id":"%d","type":"attempt.completed","time":"2026-01-02T03:04:05Z","data":{`, id)
		for len(value) < 560 {
			value += fmt.Sprintf(`"field%d":"%x",`, rng.IntN(50), rng.Int64())
		}
		records[i] = kafkatx.Record{Topic: topic, Partition: i % 3, Time: time.UnixMilli(1_700_000_000_000 + int64(i)),
			Key: fmt.Append(nil, id), Value: []byte(value + `"end":0}}`)}
	}
	return records
}

// benchBrokers runs a benchmark on both brokers, with small and large transactions, plain and compressed.
func benchBrokers(b *testing.B, bench func(b *testing.B, on *broker, records []kafkatx.Record, codec kafka.Compression)) {
	for _, where := range []string{"kfake", "kafka"} {
		for _, n := range []int{1, 800, 8000} {
			for _, codec := range []string{"none", "zstd"} {
				b.Run(fmt.Sprintf("%s/%d/%s", where, n, codec), func(b *testing.B) {
					var on *broker
					if where == "kfake" {
						on = fakeBroker(b)
					} else {
						on = realBroker(b)
					}
					records := events(on.topic(b, 3), n)
					var size int64
					for _, r := range records {
						size += int64(len(r.Key) + len(r.Value))
					}
					b.SetBytes(size)
					b.ReportAllocs()
					bench(b, on, records, codecs[codec])
				})
			}
		}
	}
}

func BenchmarkCommit(b *testing.B) {
	benchBrokers(b, func(b *testing.B, on *broker, records []kafkatx.Record, codec kafka.Compression) {
		c := kafkatx.NewClient(kafkatx.Config{Brokers: on.addrs})
		defer c.Close()
		p := c.NewProducer(kafkatx.ProducerConfig{TransactionalID: name(b, "txn"), Compression: codec})
		if err := p.Init(b.Context()); err != nil {
			b.Fatal(err)
		}
		for b.Loop() {
			if err := p.Commit(b.Context(), records); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkFranzCommit writes the same with franz-go's transactional producer.
func BenchmarkFranzCommit(b *testing.B) {
	benchBrokers(b, func(b *testing.B, on *broker, records []kafkatx.Record, codec kafka.Compression) {
		compression := kgo.NoCompression()
		if codec == kafka.Zstd {
			compression = kgo.ZstdCompression().WithLevel(1)
		}
		cl, err := kgo.NewClient(kgo.SeedBrokers(on.addrs...), kgo.RecordPartitioner(kgo.ManualPartitioner()),
			kgo.TransactionalID(name(b, "txn")), kgo.ProducerBatchCompression(compression), kgo.ProducerLinger(0))
		if err != nil {
			b.Fatal(err)
		}
		defer cl.Close()
		for b.Loop() {
			if err := cl.BeginTransaction(); err != nil {
				b.Fatal(err)
			}
			var failed kgo.FirstErrPromise
			for _, r := range records {
				cl.Produce(b.Context(), &kgo.Record{Topic: r.Topic, Partition: int32(r.Partition), Timestamp: r.Time, Key: r.Key, Value: r.Value},
					failed.Promise())
			}
			if err := failed.Err(); err != nil {
				b.Fatal(err)
			}
			if err := cl.EndTransaction(b.Context(), kgo.TryCommit); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkRead reads 80,000 records of 600 bytes.
func BenchmarkRead(b *testing.B) {
	for name := range codecs {
		b.Run(name, func(b *testing.B) {
			on := fakeBroker(b)
			topic := on.topic(b, 1)
			c := kafkatx.NewClient(kafkatx.Config{Brokers: on.addrs})
			defer c.Close()
			p := c.NewProducer(kafkatx.ProducerConfig{TransactionalID: "bench", Compression: codecs[name]})
			if err := p.Init(b.Context()); err != nil {
				b.Fatal(err)
			}
			records := events(topic, 8000)
			for i := range records {
				records[i].Partition = 0
			}
			for range 10 {
				if err := p.Commit(b.Context(), records); err != nil {
					b.Fatal(err)
				}
			}
			b.SetBytes(80_000 * 600)
			b.ReportAllocs()
			for b.Loop() {
				n := 0
				if _, err := c.ReadCommitted(b.Context(), topic, 0, 0, func(kafkatx.Record) error { n++; return nil }); err != nil || n != 80_000 {
					b.Fatal(n, err)
				}
			}
		})
	}
}
