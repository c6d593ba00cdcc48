//go:build linux

package bench_test

import (
	"strconv"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"attemptstream/internal/kafkatest"
	"attemptstream/internal/kafkatx"
	"attemptstream/internal/state"
)

// BenchmarkCompaction writes the same three days of a sparse account with 20,000 invitations a day to a real Kafka and to the
// model of BenchmarkYear, and says what both have after compaction.
func BenchmarkCompaction(b *testing.B) {
	const segmentBytes = 1 << 20
	brokers := kafkatest.Shared(b).Addrs()
	for b.Loop() {
		there := newRealLog(b, brokers, map[string]string{
			"cleanup.policy": "compact", "segment.bytes": strconv.Itoa(segmentBytes), "min.cleanable.dirty.ratio": "0.001",
			"max.compaction.lag.ms": "1000", "delete.retention.ms": "0",
		})
		model := newCompactedLog(b, there.at.Topic, segmentBytes)
		y := newYearsAccount(b, 20_000, 100, model)
		polls := 3 * int(24*time.Hour/yearPoll)
		for i := range polls {
			if i == polls-1 {
				time.Sleep(2 * time.Second) // an old segment is closed when more is to be written
			}
			records, err := y.tell(y.step())
			if err == nil {
				err = there.producer.Commit(b.Context(), records)
			}
			if err == nil {
				err = model.commit(b.Context(), time.Time{}, records) // always at the same time: only segments that are full are closed
			}
			if err != nil {
				b.Fatal(err)
			}
			y.memory.Commit()
		}
		b.ReportMetric(float64(model.written)/1e6, "model-written-MB")
		if err := model.all(b.Context()); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(model.size)/1e3, "model-KB")
		b.ReportMetric(float64(model.records()), "model-records")
		bytes, records := there.compacted(b)
		b.ReportMetric(float64(bytes)/1e3, "kafka-KB")
		b.ReportMetric(float64(records), "kafka-records")
		y.recovers(b, there.client, there.at.Topic)
		b.ReportMetric(0, "ns/op")
	}
}

// A realLog is a partition of a compacted topic of a real Kafka.
type realLog struct {
	at       state.Partition
	admin    *kadm.Client
	client   *kafkatx.Client
	producer *kafkatx.Producer
}

func newRealLog(b *testing.B, brokers []string, settings map[string]string) *realLog {
	cl, err := kgo.NewClient(kgo.SeedBrokers(brokers...))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(cl.Close)
	l := &realLog{at: state.Partition{Topic: topic()}, admin: kadm.NewClient(cl)}
	configs := map[string]*string{}
	for k, v := range settings {
		configs[k] = &v
	}
	if _, err := l.admin.CreateTopic(b.Context(), 1, 1, configs, l.at.Topic); err != nil {
		b.Fatal(err)
	}
	l.client = kafkatx.NewClient(kafkatx.Config{Brokers: brokers, MetadataTopics: []string{l.at.Topic}})
	b.Cleanup(l.client.Close)
	l.producer = l.client.NewProducer(kafkatx.ProducerConfig{TransactionalID: l.at.Topic, Compression: kafka.Zstd})
	if err := l.producer.Init(b.Context()); err != nil {
		b.Fatal(err)
	}
	return l
}

// compacted is what the partition takes, and how many records it has, when the cleaner finds nothing more to do.
func (l *realLog) compacted(b *testing.B) (bytes int64, records int) {
	b.Helper()
	const settled = 15 // seconds without a change: the cleaner looks every second
	for same := 0; same < settled; time.Sleep(time.Second) {
		dirs, err := l.admin.DescribeAllLogDirs(b.Context(), nil)
		if err != nil {
			b.Fatal(err)
		}
		size := int64(0)
		dirs.Each(func(d kadm.DescribedLogDir) {
			d.Topics.Each(func(p kadm.DescribedLogDirPartition) {
				if p.Topic == l.at.Topic {
					size += p.Size
				}
			})
		})
		if same++; size != bytes {
			bytes, same = size, 0
		}
	}
	if _, err := l.client.ReadCommitted(b.Context(), l.at.Topic, 0, 0, func(kafkatx.Record) error { records++; return nil }); err != nil {
		b.Fatal(err)
	}
	return bytes, records
}
