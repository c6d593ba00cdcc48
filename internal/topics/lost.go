package topics

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/segmentio/kafka-go"
)

// ErrStateLost: the topic of events has been written to, and the one that says what is in it does not exist.
var ErrStateLost = errors.New("what was told is not remembered")

// lost is an error if the state topic is missing beside events. An empty one in its place would have everything told again
// from STREAM_START_AT on, under the eventIds that it had before: so it is not created silently.
func (e *ensurer) lost(ctx context.Context, seen map[string]kafka.Topic) error {
	state, events := e.wanted[1], seen[e.cfg.Topic]
	if _, ok := seen[state.name]; ok || len(events.Partitions) == 0 {
		return nil
	}
	written, err := e.written(ctx, events)
	if err != nil || !written {
		return err
	}
	err = fmt.Errorf("topic %q has been written to, and topic %q, which remembers what was told, does not exist, or this user may not see it: %w: if it exists, grant the rights on it: %s; if not, restore it from a copy, or begin anew under another KAFKA_TOPIC; to have everything since STREAM_START_AT told a second time, create it: %s",
		e.cfg.Topic, state.name, ErrStateLost, GrantCommand(e.brokers, state.name, WorkerRights(e.cfg.Topic, state.name)...), e.createCommand(state))
	// It may have been created since we looked, or not be known to the broker that was asked.
	if e.lostSince.IsZero() {
		e.lostSince = time.Now()
	}
	if time.Since(e.lostSince) < e.unseenGrace {
		return &passingError{err}
	}
	return err
}

// written tells whether anything has ever been written to a topic, be it gone by retention.
func (e *ensurer) written(ctx context.Context, t kafka.Topic) (bool, error) {
	var ends []kafka.OffsetRequest
	for _, p := range t.Partitions {
		ends = append(ends, kafka.LastOffsetOf(p.ID))
	}
	ctx, cancel := e.requestContext(ctx)
	defer cancel()
	doing := fmt.Sprintf("read the ends of topic %q", t.Name)
	res, err := e.client.ListOffsets(ctx, &kafka.ListOffsetsRequest{Topics: map[string][]kafka.OffsetRequest{t.Name: ends}})
	if err != nil {
		return false, e.failed(ctx, doing, "Describe", t.Name, err)
	}
	written := false
	for _, p := range res.Topics[t.Name] {
		if p.Error != nil {
			return false, e.failed(ctx, doing, "Describe", t.Name, p.Error)
		}
		written = written || p.LastOffset > 0
	}
	return written, nil
}
