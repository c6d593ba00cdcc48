package kafkatx

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol/produce"
	"github.com/segmentio/kafka-go/protocol/rawproduce"
)

// acksAll waits for all in-sync replicas: with fewer, what is committed may be lost.
const acksAll = -1

// errNoAnswer: the broker's answer leaves out a partition that was asked for.
var errNoAnswer = errors.New("the broker's answer lacks the partition")

// produceRequest is what one broker is sent in a round.
type produceRequest struct {
	writes   []*partitionWrite
	errs     []error             // the answer to each; nil is success
	throttle time.Duration       // what the broker wants us to wait
	req      *rawproduce.Request // nil: no leader is known, and errs is set
}

// route makes a request for each leader, with the first batch of each partition. Partitions without a leader come in a
// request that is not to be sent, with their errors.
func (p *Producer) route(ctx context.Context, round []*partitionWrite) []*produceRequest {
	var topics []string
	for _, w := range round {
		if !slices.Contains(topics, w.topic) {
			topics = append(topics, w.topic)
		}
	}
	leaders, failed, err := p.client.leaders(ctx, topics)
	lost := &produceRequest{}
	requests := []*produceRequest{lost}
	byLeader := make(map[int32]*produceRequest)
	for _, w := range round {
		leader, ok := leaders[w.topicPartition]
		if !ok {
			lost.writes = append(lost.writes, w)
			lost.errs = append(lost.errs, noLeaderReason(w.topicPartition, failed, err))
			continue
		}
		r := byLeader[leader]
		if r == nil {
			r = &produceRequest{req: p.newRequest()}
			byLeader[leader] = r
			requests = append(requests, r)
		}
		r.add(w)
	}
	return requests
}

func (p *Producer) newRequest() *rawproduce.Request {
	return &rawproduce.Request{
		TransactionalID: p.id,
		Acks:            acksAll,
		// The broker should give up before we do, since an answer is worth more than none.
		Timeout: int32((p.client.requestTimeout / 2).Milliseconds()),
	}
}

// add puts a partition's first batch into the request. Its bytes are the same each time.
func (r *produceRequest) add(w *partitionWrite) {
	r.writes = append(r.writes, w)
	part := rawproduce.RequestPartition{Partition: w.partition}
	part.RecordSet.Reader = bytes.NewReader(w.batches[0].wire)
	at := slices.IndexFunc(r.req.Topics, func(t rawproduce.RequestTopic) bool { return t.Topic == w.topic })
	if at < 0 {
		at = len(r.req.Topics)
		r.req.Topics = append(r.req.Topics, rawproduce.RequestTopic{Topic: w.topic})
	}
	r.req.Topics[at].Partitions = append(r.req.Topics[at].Partitions, part)
}

// noLeaderReason says why a partition cannot be routed.
func noLeaderReason(tp topicPartition, failed map[string]error, lookup error) error {
	if lookup != nil {
		return &routingError{fmt.Errorf("%s: %w", stageMetadata, lookup)}
	}
	if err := failed[tp.topic]; err != nil {
		return err
	}
	return kafka.LeaderNotAvailable
}

// send sends the request and keeps the answers in errs.
func (r *produceRequest) send(ctx context.Context, c *Client) {
	if r.req == nil {
		return
	}
	msg, err := c.roundTrip(ctx, r.req)
	if err != nil {
		r.errs = slices.Repeat([]error{err}, len(r.writes))
		return
	}
	answers := make(map[topicPartition]error)
	if res, ok := msg.(*produce.Response); ok {
		r.throttle = time.Duration(res.ThrottleTimeMs) * time.Millisecond
		for i := range res.Topics {
			for j := range res.Topics[i].Partitions {
				part := &res.Topics[i].Partitions[j]
				answers[topicPartition{res.Topics[i].Topic, part.Partition}] = produceError(part)
			}
		}
	}
	for _, w := range r.writes {
		err, ok := answers[w.topicPartition]
		if !ok {
			err = errNoAnswer
		}
		r.errs = append(r.errs, err)
	}
}

// refusal is a broker's refusal of a batch, and of one of its records if it says which.
type refusal struct {
	code    kafka.Error
	message string
	record  int // in the batch, then in the records given to the call; -1: not known
}

func produceError(part *produce.ResponsePartition) error {
	if part.ErrorCode == 0 {
		return nil
	}
	e := &refusal{code: kafka.Error(part.ErrorCode), message: part.ErrorMessage, record: -1}
	if len(part.RecordErrors) > 0 {
		e.record = int(part.RecordErrors[0].BatchIndex)
		if m := part.RecordErrors[0].BatchIndexErrorMessage; m != "" {
			e.message = m
		}
	}
	return e
}

func (e *refusal) Error() string {
	s := e.code.Error()
	if e.message != "" {
		s += ": " + e.message
	}
	if e.record >= 0 {
		s = fmt.Sprintf("record %d: %s", e.record, s)
	}
	return s
}

func (e *refusal) Unwrap() error { return e.code }

// nameRecord replaces the number of a record in the batch by its number in the transaction.
func (w *partitionWrite) nameRecord(err error) error {
	var e *refusal
	if b := w.batches[0]; errors.As(err, &e) && e.record >= 0 {
		if at := b.from + e.record; at < b.to {
			e.record = int(w.entries[at].at)
		} else {
			e.record = -1
		}
	}
	return err
}
