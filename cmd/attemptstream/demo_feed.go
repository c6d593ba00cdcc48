package main

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"time"

	"attemptstream/internal/attempt"
	"attemptstream/internal/console"
	"attemptstream/internal/imochasim/ledger"
	"attemptstream/internal/kafkatx"
	"attemptstream/internal/topics"
)

// A feed is what a consumer with isolation.level=read_committed sees of the topics of events and dead letters, and
// remembers it for the verdict.
type feed struct {
	kafka           *kafkatx.Client
	events, letters tail
	observed        []ledger.Observed
	observedLetters []ledger.ObservedLetter
}

// A tail is a topic and how far each partition of it was read.
type tail struct {
	topic string
	next  []int64
}

func newFeed(client *kafkatx.Client, layout topics.Layout) *feed {
	return &feed{
		kafka:   client,
		events:  tail{layout.Events.Name, make([]int64, layout.Events.Partitions)},
		letters: tail{layout.DLQ.Name, make([]int64, layout.DLQ.Partitions)},
	}
}

// A toldEvent is an event and the bytes of its record's value.
type toldEvent struct {
	console.Event
	value []byte
}

// A toldLetter is what can be shown of a dead letter: not what is in it, which may be personal.
type toldLetter struct {
	at            time.Time
	state, reason string
}

// poll is what was committed since the last poll: each partition in its order, and of several partitions first what was
// read of older time.
func (f *feed) poll(ctx context.Context) (events []toldEvent, letters []toldLetter, err error) {
	rows, err := f.events.read(ctx, f.kafka)
	if err != nil {
		return nil, nil, err
	}
	told := make([][]toldEvent, len(rows))
	for i, records := range rows {
		for _, r := range records {
			e, err := console.ParseEvent(r.Value)
			if err != nil {
				return nil, nil, fmt.Errorf("topic %s partition %d offset %d: %w", r.Topic, r.Partition, r.Offset, err)
			}
			told[i] = append(told[i], toldEvent{e, r.Value})
			f.observed = append(f.observed, observedOf(&r, &e))
		}
	}
	rows, err = f.letters.read(ctx, f.kafka)
	if err != nil {
		return nil, nil, err
	}
	for _, r := range slices.Concat(rows...) {
		headers := map[string]string{}
		for _, h := range r.Headers {
			headers[h.Key] = string(h.Value)
		}
		letters = append(letters, toldLetter{r.Time, headers["state"], headers["error"]})
		f.observedLetters = append(f.observedLetters, observedLetterOf(&r, headers))
	}
	return merge(told, func(a, b toldEvent) int { return a.Window.Start.Compare(b.Window.Start) }), letters, nil
}

func observedOf(r *kafkatx.Record, e *console.Event) ledger.Observed {
	return ledger.Observed{
		Partition: int32(r.Partition), Offset: r.Offset, EventID: e.EventID, State: attempt.State(e.State),
		ID: e.Attempt.ID, Status: attempt.Status(e.Attempt.Status),
		WindowStart: e.Window.Start, WindowEnd: e.Window.End, Late: e.Late, ReplayID: e.Replay.ID,
	}
}

func observedLetterOf(r *kafkatx.Record, headers map[string]string) ledger.ObservedLetter {
	o := ledger.ObservedLetter{State: attempt.State(headers["state"]), Raw: string(r.Value)}
	// A time that cannot be read stays zero, and the ledger finds it wrong.
	o.WindowStart, _ = time.Parse(time.RFC3339, headers["window-start"])
	o.WindowEnd, _ = time.Parse(time.RFC3339, headers["window-end"])
	return o
}

// read is what was committed since the last read, by partition.
func (t *tail) read(ctx context.Context, client *kafkatx.Client) ([][]kafkatx.Record, error) {
	rows := make([][]kafkatx.Record, len(t.next))
	for partition, from := range t.next {
		next, err := client.ReadCommitted(ctx, t.topic, partition, from, func(r kafkatx.Record) error {
			r.Key, r.Value, r.Headers = nil, bytes.Clone(r.Value), slices.Clone(r.Headers)
			for i := range r.Headers {
				r.Headers[i].Value = bytes.Clone(r.Headers[i].Value)
			}
			rows[partition] = append(rows[partition], r)
			return nil
		})
		t.next[partition] = next
		if err != nil {
			return nil, err
		}
	}
	return rows, nil
}

// merge makes one row of several without changing the order within any: the least of their heads comes first.
func merge[T any](rows [][]T, compare func(a, b T) int) []T {
	var out []T
	for {
		least := -1
		for i, row := range rows {
			if len(row) > 0 && (least < 0 || compare(row[0], rows[least][0]) < 0) {
				least = i
			}
		}
		if least < 0 {
			return out
		}
		out = append(out, rows[least][0])
		rows[least] = rows[least][1:]
	}
}
