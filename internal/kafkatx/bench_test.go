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

// committer is a way to write the same records in one transaction again and again.
type committer func(b *testing.B, on *broker, records []kafkatx.Record, codec kafka.Compression) (commit func() error)

// benchBrokers runs a benchmark on both brokers, with small and large transactions, plain and compressed.
func benchBrokers(b *testing.B, bench func(b *testing.B, on *broker, records []kafkatx.Record, codec kafka.Compression)) {
	for where, connect := range map[string]func(testing.TB) *broker{"kfake": fakeBroker, "kafka": realBroker} {
		for _, n := range []int{1, 800, 8000} {
			for _, codec := range []string{"none", "zstd"} {
				b.Run(fmt.Sprintf("%s/%d/%s", where, n, codec), func(b *testing.B) {
					on := connect(b)
					records := events(on.topic(b, 3), n)
					bench(b, on, records, codecs[codec])
				})
			}
		}
	}
}

func benchCommits(b *testing.B, of committer) {
	benchBrokers(b, func(b *testing.B, on *broker, records []kafkatx.Record, codec kafka.Compression) {
		var size int64
		for _, r := range records {
			size += int64(len(r.Key) + len(r.Value))
		}
		b.SetBytes(size)
		b.ReportAllocs()
		commit := of(b, on, records, codec)
		for b.Loop() {
			if err := commit(); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkCommit(b *testing.B)      { benchCommits(b, ours) }
func BenchmarkFranzCommit(b *testing.B) { benchCommits(b, franz) }

// BenchmarkCommitAndFranz lets both take turns on the same broker, so that neither has a warmer one or a quieter
// machine, and reports how many times as long franz-go takes. A turn is several transactions: each one's next
// transaction may have to wait for the end of its last.
func BenchmarkCommitAndFranz(b *testing.B) {
	const turn = 10
	benchBrokers(b, func(b *testing.B, on *broker, records []kafkatx.Record, codec kafka.Compression) {
		both := []func() error{ours(b, on, records, codec), franz(b, on, records, codec)}
		var took [2]time.Duration
		for b.Loop() {
			for i, commit := range both {
				began := time.Now()
				for range turn {
					if err := commit(); err != nil {
						b.Fatal(err)
					}
				}
				took[i] += time.Since(began)
			}
		}
		b.ReportMetric(float64(took[0].Microseconds())/float64(b.N*turn), "µs-ours")
		b.ReportMetric(float64(took[1].Microseconds())/float64(b.N*turn), "µs-franz")
		b.ReportMetric(float64(took[1])/float64(took[0]), "franz/ours")
	})
}

func ours(b *testing.B, on *broker, records []kafkatx.Record, codec kafka.Compression) func() error {
	c := kafkatx.NewClient(kafkatx.Config{Brokers: on.addrs})
	b.Cleanup(c.Close)
	p := c.NewProducer(kafkatx.ProducerConfig{TransactionalID: name(b, "txn"), Compression: codec})
	if err := p.Init(b.Context()); err != nil {
		b.Fatal(err)
	}
	return func() error { return p.Commit(b.Context(), records) }
}

// franz writes with franz-go's transactional producer.
func franz(b *testing.B, on *broker, records []kafkatx.Record, codec kafka.Compression) func() error {
	compression := kgo.NoCompression()
	if codec == kafka.Zstd {
		compression = kgo.ZstdCompression().WithLevel(1)
	}
	cl, err := kgo.NewClient(kgo.SeedBrokers(on.addrs...), kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.TransactionalID(name(b, "txn")), kgo.ProducerBatchCompression(compression), kgo.ProducerLinger(0))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(cl.Close)
	return func() error {
		if err := cl.BeginTransaction(); err != nil {
			return err
		}
		var failed kgo.FirstErrPromise
		for _, r := range records {
			cl.Produce(b.Context(), &kgo.Record{Topic: r.Topic, Partition: int32(r.Partition), Timestamp: r.Time, Key: r.Key, Value: r.Value},
				failed.Promise())
		}
		if err := failed.Err(); err != nil {
			return err
		}
		return cl.EndTransaction(b.Context(), kgo.TryCommit)
	}
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
