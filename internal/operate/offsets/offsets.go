// Package offsets asks Kafka where the partitions of a topic begin and end, and where in them a time is. The answers are by
// partition, and complete.
package offsets

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/segmentio/kafka-go"
)

const (
	// patience is how long is asked while leaders move and brokers are away.
	patience = 30 * time.Second

	// requestTime is the deadline of one request: kafka-go leaves goroutines hanging without.
	requestTime = 5 * time.Second
)

// A Topic is one whose partitions are asked for.
type Topic struct {
	Client     *kafka.Client
	Name       string
	Partitions int
}

// Starts are where the logs begin by now.
func (t *Topic) Starts(ctx context.Context) ([]int64, error) {
	return t.list(ctx, "starts", kafka.ReadCommitted, kafka.FirstOffsetOf, func(p kafka.PartitionOffsets) int64 { return p.FirstOffset })
}

// Stable are the last stable offsets: what is committed lies before them, and no transaction that is open.
func (t *Topic) Stable(ctx context.Context) ([]int64, error) {
	return t.list(ctx, "last stable offsets", kafka.ReadCommitted, kafka.LastOffsetOf, func(p kafka.PartitionOffsets) int64 { return p.LastOffset })
}

// Ends are the high watermarks: what replicas have lies before them, be it committed or not.
func (t *Topic) Ends(ctx context.Context) ([]int64, error) {
	return t.list(ctx, "ends", kafka.ReadUncommitted, kafka.LastOffsetOf, func(p kafka.PartitionOffsets) int64 { return p.LastOffset })
}

// At are the offsets of the first records with a timestamp of at least when; where there is none, those of ends. To Kafka's index,
// a transaction's marker is a record too, with the time of its end.
func (t *Topic) At(ctx context.Context, when time.Time, ends []int64) ([]int64, error) {
	// Timestamps are in whole milliseconds, so one that is not before when is not before it rounded up.
	if rest := when.Sub(when.Truncate(time.Millisecond)); rest > 0 {
		when = when.Truncate(time.Millisecond).Add(time.Millisecond)
	}
	request := func(partition int) kafka.OffsetRequest { return kafka.TimeOffsetOf(partition, when) }
	return t.list(ctx, "places of a time", kafka.ReadCommitted, request, func(p kafka.PartitionOffsets) int64 {
		for offset := range p.Offsets {
			if offset >= 0 { // -1: there is none
				return offset
			}
		}
		return ends[p.Partition]
	})
}

// list asks for an offset of every partition, until it has all.
func (t *Topic) list(
	ctx context.Context, what string, level kafka.IsolationLevel, request func(partition int) kafka.OffsetRequest,
	offset func(kafka.PartitionOffsets) int64,
) ([]int64, error) {
	requests := make([]kafka.OffsetRequest, t.Partitions)
	for p := range requests {
		requests[p] = request(p)
	}
	began := time.Now()
	for pause := 20 * time.Millisecond; ; pause = min(2*pause, time.Second) {
		bounded, cancel := context.WithTimeout(ctx, requestTime)
		found, err := Ask(bounded, t.Client, t.Name, level, requests)
		cancel()
		var code kafka.Error
		switch {
		case err == nil:
			list := make([]int64, t.Partitions)
			for p := range list {
				list[p] = offset(found[p])
			}
			return list, nil
		case ctx.Err() != nil:
			return nil, context.Cause(ctx)
		case time.Since(began) > patience || errors.As(err, &code) && !passes(code):
			return nil, fmt.Errorf("find the %s of topic %q: %w; check that KAFKA_BROKERS can be reached and that this user may read the topic",
				what, t.Name, err)
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
		}
		// kafka-go answers metadata from memory, and keeps connections to where a leader was.
		if transport, ok := t.Client.Transport.(interface{ CloseIdleConnections() }); ok {
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

// Ask asks once for offsets of partitions of a topic. All partitions that are asked for are in the answer, by their numbers.
func Ask(ctx context.Context, client *kafka.Client, topic string, level kafka.IsolationLevel, requests []kafka.OffsetRequest) (map[int]kafka.PartitionOffsets, error) {
	res, err := client.ListOffsets(ctx, &kafka.ListOffsetsRequest{Topics: map[string][]kafka.OffsetRequest{topic: requests}, IsolationLevel: level})
	if err != nil {
		return nil, err
	}
	found := make(map[int]kafka.PartitionOffsets)
	for _, p := range res.Topics[topic] {
		if p.Error != nil {
			return nil, fmt.Errorf("partition %d: %w", p.Partition, p.Error)
		}
		found[p.Partition] = p
	}
	for _, r := range requests {
		if _, ok := found[r.Partition]; !ok {
			return nil, fmt.Errorf("the answer has no partition %d", r.Partition)
		}
	}
	return found, nil
}
