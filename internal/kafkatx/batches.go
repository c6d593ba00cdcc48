package kafkatx

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"
)

// A Batch is what the log has in one place: one or more committed records that were written together.
type Batch struct {
	Offset  int64     // where it begins, or the offset asked for if that lies within it
	End     int64     // the offset after it, or the end asked for if that lies within it
	Records int       // in between; 0 where compaction has left none
	Time    time.Time // of the first of them, in milliseconds; zero if there is none
	Bytes   int       // as it lies in the log
}

// Batches calls fn with what is committed in a partition between two offsets, batch by batch and in order. It counts records
// as [Client.ReadCommitted] hands them out, and needs no more than the header of a batch: nothing is decompressed but the
// batches that the two offsets lie within, and those that compaction has changed. What comes over the network is all of it.
//
// end must be at most the partition's last stable offset. The offset returned is the one up to which everything has been
// told: end, or if fn fails the start of its batch; the error is then fn's. All other errors are those of ReadCommitted.
func (c *Client) Batches(ctx context.Context, topic string, partition int, from, end int64, fn func(Batch) error) (next int64, err error) {
	return c.batches(ctx, topicPartition{topic, int32(partition)}, from, end, fetchBytes, fn)
}

// BatchAt is the first batch with committed records between two offsets, as [Client.Batches] tells it. It asks for as little
// as brokers send: one batch. ok is false where there is none.
func (c *Client) BatchAt(ctx context.Context, topic string, partition int, from, end int64) (first Batch, ok bool, err error) {
	_, err = c.batches(ctx, topicPartition{topic, int32(partition)}, from, end, 1, func(b Batch) error {
		if b.Records == 0 {
			return nil
		}
		first, ok = b, true
		return errEnough
	})
	if errors.Is(err, errEnough) {
		err = nil
	}
	return first, ok, err
}

var errEnough = errors.New("enough")

func (c *Client) batches(ctx context.Context, tp topicPartition, from, end int64, maxBytes int32, fn func(Batch) error) (int64, error) {
	if from >= end {
		return end, nil
	}
	r := reader{client: c, tp: tp, next: max(from, 0), end: end, maxBytes: maxBytes, buf: c.buffers.get(), flat: c.buffers.get()}
	r.each = func(batch logBatch) error {
		b, err := r.header(batch, end)
		if err != nil {
			return err
		}
		if err := fn(b); err != nil {
			r.foreign = true
			return err
		}
		return nil
	}
	err := r.run(ctx)
	c.buffers.put(r.buf)
	c.buffers.put(r.flat)
	if err != nil && !r.foreign {
		err = fmt.Errorf("read topic %q partition %d at offset %d: %w", tp.topic, tp.partition, r.next, err)
	}
	return min(r.next, end), err
}

// attrDeleteHorizon says that compaction has put another time in the place of the first record's (KIP-534).
const attrDeleteHorizon = 0x40

// header is what a batch holds from the reader's position up to end.
func (r *reader) header(batch logBatch, end int64) (Batch, error) {
	b := Batch{Offset: max(r.next, batch.baseOffset()), End: min(end, batch.end()), Bytes: len(batch)}
	count := int64(int32(binary.BigEndian.Uint32(batch[atRecordCount:])))
	if count == batch.end()-batch.baseOffset() && b.Offset == batch.baseOffset() && b.End == batch.end() &&
		batch.attributes()&attrDeleteHorizon == 0 {
		at := atBaseTimestamp
		if batch.attributes()&attrLogAppendTime != 0 {
			at = atMaxTimestamp
		}
		b.Records, b.Time = int(count), time.UnixMilli(int64(binary.BigEndian.Uint64(batch[at:])))
		return b, nil
	}
	r.fn = func(rec Record) error {
		if rec.Offset < b.End {
			if b.Records == 0 {
				b.Time = rec.Time
			}
			b.Records++
		}
		return nil
	}
	return b, r.records(batch)
}
