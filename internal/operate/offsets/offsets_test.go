package offsets_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"attemptstream/internal/brokertest"
	"attemptstream/internal/kafkatest"
	"attemptstream/internal/operate/offsets"
)

func TestMain(m *testing.M) { os.Exit(kafkatest.Main(m)) }

var number atomic.Int64

const partitions = 3

// A log is a topic that franz-go writes to.
type log struct {
	t       *testing.T
	brokers []string
	name    string
	cl      *kgo.Client
}

func newLog(t *testing.T, brokers []string) *log {
	t.Helper()
	l := &log{t: t, brokers: brokers, name: fmt.Sprintf("offsets-%d-%d", os.Getpid(), number.Add(1))}
	var err error
	l.cl, err = kgo.NewClient(kgo.SeedBrokers(brokers...), kgo.TransactionalID(l.name), kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerLinger(0))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.cl.Close)
	if _, err := kadm.NewClient(l.cl).CreateTopic(l.context(), partitions, 1, nil, l.name); err != nil {
		t.Fatal(err)
	}
	return l
}

func (l *log) context() context.Context {
	ctx, cancel := context.WithTimeout(l.t.Context(), time.Minute)
	l.t.Cleanup(cancel)
	return ctx
}

func (l *log) topic() *offsets.Topic {
	return &offsets.Topic{Client: &kafka.Client{Addr: kafka.TCP(l.brokers...)}, Name: l.name, Partitions: partitions}
}

// write writes a record for each time into a transaction, which stays open.
func (l *log) write(partition int32, times ...time.Time) {
	l.t.Helper()
	for _, at := range times {
		r := &kgo.Record{Topic: l.name, Partition: partition, Timestamp: at, Value: []byte("x")}
		if err := l.cl.ProduceSync(l.context(), r).FirstErr(); err != nil {
			l.t.Fatal(err)
		}
	}
}

func (l *log) begin() {
	l.t.Helper()
	if err := l.cl.BeginTransaction(); err != nil {
		l.t.Fatal(err)
	}
}

func (l *log) end(how kgo.TransactionEndTry) {
	l.t.Helper()
	if err := l.cl.EndTransaction(l.context(), how); err != nil {
		l.t.Fatal(err)
	}
}

// settled waits until the end of a transaction shows in all partitions, which is some milliseconds after its answer.
func (l *log) settled(want []int64) {
	l.t.Helper()
	ctx, tick := l.context(), time.NewTicker(5*time.Millisecond)
	defer tick.Stop()
	for {
		ends, err := kadm.NewClient(l.cl).ListCommittedOffsets(ctx, l.name)
		got := make([]int64, partitions)
		ends.Each(func(o kadm.ListedOffset) { got[o.Partition] = o.Offset })
		if err == nil && slices.Equal(got, want) {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			l.t.Fatalf("franz-go finds the stable ends %v, %v, want %v", got, err, want)
		}
	}
}

func (l *log) want(what string, want []int64) func(got []int64, err error) {
	return func(got []int64, err error) {
		l.t.Helper()
		if err != nil || !slices.Equal(got, want) {
			l.t.Errorf("%s: %v, %v, want %v", what, got, err, want)
		}
	}
}

func TestOffsets(t *testing.T) {
	brokertest.OnBoth(t, func(t *testing.T, brokers []string) {
		l := newLog(t, brokers)
		ctx, topic := l.context(), l.topic()
		noon := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
		at := func(ms int) time.Time { return noon.Add(time.Duration(ms) * time.Millisecond) }

		l.want("starts of nothing", []int64{0, 0, 0})(topic.Starts(ctx))
		l.want("stable ends of nothing", []int64{0, 0, 0})(topic.Stable(ctx))
		l.want("a time in nothing", []int64{7, 8, 9})(topic.At(ctx, noon, []int64{7, 8, 9}))

		l.begin()
		l.write(0, at(0), at(10), at(20), at(30), at(40))
		l.write(2, at(25))
		l.end(kgo.TryCommit)
		// Each partition that was written to has a marker now, with the time of today.
		ends := []int64{6, 0, 2}
		l.settled(ends)
		l.want("stable ends", ends)(topic.Stable(ctx))
		l.want("ends", ends)(topic.Ends(ctx))
		l.want("the first time", []int64{0, 0, 0})(topic.At(ctx, noon, ends))
		l.want("just a record's time", []int64{2, 0, 0})(topic.At(ctx, at(20), ends))
		l.want("a nanosecond later", []int64{3, 0, 0})(topic.At(ctx, at(20).Add(1), ends))
		l.want("between two", []int64{3, 0, 0})(topic.At(ctx, at(25), ends))
		l.want("after all records", []int64{5, 0, 1})(topic.At(ctx, at(41), ends))
		l.want("later than anything", ends)(topic.At(ctx, time.Now().Add(time.Hour), ends))

		l.begin()
		l.write(0, at(50))
		l.write(1, at(60), at(70))
		l.want("stable ends, while a transaction is open", ends)(topic.Stable(ctx))
		l.want("ends, while a transaction is open", []int64{7, 2, 2})(topic.Ends(ctx))
		l.end(kgo.TryAbort)
		l.settled([]int64{8, 3, 2})
		l.want("stable ends after it was aborted", []int64{8, 3, 2})(topic.Stable(ctx))

		deleted := kadm.Offsets{}
		deleted.AddOffset(l.name, 0, 4, -1)
		if _, err := kadm.NewClient(l.cl).DeleteRecords(ctx, deleted); err != nil {
			t.Fatal(err)
		}
		l.want("starts after four records were deleted", []int64{4, 0, 0})(topic.Starts(ctx))
	})
}

// TestNoPartition asks for a partition that the topic does not have, which is not taken for an empty one.
func TestNoPartition(t *testing.T) {
	brokertest.OnBoth(t, func(t *testing.T, brokers []string) {
		l := newLog(t, brokers)
		request := []kafka.OffsetRequest{kafka.LastOffsetOf(0), kafka.LastOffsetOf(partitions)}
		if found, err := offsets.Ask(l.context(), l.topic().Client, l.name, kafka.ReadCommitted, request); err == nil {
			t.Errorf("%v", found)
		}
	})
}

// TestCanceled asks brokers that are away: it ends with the caller's patience, and says why.
func TestCanceled(t *testing.T) {
	reason := errors.New("told to stop")
	ctx, cancel := context.WithCancelCause(t.Context())
	time.AfterFunc(50*time.Millisecond, func() { cancel(reason) })
	topic := &offsets.Topic{Client: &kafka.Client{Addr: kafka.TCP(brokertest.Nowhere(t))}, Name: "any", Partitions: 1}
	if got, err := topic.Stable(ctx); !errors.Is(err, reason) {
		t.Errorf("%v, %v, want %v", got, err, reason)
	}
}
