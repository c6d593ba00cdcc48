//go:build linux

package bench_test

import (
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"attemptstream/internal/witness"
)

// BenchmarkBackfillAndFranz lets the command read a long history into Kafka, from the start of its process to its end,
// and franz-go's transactional producer write the same records, by turns.
//
// Reported are the medians in events per second, how much of franz-go's speed the command has (ratio), and for each the
// spread: its slowest turn by its fastest.
func BenchmarkBackfillAndFranz(b *testing.B) {
	h := historyOf(attempts(b, 500_000))
	onBrokers(b, h, func(b *testing.B, p *place) {
		records := p.capture()
		franz := func() time.Duration { return p.franz(records) }
		ours := func() time.Duration {
			name := topic()
			defer p.drop(name, name+".state", name+".dlq")
			took := p.backfill(name)
			p.holds(name, h.attempts)
			return took
		}
		franz() // the broker is warm for both
		var took [2][]time.Duration
		for b.Loop() {
			took[0] = append(took[0], ours())
			took[1] = append(took[1], franz(), franz())
			took[0] = append(took[0], ours())
		}
		a, f := median(took[0]), median(took[1])
		b.ReportMetric(float64(h.attempts)/a.Seconds(), "events/s")
		b.ReportMetric(float64(h.attempts)/f.Seconds(), "franz-events/s")
		b.ReportMetric(float64(f)/float64(a), "ratio")
		b.ReportMetric(spread(took[0]), "spread")
		b.ReportMetric(spread(took[1]), "franz-spread")
		b.ReportMetric(0, "ns/op")
	})
}

// capture are the records of a backfill, in an order in which transactions have all partitions in them.
func (p *place) capture() []*kgo.Record {
	p.b.Helper()
	name := topic()
	p.backfill(name)
	found, err := witness.Records(p.b.Context(), p.brokers, name)
	if err != nil {
		p.b.Fatal(err)
	}
	if len(found) != p.history.attempts {
		p.b.Fatalf("%d events in the topic, want %d", len(found), p.history.attempts)
	}
	p.drop(name, name+".state", name+".dlq")
	slices.SortStableFunc(found, func(a, b *kgo.Record) int { return a.Timestamp.Compare(b.Timestamp) })
	return found
}

// franz writes the records with franz-go's transactional producer, with the compression that the command uses, in
// transactions as large as it likes best, and returns how long that took. Connections and the producer id are there
// before.
func (p *place) franz(records []*kgo.Record) time.Duration {
	p.b.Helper()
	const perTransaction = 8000
	ctx, name := p.b.Context(), topic()
	if _, err := p.admin.CreateTopics(ctx, partitions, 1, nil, name); err != nil {
		p.b.Fatal(err)
	}
	defer p.drop(name)
	client, err := kgo.NewClient(kgo.SeedBrokers(p.brokers...), kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.TransactionalID(name), kgo.ProducerBatchCompression(kgo.ZstdCompression().WithLevel(1)), kgo.ProducerLinger(0),
		kgo.DefaultProduceTopic(name))
	if err != nil {
		p.b.Fatal(err)
	}
	defer client.Close()
	if _, _, err := client.ProducerID(ctx); err != nil {
		p.b.Fatal(err)
	}
	mine := make([]kgo.Record, len(records))
	for i, r := range records {
		mine[i] = kgo.Record{Topic: name, Partition: r.Partition, Timestamp: r.Timestamp, Key: r.Key, Value: r.Value, Headers: r.Headers}
	}
	began := time.Now()
	for part := range slices.Chunk(mine, perTransaction) {
		if err := client.BeginTransaction(); err != nil {
			p.b.Fatal(err)
		}
		var failed kgo.FirstErrPromise
		for i := range part {
			client.Produce(ctx, &part[i], failed.Promise())
		}
		if err := failed.Err(); err != nil {
			p.b.Fatal(err)
		}
		if err := client.EndTransaction(ctx, kgo.TryCommit); err != nil {
			p.b.Fatal(err)
		}
	}
	took := time.Since(began)
	p.holds(name, len(records))
	return took
}

func median(d []time.Duration) time.Duration {
	s := slices.Sorted(slices.Values(d))
	return (s[(len(s)-1)/2] + s[len(s)/2]) / 2
}

func spread(d []time.Duration) float64 { return float64(slices.Max(d)) / float64(slices.Min(d)) }
