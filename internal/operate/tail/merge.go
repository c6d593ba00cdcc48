package tail

import (
	"bytes"
	"cmp"
	"container/heap"
	"context"
	"errors"

	"github.com/segmentio/kafka-go"
	"golang.org/x/sync/errgroup"

	"attemptstream/internal/kafkatx"
)

// ahead is how many bytes of a partition are read ahead at a time, with the records that they are in.
const ahead = 64 << 10

// A chunk is some records of a partition, in order.
type chunk []kafkatx.Record

// A lane is a partition on its way into the merge.
type lane struct {
	partition int
	chunks    <-chan chunk
	head      chunk // what is left of the last chunk that was taken; empty: the lane is at its end
}

// advance takes the first record away, and waits for the next one.
func (l *lane) advance(ctx context.Context) error {
	if len(l.head) > 0 {
		l.head = l.head[1:]
	}
	for len(l.head) == 0 {
		select {
		case next, ok := <-l.chunks:
			if !ok {
				return nil
			}
			l.head = next
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// lanes is a heap: the one whose next record is the oldest comes first.
type lanes []*lane

func (l lanes) Len() int      { return len(l) }
func (l lanes) Swap(i, j int) { l[i], l[j] = l[j], l[i] }
func (l *lanes) Push(x any)   { *l = append(*l, x.(*lane)) }

func (l lanes) Less(i, j int) bool {
	return cmp.Or(l[i].head[0].Time.Compare(l[j].head[0].Time), cmp.Compare(l[i].partition, l[j].partition)) < 0
}

func (l *lanes) Pop() any {
	last := (*l)[len(*l)-1]
	*l = (*l)[:len(*l)-1]
	return last
}

// merge hands out the records from next up to until, the oldest first, and moves next there.
func (t *tail) merge(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	g, ctx := errgroup.WithContext(ctx)
	defer func() {
		cancel()
		_ = g.Wait() // what it says was said by the time that the merge ended, or follows from its end
	}()
	all := make([]*lane, 0, len(t.next))
	for partition := range t.next {
		// Where nothing that young exists yet, the first one that comes is.
		t.next[partition] = min(t.next[partition], t.until[partition])
		if t.next[partition] >= t.until[partition] {
			continue
		}
		chunks := make(chan chunk, 1)
		all = append(all, &lane{partition: partition, chunks: chunks})
		g.Go(func() error {
			err := t.fill(ctx, partition, chunks)
			if err == nil {
				close(chunks) // an error ends ctx, and the lane must not look as if it had ended well
			}
			return err
		})
	}
	if err := t.drain(ctx, all); err != nil {
		if ctx.Err() != nil {
			// The reason is a lane's, or that of the context from outside.
			return cmp.Or(g.Wait(), err)
		}
		return err
	}
	return g.Wait()
}

func (t *tail) drain(ctx context.Context, all []*lane) error {
	var open lanes
	for _, l := range all {
		if err := l.advance(ctx); err != nil {
			return err
		}
		if len(l.head) > 0 {
			open = append(open, l)
		}
	}
	heap.Init(&open)
	for len(open) > 0 {
		l := open[0]
		if err := t.each(l.head[0]); err != nil {
			return err
		}
		if err := l.advance(ctx); err != nil {
			return err
		}
		if len(l.head) == 0 {
			heap.Pop(&open)
		} else {
			heap.Fix(&open, 0)
		}
	}
	return nil
}

var errUntil = errors.New("the end of the range")

// fill reads a partition up to its end and sends what is wanted of it.
func (t *tail) fill(ctx context.Context, partition int, to chan<- chunk) error {
	var c chunk
	size := 0
	send := func() error {
		if len(c) == 0 {
			return nil
		}
		select {
		case to <- c:
			c, size = nil, 0
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	next, err := t.client.ReadCommitted(ctx, t.topic.Name, partition, t.next[partition], func(r kafkatx.Record) error {
		if r.Offset >= t.until[partition] {
			return errUntil
		}
		if !t.query.wants(r) {
			return nil
		}
		c = append(c, keep(r))
		if size += len(r.Value); size < ahead {
			return nil
		}
		return send()
	})
	if errors.Is(err, errUntil) {
		err = nil
	}
	if err == nil {
		err = send()
	}
	t.next[partition] = max(next, t.next[partition])
	return err
}

// keep is a record with memory of its own.
func keep(r kafkatx.Record) kafkatx.Record {
	r.Key, r.Value = bytes.Clone(r.Key), bytes.Clone(r.Value)
	headers := make([]kafka.Header, len(r.Headers))
	for i, h := range r.Headers {
		headers[i] = kafka.Header{Key: h.Key, Value: bytes.Clone(h.Value)}
	}
	r.Headers = headers
	return r
}
