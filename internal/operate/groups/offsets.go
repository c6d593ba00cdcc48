package groups

import (
	"context"
	"errors"
	"fmt"

	"github.com/segmentio/kafka-go"

	"attemptstream/internal/operate/offsets"
)

// committed are the offsets that a group has committed, by partition; those without one are missing.
func committed(ctx context.Context, client *kafka.Client, group, topic string, partitions int) (map[int]int64, error) {
	return ask(ctx, client, fmt.Sprintf("read the offsets of group %q", group), func(ctx context.Context) (map[int]int64, error) {
		res, err := client.OffsetFetch(ctx, &kafka.OffsetFetchRequest{GroupID: group, Topics: map[string][]int{topic: numbers(partitions)}})
		if err != nil {
			return nil, err
		}
		if errors.Is(res.Error, groupIDNotFound) {
			return nil, nil // it went since it was listed
		}
		if res.Error != nil {
			return nil, res.Error
		}
		offsets := make(map[int]int64)
		for _, p := range res.Topics[topic] {
			switch {
			case p.Error != nil:
				return nil, p.Error
			case p.CommittedOffset >= 0:
				offsets[p.Partition] = p.CommittedOffset
			}
		}
		return offsets, nil
	})
}

func numbers(n int) []int {
	list := make([]int, n)
	for i := range list {
		list[i] = i
	}
	return list
}

// bounds are where what can be read of a partition begins and ends.
type bounds struct {
	start  int64
	stable int64 // the last stable offset
}

// ends asks for the bounds of all partitions.
func ends(ctx context.Context, client *kafka.Client, topic string, partitions int) ([]bounds, error) {
	var requests []kafka.OffsetRequest
	for p := range partitions {
		requests = append(requests, kafka.FirstOffsetOf(p), kafka.LastOffsetOf(p))
	}
	found, err := listOffsets(ctx, client, topic, kafka.ReadCommitted, requests)
	if err != nil {
		return nil, err
	}
	list := make([]bounds, partitions)
	for p := range list {
		list[p] = bounds{start: found[p].FirstOffset, stable: found[p].LastOffset}
	}
	return list, nil
}

// watermark asks for a partition's high watermark.
func watermark(ctx context.Context, client *kafka.Client, topic string, partition int) (int64, error) {
	found, err := listOffsets(ctx, client, topic, kafka.ReadUncommitted, []kafka.OffsetRequest{kafka.LastOffsetOf(partition)})
	if err != nil {
		return 0, err
	}
	return found[partition].LastOffset, nil
}

// listOffsets asks for offsets of a topic's partitions; all that are asked for are in the answer.
func listOffsets(
	ctx context.Context, client *kafka.Client, topic string, level kafka.IsolationLevel, requests []kafka.OffsetRequest,
) (map[int]kafka.PartitionOffsets, error) {
	return ask(ctx, client, fmt.Sprintf("ask for offsets of topic %q", topic), func(ctx context.Context) (map[int]kafka.PartitionOffsets, error) {
		return offsets.Ask(ctx, client, topic, level, requests)
	})
}
