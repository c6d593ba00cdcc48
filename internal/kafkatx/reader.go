package kafkatx

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/segmentio/kafka-go"
)

const (
	// fetchBytes is asked for at a time. Memory is about three times this, or a single larger batch.
	fetchBytes = 4 << 20

	// fetchWait is how long the broker waits for data when its last answer was empty.
	fetchWait = 100 * time.Millisecond

	// emptyAnswers in a row below the last stable offset mean that there is nothing more. Compaction can remove the
	// last batches of a log, and then no batch ever reaches the end; one answer alone may have been cut by a quota.
	emptyAnswers = 3

	// readPatience is how long ReadCommitted tries without any progress.
	readPatience = time.Minute
)

// ReadCommitted calls fn with every committed record of a partition, in order, from offset from, or the start of the log
// if that is later, up to the last stable offset at the time of the call. It returns the offset to go on from: after the
// last record and the transaction markers behind it. When fn fails, that is its record's offset, and the error is fn's.
//
// The record's memory (key, value, headers) is only valid during the call of fn.
//
// It retries while leaders move and brokers are away, for a minute without progress. Errors are *CorruptBatchError,
// *UnknownTopicError, *AuthorizationError, *OffsetOutOfRangeError, or the last one of the broker or the network.
func (c *Client) ReadCommitted(
	ctx context.Context, topic string, partition int, from int64, fn func(Record) error,
) (next int64, err error) {
	r := reader{
		client:   c,
		tp:       topicPartition{topic, int32(partition)},
		next:     max(from, 0),
		end:      -1,
		fn:       fn,
		maxBytes: fetchBytes,
		buf:      c.buffers.get(),
		flat:     c.buffers.get(),
	}
	r.each = r.records
	err = r.run(ctx)
	c.buffers.put(r.buf)
	c.buffers.put(r.flat)
	if err != nil && !r.foreign {
		err = fmt.Errorf("read topic %q partition %d at offset %d: %w", topic, partition, r.next, err)
	}
	return r.next, err
}

// reader is one call of ReadCommitted or Batches.
type reader struct {
	client   *Client
	tp       topicPartition
	next     int64                // everything before it is done
	end      int64                // where to stop; -1: at the last stable offset of the first answer
	each     func(logBatch) error // takes a batch with committed records
	fn       func(Record) error   // takes the records of a batch that is given to records
	maxBytes int32
	foreign  bool // the error is the caller's

	buf     []byte // of the answers
	flat    []byte // of uncompressed records
	cursor  recordCursor
	aborted map[int64]bool
}

func (r *reader) run(ctx context.Context) error {
	var wait backoff
	var stuck time.Time // since when nothing has come
	empty := 0
	for r.end < 0 || r.next < r.end {
		began := time.Now()
		a, err := r.fetch(ctx, empty > 0)
		if err == nil && a.code != 0 {
			err = kafka.Error(a.code)
		}
		switch {
		case errors.Is(err, kafka.OffsetOutOfRange):
			err = r.reposition(ctx)
		case err == nil && !a.found:
			err = errThrottled
			if ended := sleep(ctx, time.Duration(a.throttle)*time.Millisecond); ended != nil {
				return ended
			}
		case err == nil:
			if r.end < 0 {
				r.end = a.lastStableOffset
			}
			before := r.next
			if err := r.take(a); err != nil {
				return err
			}
			if r.next == before && a.lastStableOffset < r.end {
				// A leader that knows less than the last one did: what is missing in its answer may be there.
				err = kafka.OffsetNotAvailable
				break
			}
			if r.next == before {
				if empty++; empty == emptyAnswers {
					r.next = max(r.next, r.end)
				}
				continue
			}
			empty, wait, stuck = 0, backoff{}, time.Time{}
			continue
		}
		if err == nil {
			continue
		}
		if stuck.IsZero() {
			stuck = began
		}
		if err := r.retry(ctx, &wait, began, stuck, err); err != nil {
			return err
		}
	}
	return nil
}

var errThrottled = errors.New("the broker throttles this client")

// retry waits before the next attempt, or returns the error that ends the reading.
func (r *reader) retry(ctx context.Context, wait *backoff, began, stuck time.Time, err error) error {
	var beyond *OffsetOutOfRangeError
	if errors.As(err, &beyond) {
		return err
	}
	ruling := classify(stageFetch, err)
	if ruling.stale {
		r.client.refresh(began)
	}
	now := time.Now()
	switch {
	case ctx.Err() != nil:
		return cancellation(ctx)
	case ruling.verdict > verdictMissing, ruling.verdict == verdictMissing && wait.missing(now):
		return describe(stageFetch, r.tp, err)
	case now.Sub(stuck) > readPatience:
		return fmt.Errorf("no progress for %s: %w", readPatience, describe(stageFetch, r.tp, err))
	}
	return sleep(ctx, wait.next(ruling, err))
}

// fetch asks the leader for what follows. Only with patience does the broker wait if that is nothing.
func (r *reader) fetch(ctx context.Context, patience bool) (*fetchAnswer, error) {
	// The metadata lookup tells "no such topic" from "no leader" and from "no connection", which routing cannot.
	leaders, failed, err := r.client.leaders(ctx, []string{r.tp.topic})
	if _, ok := leaders[r.tp]; !ok {
		return nil, noLeaderReason(r.tp, failed, err)
	}
	req := &fetchRequest{
		clientID:       r.client.clientID,
		topicPartition: r.tp,
		offset:         r.next,
		maxBytes:       r.maxBytes,
		buf:            r.buf[:cap(r.buf)],
	}
	if patience {
		req.maxWait = int32(fetchWait.Milliseconds())
	}
	msg, err := r.client.roundTrip(ctx, req)
	if err != nil {
		r.buf = nil // it may still be written to
		return nil, err
	}
	a, ok := msg.(*fetchAnswer)
	if !ok {
		return nil, fmt.Errorf("unexpected answer %T to a fetch", msg)
	}
	r.buf = a.buf
	return a, nil
}

// reposition moves to the start of the log if records from the position on were deleted.
func (r *reader) reposition(ctx context.Context) error {
	topic, partition := r.tp.topic, int(r.tp.partition)
	res, err := r.client.admin.ListOffsets(ctx, &kafka.ListOffsetsRequest{
		Topics: map[string][]kafka.OffsetRequest{topic: {kafka.FirstOffsetOf(partition), kafka.LastOffsetOf(partition)}},
	})
	if err != nil {
		return err
	}
	for _, p := range res.Topics[topic] {
		switch {
		case p.Error != nil:
			return p.Error
		case r.next < p.FirstOffset:
			r.next = p.FirstOffset
			return nil
		case r.next > p.LastOffset:
			return &OffsetOutOfRangeError{Topic: topic, Partition: partition, Offset: r.next, End: p.LastOffset}
		}
	}
	return kafka.OffsetNotAvailable // in range by now: a leader that knows less than the last one
}

// take hands out what is committed of an answer. An answer stands for itself: its list of aborted transactions has all
// that reach into it, so nothing is kept from one to the next.
func (r *reader) take(a *fetchAnswer) error {
	slices.SortFunc(a.aborted, func(x, y abortedTransaction) int { return cmp.Compare(x.firstOffset, y.firstOffset) })
	clear(r.aborted)
	rest, first := a.batches, true
	for {
		batch, tail, err := nextBatch(rest)
		if err == nil && batch == nil && first && len(rest) > 0 {
			err = errors.New("the answer ends within its first batch")
		}
		if err != nil {
			return r.corrupt(r.next, err)
		}
		if batch == nil {
			return nil
		}
		if batch.baseOffset() >= r.end {
			r.next = max(r.next, r.end)
			return nil
		}
		rest, first = tail, false
		if err := batch.check(); err != nil {
			return r.corrupt(batch.baseOffset(), err)
		}
		skip, err := r.filter(a, batch)
		if err != nil {
			return r.corrupt(batch.baseOffset(), err)
		}
		if !skip {
			if err := r.each(batch); err != nil {
				return err
			}
		}
		r.next = max(r.next, batch.end())
	}
}

// filter says whether a batch is to be skipped, and keeps track of which producers' transactions are aborted.
func (r *reader) filter(a *fetchAnswer, batch logBatch) (skip bool, err error) {
	// This comes before control batches too: an answer may begin with the marker of an aborted transaction.
	for len(a.aborted) > 0 && a.aborted[0].firstOffset <= batch.baseOffset() {
		if r.aborted == nil {
			r.aborted = make(map[int64]bool)
		}
		r.aborted[a.aborted[0].producerID] = true
		a.aborted = a.aborted[1:]
	}
	if batch.control() {
		abort, err := batch.abortMarker()
		if abort {
			delete(r.aborted, batch.producerID())
		}
		return true, err
	}
	return batch.transactional() && r.aborted[batch.producerID()], nil
}

// records hands out the records of a batch.
func (r *reader) records(batch logBatch) error {
	records := []byte(batch[batchHeaderSize:])
	if codec := kafka.Compression(batch.attributes() & attrCodec); codec != 0 {
		var err error
		if r.flat, err = r.client.codecs.decompress(r.flat[:0], records, codec); err != nil {
			return r.corrupt(batch.baseOffset(), fmt.Errorf("decompress: %w", err))
		}
		records = r.flat
	}
	if err := r.cursor.open(batch, records); err != nil {
		return r.corrupt(batch.baseOffset(), err)
	}
	rec := Record{Topic: r.tp.topic, Partition: int(r.tp.partition)}
	for {
		ok, err := r.cursor.next(&rec)
		if err != nil {
			return r.corrupt(batch.baseOffset(), err)
		}
		if !ok {
			return nil
		}
		if rec.Offset < r.next {
			continue
		}
		if err := r.fn(rec); err != nil {
			r.next, r.foreign = rec.Offset, true
			return err
		}
	}
}

func (r *reader) corrupt(offset int64, err error) error {
	return &CorruptBatchError{Topic: r.tp.topic, Partition: int(r.tp.partition), Offset: offset, Err: err}
}
