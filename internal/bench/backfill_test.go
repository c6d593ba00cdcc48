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
// Reported are the medians in events per second, how much of franz-go's speed the command has (ratio), for each the
// spread (its slowest turn by its fastest), and the processor time of both clients for an event, which other work on the
// machine changes less.
func BenchmarkBackfillAndFranz(b *testing.B) {
	h := historyOf(attempts(b, 500_000))
	onBrokers(b, h, func(b *testing.B, p *place) {
		records := p.capture()
		var ours, franz turns
		command := func() {
			name := topic()
			ours.add(p.backfill(name))
			p.holds(name, h.attempts)
			p.drop(name, name+".state", name+".dlq")
		}
		p.franz(records) // the broker is warm for both
		for b.Loop() {
			command()
			franz.add(p.franz(records))
			franz.add(p.franz(records))
			command()
		}
		b.Logf("command %v, franz-go %v", ours.took, franz.took)
		n := float64(h.attempts)
		b.ReportMetric(n/median(ours.took).Seconds(), "events/s")
		b.ReportMetric(n/median(franz.took).Seconds(), "franz-events/s")
		b.ReportMetric(float64(median(franz.took))/float64(median(ours.took)), "ratio")
		b.ReportMetric(spread(ours.took), "spread")
		b.ReportMetric(spread(franz.took), "franz-spread")
		b.ReportMetric(float64(median(ours.cpu).Nanoseconds())/n, "cpu-ns/event")
		b.ReportMetric(float64(median(franz.cpu).Nanoseconds())/n, "franz-cpu-ns/event")
		b.ReportMetric(0, "ns/op")
	})
}

// turns are how long the turns of one side took, and how much processor time.
type turns struct{ took, cpu []time.Duration }

func (t *turns) add(took, cpu time.Duration) {
	t.took, t.cpu = append(t.took, took), append(t.cpu, cpu)
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
// transactions as large as it likes best, and returns how long that took and the processor time. It is warm before: it has
// its connections, its producer id, the topic's metadata, and a transaction behind it.
func (p *place) franz(records []*kgo.Record) (took, cpu time.Duration) {
	p.b.Helper()
	const perTransaction = 8000
	ctx, name := p.b.Context(), topic()
	p.create(name)
	defer p.drop(name)
	client, err := kgo.NewClient(kgo.SeedBrokers(p.brokers...), kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.TransactionalID(name), kgo.ProducerBatchCompression(kgo.ZstdCompression().WithLevel(1)), kgo.ProducerLinger(0),
		kgo.DefaultProduceTopic(name))
	if err != nil {
		p.b.Fatal(err)
	}
	defer client.Close()
	transaction := func(records []kgo.Record) {
		if err := client.BeginTransaction(); err != nil {
			p.b.Fatal(err)
		}
		var failed kgo.FirstErrPromise
		for i := range records {
			client.Produce(ctx, &records[i], failed.Promise())
		}
		if err := failed.Err(); err != nil {
			p.b.Fatal(err)
		}
		if err := client.EndTransaction(ctx, kgo.TryCommit); err != nil {
			p.b.Fatal(err)
		}
	}
	mine := make([]kgo.Record, len(records))
	for i, r := range records {
		mine[i] = kgo.Record{Topic: name, Partition: r.Partition, Timestamp: r.Timestamp, Key: r.Key, Value: r.Value, Headers: r.Headers}
	}
	transaction(slices.Clone(mine[:100]))
	began, used := time.Now(), ownCPU()
	for part := range slices.Chunk(mine, perTransaction) {
		transaction(part)
	}
	took, cpu = time.Since(began), ownCPU()-used
	p.holds(name, len(records))
	return took, cpu
}

func median(d []time.Duration) time.Duration {
	s := slices.Sorted(slices.Values(d))
	return (s[(len(s)-1)/2] + s[len(s)/2]) / 2
}

func spread(d []time.Duration) float64 { return float64(slices.Max(d)) / float64(slices.Min(d)) }
