package kafkatx_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"attemptstream/internal/kafkatx"

	"github.com/segmentio/kafka-go/protocol"
)

// The requests of a transaction, in order. Each is a place to crash at, and a request or an answer to lose.
var transactionRequests = []string{"AddPartitionsToTxn", "Produce", "EndTxn(commit)"}

// pair makes records for two partitions.
func pair(topic string, what string) []kafkatx.Record {
	return []kafkatx.Record{
		{Topic: topic, Partition: 0, Value: []byte(what)},
		{Topic: topic, Partition: 1, Value: []byte(what)},
	}
}

// inBoth are the values that both partitions must hold, in this order.
func inBoth(t testing.TB, b *broker, topic string, want ...string) {
	t.Helper()
	var records []kafkatx.Record
	for partition := range 2 {
		for _, v := range want {
			records = append(records, kafkatx.Record{Topic: topic, Partition: partition, Value: []byte(v)})
		}
	}
	got := b.committed(t, topic)
	if len(got) != len(records) {
		t.Fatalf("committed %q, want %q in each partition", values(got), want)
	}
	sameRecords(t, "committed", got, records, false)
}

// A request or an answer that gets lost changes nothing, and the transaction after it begins in a new epoch.
func TestLostRequestOrAnswer(t *testing.T) {
	onBrokers(t, func(t *testing.T, b *broker) {
		for _, kind := range append([]string{"InitProducerId"}, transactionRequests...) {
			for lost, lose := range map[string]func(*faults, string, int){"request": (*faults).loseRequest, "answer": (*faults).loseAnswer} {
				t.Run(kind+" "+lost, func(t *testing.T) {
					t.Parallel()
					topic := b.topic(t, 2)
					c, f := b.client(t)
					if kind == "InitProducerId" {
						lose(f, kind, 1)
					}
					p := b.producer(t, c)
					if kind != "InitProducerId" {
						lose(f, kind, 1)
					}
					before := f.count("InitProducerId")
					for i := range 3 {
						if err := p.Commit(testContext(t), pair(topic, fmt.Sprint(i))); err != nil {
							t.Fatalf("Commit %d: %v", i, err)
						}
					}
					inBoth(t, b, topic, "0", "1", "2")
					bumps := f.count("InitProducerId") - before
					if kind != "InitProducerId" && bumps == 0 {
						t.Error("no new epoch after a request without answer")
					}
				})
			}
		}
	})
}

// crash is where a producer is abandoned.
type crash struct {
	kind      string
	delivered bool // the request still reaches the broker
}

// A producer disappears, and the next owner of its transactional id goes on. When the first one wakes up later, it can
// do no harm, and knows that it is no longer the owner.
func TestCrash(t *testing.T) {
	onBrokers(t, func(t *testing.T, b *broker) {
		for _, kind := range transactionRequests {
			for _, delivered := range []bool{false, true} {
				at := crash{kind, delivered}
				t.Run(fmt.Sprintf("%s delivered %v", kind, delivered), func(t *testing.T) {
					t.Parallel()
					crashAndTakeOver(t, b, at)
				})
			}
		}
	})
}

func crashAndTakeOver(t *testing.T, b *broker, at crash) {
	topic := b.topic(t, 2)
	id := name(t, "txn")
	owner, f := b.client(t)
	old := owner.NewProducer(kafkatx.ProducerConfig{TransactionalID: id})
	if err := old.Init(testContext(t)); err != nil {
		t.Fatal(err)
	}
	if err := old.Commit(testContext(t), pair(topic, "before")); err != nil {
		t.Fatal(err)
	}

	// The old owner freezes: its answer does not come before the new owner is done, and it sends nothing meanwhile.
	frozen, thaw := make(chan struct{}), make(chan struct{})
	f.on(at.kind, 1, func(ctx context.Context, _ protocol.Message, send sender) (protocol.Message, error) {
		if at.delivered {
			if _, err := send(ctx); err != nil {
				return nil, err
			}
		}
		close(frozen)
		<-thaw
		return nil, errInjected
	})
	result := make(chan error, 1)
	go func() { result <- old.Commit(testContext(t), pair(topic, "frozen")) }()
	<-frozen

	heir, _ := b.client(t)
	p := heir.NewProducer(kafkatx.ProducerConfig{TransactionalID: id})
	if err := p.Init(testContext(t)); err != nil {
		t.Fatal(err)
	}
	want := []string{"before"}
	if at.kind == "EndTxn(commit)" && at.delivered {
		want = append(want, "frozen") // Init has completed it
	}
	inBoth(t, b, topic, want...)
	if err := p.Commit(testContext(t), pair(topic, "heir")); err != nil {
		t.Fatal(err)
	}

	before := f.spoken()
	close(thaw)
	err := <-result
	if !errors.Is(err, kafkatx.ErrFenced) {
		t.Errorf("the old owner's Commit = %v, want ErrFenced", err)
	}
	if unknown := errors.Is(err, kafkatx.ErrUnknownOutcome); unknown != (at.kind == "EndTxn(commit)") {
		t.Errorf("the old owner's outcome is unknown: %v (%v)", unknown, err)
	}
	allowed := 1 // the request that is told so
	if b.fake != nil && at.kind == "Produce" {
		allowed = 2 // kfake says 48 to a produce of an old epoch, and 90 only to the abort
	}
	if n := f.spoken() - before; n > allowed {
		t.Errorf("the old owner sent %d requests, want %d", n, allowed)
	}
	silent := f.spoken()
	if err := old.Commit(testContext(t), pair(topic, "zombie")); !errors.Is(err, kafkatx.ErrFenced) {
		t.Errorf("the fenced owner's next Commit = %v", err)
	}
	if f.spoken() != silent {
		t.Error("a fenced producer spoke to Kafka")
	}
	if err := p.Commit(testContext(t), pair(topic, "heir 2")); err != nil {
		t.Fatalf("the new owner, after the old one woke up: %v", err)
	}
	inBoth(t, b, topic, append(want, "heir", "heir 2")...)

	// The old owner gets the account back.
	if err := old.Init(testContext(t)); err != nil {
		t.Fatal(err)
	}
	if err := old.Commit(testContext(t), pair(topic, "back")); err != nil {
		t.Fatal(err)
	}
	if err := p.Commit(testContext(t), pair(topic, "lost")); !errors.Is(err, kafkatx.ErrFenced) {
		t.Errorf("the other one's Commit = %v", err)
	}
	inBoth(t, b, topic, append(want, "heir", "heir 2", "back")...)
}

// A commit without any answer has an unknown outcome, and Init settles it.
func TestUnknownOutcome(t *testing.T) {
	onBrokers(t, func(t *testing.T, b *broker) {
		for _, delivered := range []bool{false, true} {
			t.Run(fmt.Sprint("delivered ", delivered), func(t *testing.T) {
				t.Parallel()
				topic := b.topic(t, 2)
				c, f := b.client(t)
				p := c.NewProducer(kafkatx.ProducerConfig{TransactionalID: name(t, "txn"), TransactionTimeout: 5 * time.Second})
				if err := p.Init(testContext(t)); err != nil {
					t.Fatal(err)
				}
				f.on("EndTxn(commit)", 1, func(ctx context.Context, _ protocol.Message, send sender) (protocol.Message, error) {
					if delivered {
						if _, err := send(ctx); err != nil {
							return nil, err
						}
					}
					f.cut()
					return nil, errInjected
				})
				err := p.Commit(testContext(t), pair(topic, "doubtful"))
				if !errors.Is(err, kafkatx.ErrUnknownOutcome) || errors.Is(err, kafkatx.ErrAborted) {
					t.Fatalf("Commit = %v, want ErrUnknownOutcome", err)
				}
				before := f.spoken()
				if err := p.Commit(testContext(t), pair(topic, "early")); !errors.Is(err, kafkatx.ErrUnknownOutcome) {
					t.Fatalf("Commit before Init = %v", err)
				}
				if f.spoken() != before {
					t.Error("a producer in doubt spoke to Kafka")
				}
				f.release()
				if err := p.Init(testContext(t)); err != nil {
					t.Fatal(err)
				}
				if err := p.Commit(testContext(t), pair(topic, "next")); err != nil {
					t.Fatal(err)
				}
				want := []string{"next"}
				if delivered {
					want = []string{"doubtful", "next"}
				}
				inBoth(t, b, topic, want...)
			})
		}
	})
}
