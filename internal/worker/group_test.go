package worker_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"

	"attemptstream/internal/attempt"
	"attemptstream/internal/brokertest"
	"attemptstream/internal/ownership"
	"attemptstream/internal/topics"
	"attemptstream/internal/worker"
)

// inGroup makes a worker share the accounts with others.
func inGroup(c *worker.Config) {
	counts := make([]int, c.Topics.State.Partitions)
	for _, a := range c.Accounts {
		counts[topics.StatePartition(a.Name, c.Topics.State.Partitions)]++
	}
	c.Ownership = ownership.New(ownership.Config{Kafka: c.Kafka.Kafka(), Group: ownership.GroupID(c.Topics.Events.Name),
		Topic: c.Topics.State.Name, Accounts: counts, ClientID: "worker", Log: c.Log})
}

// A recorder is a way to Kafka that takes down what is sent, in order.
type recorder struct {
	way
	mu   sync.Mutex
	sent []string
}

func (r *recorder) RoundTrip(ctx context.Context, addr net.Addr, req kafka.Request) (kafka.Response, error) {
	r.mu.Lock()
	r.sent = append(r.sent, kindOf(req))
	r.mu.Unlock()
	return r.way.RoundTrip(ctx, addr, req)
}

func (r *recorder) all() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.sent)
}

// A worker is frozen at a point of a transaction for longer than the session timeout. The one that stands by takes over and
// finishes. The first one, awake again, sends nothing of a transaction before the group has counted it in again: not even an
// abort, and least of all InitProducerID. Then it is a worker like any other, and ends in order.
func TestFrozenLongerThanSession(t *testing.T) {
	points := map[string]point{
		"taking over":                 {requestInit, 1, answerLost},
		"before AddPartitionsToTxn":   {requestAdd, 2, neverSent},
		"after the first produce":     {requestProduce, 1, answered},
		"produce under way":           {requestProduce, 3, late},
		"before the second EndTxn":    {requestCommit, 2, neverSent},
		"EndTxn sent, under way":      {requestCommit, 2, late},
		"EndTxn, answer lost":         {requestCommit, 3, answerLost},
		"committed, memory as it was": {requestCommit, 1, answered},
	}
	brokertest.OnBoth(t, func(t *testing.T, brokers []string) {
		for name, at := range points {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				w := crashWorld(t, brokers)
				wire := &recorder{way: transport()}
				f := newFreezer(at)
				f.way = wire
				defer f.thaw()
				ctx, cancel := context.WithTimeout(t.Context(), patience)
				defer cancel()
				first := w.worker(f, oneByOne, inGroup)
				result := make(chan error, 1)
				go func() { result <- first.Run(ctx) }()
				select {
				case <-f.frozen:
				case err := <-result:
					t.Fatalf("the first worker never came to the point: %v, %+v", err, first.Progress())
				}
				second := w.read(inGroup)
				w.verify(w.scope())
				told := w.records()
				before := len(wire.all())
				f.thaw()
				if err := <-result; err != nil || ctx.Err() != nil {
					t.Fatalf("the first worker, awake again, ended with %v (%v): %+v", err, ctx.Err(), first.Progress())
				}
				if now := w.records(); now != told {
					t.Errorf("%d records after the first worker came back, %d before", now, told)
				}
				underWay := 0
				if at.fate == late {
					underWay = 1
				}
				joined := false
				for _, kind := range wire.all()[before:] {
					joined = joined || kind == "JoinGroup"
					switch kind {
					case requestInit, requestAdd, requestProduce, requestCommit, "EndTxn(abort)":
						if underWay--; !joined && underWay < 0 {
							t.Errorf("the worker sent %s before it was counted in again: %v", kind, wire.all()[before:])
						}
					}
				}
				w.verify(w.scope())
				w.agree(second)
			})
		}
	})
}

// A worker that is to end when all is read ends too where another one reads, and says of the accounts that they are another's.
func TestOnceBesideAnother(t *testing.T) {
	brokertest.OnBoth(t, func(t *testing.T, brokers []string) {
		w := crashWorld(t, brokers)
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		stop := w.schedule.Stop
		w.schedule.Stop = 0 // this one goes on for ever
		owner := w.worker(nil, inGroup)
		running, end := context.WithCancel(ctx)
		result := make(chan error, 1)
		go func() { result <- owner.Run(running) }()
		for !owner.Progress()[0].Owned {
			if ctx.Err() != nil {
				t.Fatal("the first worker does not take over")
			}
			time.Sleep(10 * time.Millisecond)
		}
		w.schedule.Stop = stop
		once := w.worker(nil, inGroup)
		standby := make(chan bool, 1)
		go func() {
			defer close(standby)
			for ctx.Err() == nil {
				if p := once.Progress()[0]; p.Standby && !p.Owned {
					standby <- true
					return
				}
				time.Sleep(10 * time.Millisecond)
			}
		}()
		if err := once.Run(ctx); err != nil || ctx.Err() != nil {
			t.Fatalf("the one that stood by ended with %v, %v", err, ctx.Err())
		}
		if !<-standby {
			t.Error("it never said that it stands by")
		}
		if p := owner.Progress()[0]; !p.Owned || p.Standby || p.Front.Before(stop.Time()) {
			t.Errorf("the owner is at %+v, and the other one ended", p)
		}
		end()
		if err := <-result; err != nil {
			t.Error(err)
		}
		w.verify(w.scope())
	})
}

// The state topic is given more partitions, so that an account's memory lies elsewhere: the worker says so, and tells nothing
// again.
func TestStateMoved(t *testing.T) {
	brokertest.OnBoth(t, func(t *testing.T, brokers []string) {
		w := crashWorld(t, brokers)
		first := w.read(inGroup)
		told := w.records()
		was, now := topics.StatePartition(account, 3), 4
		for topics.StatePartition(account, now) == was {
			now++
		}
		client := first.kafka.Kafka()
		res, err := client.CreatePartitions(t.Context(), &kafka.CreatePartitionsRequest{Topics: []kafka.TopicPartitionsConfig{
			{Name: topics.StateTopic(w.topic), Count: int32(now)}}})
		if err != nil || res.Errors[topics.StateTopic(w.topic)] != nil {
			t.Fatal(err, res)
		}
		w.schedule.Stop = attempt.InstantOf(day.Add(2 * time.Hour))
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		for { // the broker that was asked may not know of the new partitions yet
			p := w.worker(nil, inGroup)
			if p.Topics.State.Partitions < now {
				continue
			}
			err = p.Run(ctx)
			break
		}
		var moved *worker.StateMovedError
		if !errors.As(err, &moved) || moved.Found != was || moved.At.Partition != topics.StatePartition(account, now) {
			t.Fatalf("a worker that would have told all again ended with %v", err)
		}
		mustMention(t, err, fmt.Sprintf("partition %d", was), "number of partitions", "KAFKA_TOPIC")
		if n := w.records(); n != told {
			t.Errorf("%d records, %d before", n, told)
		}
	})
}
