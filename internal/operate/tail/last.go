package tail

import (
	"context"
	"errors"

	"golang.org/x/sync/errgroup"

	"attemptstream/internal/kafkatx"
)

const (
	// firstStep is how far before its end a partition is looked at first.
	firstStep = 256
	// atOnce is how many partitions are looked at side by side.
	atOnce = 4
)

// A place is where a record is, and its time.
type place struct{ offset, time int64 }

// beginLast finds where the last events begin: of all partitions together, so most of them begin close to their ends.
func (t *tail) beginLast(ctx context.Context) error {
	t.next = append([]int64{}, t.until...)
	if t.query.Last == 0 {
		return nil
	}
	starts, err := t.topic.Starts(ctx)
	if err != nil {
		return err
	}
	places := make([][]place, len(t.until))
	g, searching := errgroup.WithContext(ctx)
	g.SetLimit(atOnce)
	for partition := range places {
		g.Go(func() (err error) {
			places[partition], err = t.lastOf(searching, partition, starts[partition])
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	// The youngest of the last ones is taken, one after another, as the merge will hand them out in the end.
	for range t.query.Last {
		youngest := -1
		for partition, p := range places {
			if len(p) == 0 {
				continue
			}
			if youngest < 0 || p[len(p)-1].time >= places[youngest][len(places[youngest])-1].time {
				youngest = partition
			}
		}
		if youngest < 0 {
			break
		}
		p := places[youngest]
		t.next[youngest] = p[len(p)-1].offset
		places[youngest] = p[:len(p)-1]
	}
	return nil
}

// lastOf are the places of the last records of a partition that are wanted, in order. How many records there are between
// two offsets is not known before they are read: there are markers, aborted transactions, and what is not wanted.
func (t *tail) lastOf(ctx context.Context, partition int, start int64) ([]place, error) {
	end := t.until[partition]
	for step := int64(max(firstStep, t.query.Last)); start < end; step *= 2 {
		var found []place // a ring when it is full
		count := 0
		from := max(start, end-step)
		_, err := t.client.ReadCommitted(ctx, t.topic.Name, partition, from, func(r kafkatx.Record) error {
			if r.Offset >= end {
				return errUntil
			}
			if !t.query.wants(r) {
				return nil
			}
			p := place{r.Offset, r.Time.UnixMilli()}
			if len(found) < t.query.Last {
				found = append(found, p)
			} else {
				found[count%len(found)] = p
			}
			count++
			return nil
		})
		if err != nil && !errors.Is(err, errUntil) {
			return nil, err
		}
		if count >= t.query.Last || from == start {
			cut := 0
			if count > len(found) {
				cut = count % len(found)
			}
			return append(found[cut:len(found):len(found)], found[:cut]...), nil
		}
	}
	return nil, nil
}
