//go:build linux

package bench_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/protocol/addpartitionstotxn"
	"github.com/segmentio/kafka-go/protocol/endtxn"
	"github.com/segmentio/kafka-go/protocol/findcoordinator"
	"github.com/segmentio/kafka-go/protocol/initproducerid"
	"github.com/segmentio/kafka-go/protocol/metadata"
	"github.com/segmentio/kafka-go/protocol/produce"
	"github.com/segmentio/kafka-go/protocol/rawproduce"

	"attemptstream/internal/attempt"
	"attemptstream/internal/complete"
	"attemptstream/internal/event"
	"attemptstream/internal/imocha"
	"attemptstream/internal/kafkatx"
	"attemptstream/internal/schedule"
)

// BenchmarkEncoder makes record batches of attempts, with all that a transaction does but a network and a broker.
func BenchmarkEncoder(b *testing.B) {
	for _, compression := range compressions {
		b.Run(compression, func(b *testing.B) {
			to := &nowhere{topic: "events"}
			client := kafkatx.NewClient(kafkatx.Config{Brokers: []string{"127.0.0.1:1"}, RoundTripper: to})
			defer client.Close()
			p := client.NewProducer(kafkatx.ProducerConfig{TransactionalID: "bench", Compression: codecs[compression]})
			if err := p.Init(b.Context()); err != nil {
				b.Fatal(err)
			}
			encoder, err := event.NewEncoder(event.Plain, nil)
			if err != nil {
				b.Fatal(err)
			}
			told := observations(perTransaction)
			var made records
			used := ownCPU()
			b.ReportAllocs()
			for b.Loop() {
				if err := p.Commit(b.Context(), made.of(encoder, to.topic, told)); err != nil {
					b.Fatal(err)
				}
			}
			n := float64(b.N * len(told))
			b.ReportMetric(float64((ownCPU()-used).Nanoseconds())/n, "cpu-ns/event")
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/n, "ns/event")
			b.ReportMetric(float64(to.written)/n, "wire-B/event")
		})
	}
}

// BenchmarkReader reads a long history from answers of usual length, with all that a backfill does for that but a network.
func BenchmarkReader(b *testing.B) {
	const perWindow = 1000
	h := historyOf(attempts(b, 100_000))
	states, window := h.render(), h.end.Sub(h.start)*perWindow/time.Duration(h.attempts)
	to := &canned{}
	api, err := imocha.New(imocha.Config{BaseURL: "http://127.0.0.1:1", Account: attempt.DefaultAccount, Key: imocha.StaticKey("key"),
		RequestTimeout: time.Minute, RateLimit: 1e9, Concurrency: 1, Transport: to})
	if err != nil {
		b.Fatal(err)
	}
	r := complete.Reader{Longest: 4 * perWindow, Now: time.Now,
		Request: func(ctx context.Context, state attempt.State, w attempt.Window, begin func() func(*imocha.Entry) error) error {
			to.entries = states[state].between(w)
			return api.Attempts(ctx, state, w, begin())
		}}
	r.Trust.Set(schedule.Trust{Proven: 4 * perWindow})
	n := 0
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	used := ownCPU()
	for b.Loop() {
		for from := h.start; from.Before(h.end); from = from.Add(window) {
			for _, state := range attempt.States() {
				a, _, err := r.Read(b.Context(), state, schedule.Span{From: attempt.InstantOf(from), Until: attempt.InstantOf(from.Add(window))})
				if err != nil {
					b.Fatal(err)
				}
				n += a.Length
				r.Release(a)
			}
		}
	}
	cpu := ownCPU() - used
	runtime.ReadMemStats(&after)
	if n < b.N*h.attempts {
		b.Fatalf("%d attempts were read, want %d", n, b.N*h.attempts)
	}
	b.ReportMetric(float64(cpu.Nanoseconds())/float64(n), "cpu-ns/event")
	b.ReportMetric(float64(after.TotalAlloc-before.TotalAlloc)/float64(n), "B/event")
	b.ReportMetric(float64(after.Mallocs-before.Mallocs)/float64(n), "allocs/event")
	b.ReportMetric(0, "ns/op")
}

// canned is an API without a network, which answers with entries.
type canned struct{ entries []byte }

func (c *canned) RoundTrip(*http.Request) (*http.Response, error) {
	text := io.MultiReader(strings.NewReader(`{"result":{"testAttempts":[`), bytes.NewReader(c.entries), strings.NewReader(`]},"errors":null}`))
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(text)}, nil
}

// observations look like those of a backfill: in answers of a thousand attempts.
func observations(n int) []event.Observation {
	at := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	told := make([]event.Observation, n)
	for i := range told {
		told[i] = event.Observation{
			Account: attempt.DefaultAccount, State: attempt.Completed, ObservedAt: at.Add(time.Duration(i/1000) * time.Millisecond),
			Window: attempt.Window{Start: attempt.InstantOf(at.Add(-time.Hour)), End: attempt.InstantOf(at.Add(-time.Minute))},
			Attempt: attempt.Attempt{ID: 2_655_161 + int64(i), Status: "Completed", TestID: attempt.Some(292_930 + int64(i%40)),
				Name: attempt.Some(fmt.Sprintf("Bel%d Cor%d", i*7919%1000, i%300)), InvitationType: attempt.Some("api"),
				Email: attempt.Some(fmt.Sprintf("bel%d.cor%d@example.com", i*7919%1000, i%300))},
		}
	}
	return told
}

// records are memory for records, used again.
type records struct {
	records []kafkatx.Record
	bodies  []body
	key     []byte
}

// A body is an event that is rendered in its batch, as the worker has it done.
type body struct {
	form    *event.Form
	attempt *attempt.Attempt
}

func (b *body) Size() int                { return b.form.BodySize(b.attempt) }
func (b *body) Append(dst []byte) []byte { return b.form.AppendBody(dst, b.attempt) }

// of are the records of what was told.
func (r *records) of(encoder *event.Encoder, topic string, told []event.Observation) []kafkatx.Record {
	r.records, r.bodies = r.records[:0], slices.Grow(r.bodies[:0], len(told))
	var form *event.Form
	for i := range told {
		o := &told[i]
		if form == nil || !form.Fits(o) {
			form = encoder.Form(o)
		}
		r.bodies = append(r.bodies, body{form, &o.Attempt})
		r.key = event.AppendKey(r.key[:0], o.Attempt.ID)
		r.records = append(r.records, kafkatx.Record{Topic: topic, Partition: event.Partition(r.key, partitions), Time: o.ObservedAt, Body: &r.bodies[i]})
	}
	return r.records
}

// nowhere is a cluster that takes everything and keeps nothing.
type nowhere struct {
	topic   string
	written int64
}

func (n *nowhere) RoundTrip(_ context.Context, _ net.Addr, req kafka.Request) (kafka.Response, error) {
	if w, ok := req.(interface{ Unwrap() protocol.Message }); ok {
		req = w.Unwrap() // of what a coordinator is asked
	}
	switch req := req.(type) {
	case *findcoordinator.Request:
		return &findcoordinator.Response{NodeID: 1}, nil
	case *metadata.Request:
		topic := metadata.ResponseTopic{Name: n.topic}
		for i := range int32(partitions) {
			topic.Partitions = append(topic.Partitions, metadata.ResponsePartition{PartitionIndex: i, LeaderID: 1})
		}
		return &metadata.Response{Brokers: []metadata.ResponseBroker{{NodeID: 1, Host: "127.0.0.1", Port: 1}}, Topics: []metadata.ResponseTopic{topic}}, nil
	case *initproducerid.Request:
		return &initproducerid.Response{ProducerID: 1}, nil
	case *addpartitionstotxn.Request:
		res := &addpartitionstotxn.Response{}
		for _, t := range req.Topics {
			result := addpartitionstotxn.ResponseResult{Name: t.Name}
			for _, i := range t.Partitions {
				result.Results = append(result.Results, addpartitionstotxn.ResponsePartition{PartitionIndex: i})
			}
			res.Results = append(res.Results, result)
		}
		return res, nil
	case *rawproduce.Request:
		res := &produce.Response{}
		for _, t := range req.Topics {
			topic := produce.ResponseTopic{Topic: t.Topic}
			for _, p := range t.Partitions {
				size, err := io.Copy(io.Discard, p.RecordSet.Reader)
				if err != nil {
					return nil, err
				}
				n.written += size
				topic.Partitions = append(topic.Partitions, produce.ResponsePartition{Partition: p.Partition})
			}
			res.Topics = append(res.Topics, topic)
		}
		return res, nil
	case *endtxn.Request:
		return &endtxn.Response{}, nil
	}
	return nil, fmt.Errorf("no answer to %T", protocol.Message(req))
}
