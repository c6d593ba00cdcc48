package tail

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/segmentio/kafka-go"
)

// listPatience is how long offsets are asked for while leaders move and brokers are away.
const listPatience = 15 * time.Second

// stable are the last stable offsets of all partitions: what is committed lies before them.
func (t *tail) stable(ctx context.Context) ([]int64, error) {
	return t.list(ctx, "ends", kafka.LastOffsetOf, func(p kafka.PartitionOffsets) int64 { return p.LastOffset })
}

// starts are where the logs begin by now.
func (t *tail) starts(ctx context.Context) ([]int64, error) {
	return t.list(ctx, "starts", kafka.FirstOffsetOf, func(p kafka.PartitionOffsets) int64 { return p.FirstOffset })
}

// at are the offsets of the first records with a timestamp of at least when; math.MaxInt64 where there is none. To
// Kafka's index, a transaction's marker is a record too, with the time of its end.
func (t *tail) at(ctx context.Context, when time.Time) ([]int64, error) {
	// Timestamps are in whole milliseconds, so one that is not before when is not before it rounded up.
	if rest := when.Sub(when.Truncate(time.Millisecond)); rest > 0 {
		when = when.Truncate(time.Millisecond).Add(time.Millisecond)
	}
	request := func(partition int) kafka.OffsetRequest { return kafka.TimeOffsetOf(partition, when) }
	return t.list(ctx, "places of a time", request, func(p kafka.PartitionOffsets) int64 {
		for offset := range p.Offsets {
			if offset >= 0 { // -1: there is none
				return offset
			}
		}
		return math.MaxInt64
	})
}

// list asks for an offset of every partition.
func (t *tail) list(ctx context.Context, what string, request func(int) kafka.OffsetRequest, offset func(kafka.PartitionOffsets) int64) ([]int64, error) {
	req := &kafka.ListOffsetsRequest{IsolationLevel: kafka.ReadCommitted, Topics: map[string][]kafka.OffsetRequest{}}
	for partition := range t.topic.Partitions {
		req.Topics[t.topic.Name] = append(req.Topics[t.topic.Name], request(partition))
	}
	began := time.Now()
	for pause := 20 * time.Millisecond; ; pause = min(2*pause, time.Second) {
		offsets, err := t.listOnce(ctx, req, offset)
		if err == nil {
			return offsets, nil
		}
		err = fmt.Errorf("find the %s of topic %q: %w", what, t.topic.Name, err)
		var code kafka.Error
		if ctx.Err() != nil || time.Since(began) > listPatience || errors.As(err, &code) && !passes(code) {
			return nil, err
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		// kafka-go keeps connections to where a leader was.
		if transport, ok := t.client.Kafka().Transport.(interface{ CloseIdleConnections() }); ok {
			transport.CloseIdleConnections()
		}
	}
}

// passes tells whether an answer may be another one in a moment. For kafka-go a partition that is not known, a leader
// that has gone (code 8 is its own), and one that did not answer while others did (-1) are no such, though all of them
// pass after an election.
func passes(code kafka.Error) bool {
	switch code {
	case kafka.Unknown, kafka.UnknownTopicOrPartition, kafka.BrokerNotAvailable, kafka.OffsetNotAvailable, kafka.FencedLeaderEpoch, kafka.UnknownLeaderEpoch:
		return true
	}
	return code.Temporary()
}

func (t *tail) listOnce(ctx context.Context, req *kafka.ListOffsetsRequest, offset func(kafka.PartitionOffsets) int64) ([]int64, error) {
	res, err := t.client.Kafka().ListOffsets(ctx, req)
	if err != nil {
		return nil, err
	}
	offsets := make([]int64, t.topic.Partitions)
	found := 0
	for _, p := range res.Topics[t.topic.Name] {
		if p.Error != nil {
			return nil, fmt.Errorf("partition %d: %w", p.Partition, p.Error)
		}
		offsets[p.Partition] = offset(p)
		found++
	}
	if found != t.topic.Partitions {
		return nil, fmt.Errorf("the answer has %d of %d partitions", found, t.topic.Partitions)
	}
	return offsets, nil
}
