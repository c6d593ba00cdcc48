package audit

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"attemptstream/internal/attempt"
	"attemptstream/internal/dedupe"
	"attemptstream/internal/kafkatx"
	"attemptstream/internal/operate/offsets"
	"attemptstream/internal/state"
	"attemptstream/internal/topics"
)

const (
	// clockMargin is how far the clock of a worker may be behind that of the API: so much earlier than the range begins the
	// reading of its events. Where a clock is further off, what seems to be missing is still looked for before that.
	clockMargin = time.Hour
	// hiddenPatience is how long events may be hidden by an open transaction, which is longer than a transaction of a worker
	// that has died stays open.
	hiddenPatience = 90 * time.Second
	// openPatience is how long an open transaction may hide a checkpoint.
	openPatience = 10 * time.Second
)

// A log is where a topic's partitions are to be read.
type log struct {
	client *kafkatx.Client
	topic  *offsets.Topic
	first  []int64 // offset that is there
	begin  []int64 // offset to read from
	next   []int64 // offset that was not read yet
}

// openLog finds the offsets from which records are not older than since.
func openLog(ctx context.Context, client *kafkatx.Client, topic topics.Topic, since time.Time) (*log, error) {
	l := &log{client: client, topic: &offsets.Topic{Client: client.Kafka(), Name: topic.Name, Partitions: topic.Partitions}}
	var err error
	if l.first, err = l.topic.Starts(ctx); err != nil {
		return nil, err
	}
	ends, err := l.topic.Stable(ctx)
	if err != nil {
		return nil, err
	}
	if l.begin, err = l.topic.At(ctx, since, ends); err != nil {
		return nil, err
	}
	for p := range l.begin {
		l.begin[p] = max(l.begin[p], l.first[p])
	}
	l.next = slices.Clone(l.begin)
	return l, nil
}

// left is how many offsets there are from where reading goes on to the last stable offsets.
func (l *log) left(ctx context.Context) (int64, error) {
	ends, err := l.topic.Stable(ctx)
	n := int64(0)
	for p := range ends {
		n += max(0, ends[p]-l.next[p])
	}
	return n, err
}

// read calls fn with what is committed from where reading goes on to the last stable offsets.
func (l *log) read(ctx context.Context, fn func(kafkatx.Record) error) error {
	for p := range l.next {
		var err error
		if l.next[p], err = l.client.ReadCommitted(ctx, l.topic.Name, p, l.next[p], fn); err != nil {
			return err
		}
	}
	return nil
}

// A hidden is what an open transaction hides.
type hidden struct {
	topic     string
	partition int
	from, end int64
}

func (h *hidden) String() string {
	return fmt.Sprintf("a transaction that is open for longer than %s hides what was committed behind it, from offset %d to %d of topic %s partition %d; "+
		"the broker ends it at its timeout, and if it does not, kafka-transactions.sh find-hanging finds it", hiddenPatience, h.from, h.end, h.topic, h.partition)
}

// readAll is read up to the ends that the logs have at the time of the call: it waits for transactions that are open to end.
// What is still hidden after a while is returned, nil if nothing is.
func (l *log) readAll(ctx context.Context, fn func(kafkatx.Record) error) (*hidden, error) {
	ends, err := l.topic.Ends(ctx)
	if err != nil {
		return nil, err
	}
	began := time.Now()
	for wait := 10 * time.Millisecond; ; wait = min(2*wait, time.Second) {
		if err := l.read(ctx, fn); err != nil {
			return nil, err
		}
		var h *hidden
		for p, end := range ends {
			if l.next[p] < end {
				h = &hidden{topic: l.topic.Name, partition: p, from: l.next[p], end: end}
			}
		}
		if h == nil || time.Since(began) > hiddenPatience {
			return h, nil
		}
		if err := pause(ctx, wait); err != nil {
			return nil, err
		}
	}
}

// before calls fn with what is committed before the offsets at which reading began.
func (l *log) before(ctx context.Context, fn func(kafkatx.Record) error) error {
	for p, end := range l.begin {
		if l.first[p] >= end {
			continue
		}
		_, err := l.client.ReadCommitted(ctx, l.topic.Name, p, l.first[p], func(r kafkatx.Record) error {
			if r.Offset >= end {
				return errEnough
			}
			return fn(r)
		})
		if err != nil && !errors.Is(err, errEnough) {
			return err
		}
	}
	return nil
}

// errEnough ends a reading.
var errEnough = errors.New("enough was read")

// kept is the time from which on nothing was deleted; zero: nothing was deleted at all.
func (l *log) kept(ctx context.Context, now time.Time) (time.Time, error) {
	var kept time.Time
	for p, first := range l.first {
		if first == 0 {
			continue
		}
		oldest := now // where nothing is left
		_, err := l.client.ReadCommitted(ctx, l.topic.Name, p, first, func(r kafkatx.Record) error {
			oldest = r.Time
			return errEnough
		})
		if err != nil && !errors.Is(err, errEnough) {
			return time.Time{}, err
		}
		if oldest.After(kept) {
			kept = oldest
		}
	}
	return kept, nil
}

// truncated tells whether records were deleted.
func (l *log) truncated() bool { return slices.Max(l.first) > 0 }

// checkpoints are the newest committed ones of all accounts: their records' values.
func checkpoints(ctx context.Context, client *kafkatx.Client, topic topics.Topic) (map[attempt.Account][]byte, error) {
	found := map[attempt.Account][]byte{}
	for p := range topic.Partitions {
		at := state.Partition{Topic: topic.Name, Partition: p}
		scanned, err := state.Scan(ctx, client, at, openPatience, func(r kafkatx.Record) error {
			if account, ok := state.CheckpointOf(r.Key); ok {
				found[account] = append([]byte(nil), r.Value...)
			}
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("look for checkpoints: %w", err)
		}
		_ = scanned // what an open transaction hides is newer: less is covered than could be, which is safe
	}
	return found, nil
}

// letterOf reads a dead letter. ok is false for what is none.
func letterOf(r kafkatx.Record) (account attempt.Account, of attempt.State, w attempt.Window, hash dedupe.Hash, ok bool) {
	var start, end bool
	for _, h := range r.Headers {
		switch h.Key {
		case "account":
			account = attempt.Account(h.Value)
		case "state":
			of = attempt.State(h.Value)
		case "window-start":
			start = w.Start.UnmarshalText(h.Value) == nil
		case "window-end":
			end = w.End.UnmarshalText(h.Value) == nil
		}
	}
	if account == "" || of == "" || !start || !end {
		return "", "", w, hash, false
	}
	return account, of, w, dedupe.HashOf(account, of, string(r.Value)), true
}
