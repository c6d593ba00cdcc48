//go:build linux

package soak_test

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kadm"

	"attemptstream/internal/witness"
)

// disk is how much the state topic takes on the broker's disk. Where a partition takes less than before (of which sizes
// are the memory), compaction has been at work.
func (w *world) disk(ctx context.Context, sizes map[int32]int64, n *counts) (figures, error) {
	var set kadm.TopicsSet
	for p := range int32(partitions) {
		set.Add(stateTopic, p)
	}
	res, err := w.admin.DescribeBrokerLogDirs(ctx, 1, set)
	if err == nil {
		err = res.Error()
	}
	if err != nil {
		return nil, fmt.Errorf("ask for the size of the state topic: %w", err)
	}
	bytes, seen := 0.0, 0
	res.EachPartition(func(p kadm.DescribedLogDirPartition) {
		if p.Topic == stateTopic {
			bytes += float64(p.Size)
			seen++
			if p.Size < sizes[p.Partition] {
				n.compacted.Add(1)
			}
			sizes[p.Partition] = p.Size
		}
	})
	if seen != partitions {
		return nil, fmt.Errorf("the broker tells the size of %d partitions of the state topic, want %d", seen, partitions)
	}
	return figures{"disk": bytes}, nil
}

// recovery is what workers that took over all accounts now would read, and what of it counts: the last record of each key.
func (w *world) recovery(ctx context.Context) (figures, error) {
	records, err := witness.Records(ctx, w.cluster.Addrs(), stateTopic)
	if err != nil {
		return nil, err
	}
	last := map[string]int{}
	for _, r := range records {
		key := string(r.Key)
		last[key] = len(key) + len(r.Value)
		if r.Value == nil {
			delete(last, key)
		}
	}
	live := 0
	for _, size := range last {
		live += size
	}
	return figures{"records": float64(len(records)), "live records": float64(len(last)), "live bytes": float64(live)}, nil
}
