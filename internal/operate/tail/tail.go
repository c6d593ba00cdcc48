package tail

import (
	"context"
	"errors"
	"time"

	"attemptstream/internal/kafkatx"
	"attemptstream/internal/operate/offsets"
	"attemptstream/internal/topics"
)

// MaxLast is the largest Query.Last: the place of each of these events is kept in memory.
const MaxLast = 100_000

// A Query says which events are wanted.
type Query struct {
	From time.Time // the first event observed at or after it; zero: Last says where to begin
	To   time.Time // no event observed at or after it; zero: up to the last one that is committed
	// Last is how many of the last events are wanted where there is no From; 0 is none, which only makes sense with
	// Follow. At most MaxLast.
	Last int
	// Follow goes on with events as they are committed, until ctx ends, or some seconds after To.
	Follow bool
	// Match tells whether a record is wanted; nil: all are. It may be called from several goroutines at once.
	Match func(kafkatx.Record) bool
}

// wants tells whether a record is in the query's range.
func (q *Query) wants(r kafkatx.Record) bool {
	switch {
	case !q.From.IsZero() && r.Time.Before(q.From):
		return false
	case !q.To.IsZero() && !r.Time.Before(q.To):
		return false
	}
	return q.Match == nil || q.Match(r)
}

// ErrEnough is what a function that gets records returns when it wants no more. Run ends with nil then.
var ErrEnough = errors.New("no more records are wanted")

// Run calls each with the records that q asks for. The record and its memory are valid only during the call; calls do
// not overlap. With Follow it returns nil when ctx ends, otherwise ctx's error.
func Run(ctx context.Context, client *kafkatx.Client, topic topics.Topic, q Query, each func(kafkatx.Record) error) error {
	t := &tail{
		client: client, query: q, each: each,
		topic: &offsets.Topic{Client: client.Kafka(), Name: topic.Name, Partitions: topic.Partitions},
	}
	err := t.run(ctx)
	switch {
	case errors.Is(err, ErrEnough):
		return nil
	case q.Follow && ctx.Err() != nil:
		return nil
	}
	return err
}

// A tail is one call of Run.
type tail struct {
	client *kafkatx.Client
	topic  *offsets.Topic
	query  Query
	each   func(kafkatx.Record) error

	next  []int64 // by partition: what comes first
	until []int64 // by partition: where a range with an end ends
}

func (t *tail) run(ctx context.Context) error {
	if err := t.begin(ctx); err != nil {
		return err
	}
	ended := t.ended() // before the merge, which may take long
	if err := t.merge(ctx); err != nil || ended || !t.query.Follow {
		return err
	}
	return t.follow(ctx)
}

// late is how far the clocks of two workers that follow each other may differ, and how long a transaction may take: an
// event may stand behind others, or behind the marker of a transaction, whose times are so much later.
const late = 10 * time.Minute

// begin finds where every partition begins and ends.
func (t *tail) begin(ctx context.Context) error {
	var err error
	if t.until, err = t.topic.Stable(ctx); err != nil {
		return err
	}
	if !t.query.To.IsZero() {
		ends, err := t.topic.At(ctx, t.query.To.Add(late), t.until)
		if err != nil {
			return err
		}
		for p := range t.until {
			t.until[p] = min(t.until[p], ends[p])
		}
	}
	if t.query.From.IsZero() {
		return t.beginLast(ctx)
	}
	t.next, err = t.topic.At(ctx, t.query.From, t.until)
	return err
}

// followEvery is how often it is looked whether something was committed.
const followEvery = 250 * time.Millisecond

// afterTo is how long after Query.To an event that was observed before it may still be committed.
const afterTo = 10 * time.Second

// ended tells whether nothing that is committed from now on can be wanted.
func (t *tail) ended() bool {
	return !t.query.To.IsZero() && time.Now().After(t.query.To.Add(afterTo))
}

// follow hands out what is committed from now on, as it arrives.
func (t *tail) follow(ctx context.Context) error {
	tick := time.NewTicker(followEvery)
	defer tick.Stop()
	for {
		last := t.ended()
		ends, err := t.topic.Stable(ctx)
		if err != nil {
			return err
		}
		for partition, end := range ends {
			if t.next[partition] >= end {
				continue
			}
			t.next[partition], err = t.client.ReadCommitted(ctx, t.topic.Name, partition, t.next[partition], func(r kafkatx.Record) error {
				if !t.query.wants(r) {
					return nil
				}
				return t.each(r)
			})
			if err != nil {
				return err
			}
		}
		if last {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
