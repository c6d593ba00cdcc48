package groups

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/segmentio/kafka-go"

	"attemptstream/internal/kafkatx"
)

// ErrFuture: a group cannot be moved to where nothing is yet.
var ErrFuture = errors.New("is in the future: want a time before now; to skip what is there, give the time of now")

// A Move is a group's way to the first event observed at or after a time.
type Move struct {
	Group  string    `json:"group"`
	Topic  string    `json:"topic"`
	To     time.Time `json:"to"`
	At     time.Time `json:"at"`
	DryRun bool      `json:"dryRun"` // nothing was changed
	Steps  []Step    `json:"partitions"`
}

// A Step is a Move in one partition.
type Step struct {
	Partition int    `json:"partition"`
	From      *int64 `json:"fromOffset"` // nil: the group had no offset
	To        int64  `json:"toOffset"`

	// First is the timestamp of the event at To. nil: there is none at or after the time, and To is the end.
	First *time.Time `json:"firstEvent"`

	// Events that lie in between: read before and to be read again, or not read and skipped.
	Again   int64 `json:"eventsAgain"`
	Skipped int64 `json:"eventsSkipped"`
	// Ahead is how many events there are from To on.
	Ahead int64 `json:"eventsAhead"`

	Refused string `json:"refused,omitempty"` // why the broker did not take the offset
}

// Rewind moves a group that has no members to the first event observed at or after a time, in every partition: also in those
// for which it has no offset. Where no event is that young it moves to the end. With dryRun it only says what it would do.
//
// The errors are ErrFuture, *[UnknownGroupError], *[MembersError], or Kafka's. If the broker takes the offsets of some
// partitions and refuses others, there is a Move that says which, beside the error.
func Rewind(ctx context.Context, client *kafkatx.Client, topic, group string, to time.Time, dryRun bool) (*Move, error) {
	now := time.Now()
	if to.After(now) {
		return nil, fmt.Errorf("%s %w", to.Format(time.RFC3339), ErrFuture)
	}
	partitions, err := client.Partitions(ctx, topic)
	if err != nil {
		return nil, err
	}
	all, err := list(ctx, client.Kafka())
	if err != nil {
		return nil, err
	}
	if _, ok := all[group]; !ok {
		return nil, unknown(ctx, client.Kafka(), group, topic, partitions, false)
	}
	from, err := look(ctx, client.Kafka(), group, topic, partitions)
	if err != nil {
		return nil, err
	}
	if len(from.members) > 0 {
		return nil, &MembersError{Group: group, Members: from.members}
	}
	move := &Move{Group: group, Topic: topic, To: to.UTC(), At: now.UTC(), DryRun: dryRun}
	if move.Steps, err = steps(ctx, client, topic, partitions, from.offsets, to); err != nil {
		return nil, err
	}
	if dryRun {
		return move, nil
	}
	return commit(ctx, client.Kafka(), move)
}

// steps finds where a group goes from where it is.
func steps(ctx context.Context, client *kafkatx.Client, topic string, partitions int, offsets map[int]int64, to time.Time) ([]Step, error) {
	// The ends come before the events are looked up: what is committed in between is not skipped.
	limits, err := ends(ctx, client.Kafka(), topic, partitions)
	if err != nil {
		return nil, err
	}
	var requests []kafka.OffsetRequest
	for p := range partitions {
		requests = append(requests, kafka.TimeOffsetOf(p, to))
	}
	found, err := listOffsets(ctx, client.Kafka(), topic, kafka.ReadCommitted, requests)
	if err != nil {
		return nil, err
	}
	cache := NewCache()
	var list []Step
	for p := range partitions {
		s := Step{Partition: p, To: limits[p].stable}
		for offset := range found[p].Offsets {
			if offset < 0 {
				continue // none that young
			}
			if err := s.seek(ctx, client, topic, offset, to); err != nil {
				return nil, err
			}
		}
		if offset, ok := offsets[p]; ok {
			s.From = &offset
		}
		if err := s.count(ctx, cache.index(client, topic, p, math.MaxInt64), limits[p]); err != nil {
			return nil, err
		}
		list = append(list, s)
	}
	return list, nil
}

var errFound = errors.New("found")

// seek sets To to the first event at or after a time. The index leads to a record that may be aborted, or a marker; and where
// two workers wrote, an earlier event may come after it.
func (s *Step) seek(ctx context.Context, client *kafkatx.Client, topic string, from int64, to time.Time) error {
	_, err := client.ReadCommitted(ctx, topic, s.Partition, from, func(r kafkatx.Record) error {
		if r.Time.Before(to) {
			return nil
		}
		first := r.Time.UTC()
		s.To, s.First = r.Offset, &first
		return errFound
	})
	if errors.Is(err, errFound) {
		return nil
	}
	return err
}

// count counts the events on the way.
func (s *Step) count(ctx context.Context, x *index, limits bounds) error {
	end := max(limits.stable, s.To)
	budget := int64(math.MaxInt64)
	ahead, err := x.count(ctx, s.To, end, &budget)
	if err != nil {
		return err
	}
	s.Ahead = ahead.records
	if s.From == nil {
		return nil
	}
	here, err := x.count(ctx, max(limits.start, *s.From), end, &budget)
	if err != nil {
		return err
	}
	s.Again, s.Skipped = max(0, ahead.records-here.records), max(0, here.records-ahead.records)
	return nil
}

// commit makes the move.
func commit(ctx context.Context, client *kafka.Client, move *Move) (*Move, error) {
	var offsets []kafka.OffsetCommit
	for _, s := range move.Steps {
		offsets = append(offsets, kafka.OffsetCommit{Partition: s.Partition, Offset: s.To})
	}
	doing := fmt.Sprintf("commit offsets for group %q", move.Group)
	refused, err := ask(ctx, client, doing, func(ctx context.Context) (map[int]error, error) {
		res, err := client.OffsetCommit(ctx, &kafka.OffsetCommitRequest{
			GroupID: move.Group, GenerationID: -1, Topics: map[string][]kafka.OffsetCommit{move.Topic: offsets},
		})
		if err != nil {
			return nil, err
		}
		refused := make(map[int]error)
		for _, s := range move.Steps {
			refused[s.Partition] = errors.New("the broker's answer does not name it")
		}
		for _, p := range res.Topics[move.Topic] {
			switch {
			case p.Error == nil:
				delete(refused, p.Partition)
			case passing(p.Error):
				return nil, p.Error // the same offsets again do no harm
			default:
				refused[p.Partition] = p.Error
			}
		}
		return refused, nil
	})
	if err != nil {
		return nil, fmt.Errorf("%w: what it did is to be seen with --dry-run", err)
	}
	return move.answered(ctx, client, refused)
}

// answered sorts what the broker did not take.
func (m *Move) answered(ctx context.Context, client *kafka.Client, refused map[int]error) (*Move, error) {
	if len(refused) == 0 {
		return m, nil
	}
	var numbers []string
	joined := true
	for _, p := range slices.Sorted(maps.Keys(refused)) {
		m.Steps[p].Refused = refused[p].Error()
		numbers = append(numbers, fmt.Sprint(p))
		joined = joined && occupied(refused[p])
	}
	if joined && len(refused) == len(m.Steps) {
		// The group was empty when it was looked at. Who joined since is named if it can be.
		d, err := describe(ctx, client, m.Group, m.Topic)
		if err != nil {
			d = description{}
		}
		return nil, fmt.Errorf("the broker refused, somebody has joined meanwhile; nothing was moved: %w", &MembersError{Group: m.Group, Members: d.members})
	}
	first := explained(refused[slices.Min(slices.Collect(maps.Keys(refused)))])
	return m, fmt.Errorf("the broker did not move group %q in %d of %d partitions (%s): %w",
		m.Group, len(refused), len(m.Steps), strings.Join(numbers, ", "), first)
}

// occupied tells whether offsets were refused because the group has members.
func occupied(err error) bool {
	return errors.Is(err, kafka.UnknownMemberId) || errors.Is(err, kafka.IllegalGeneration) ||
		errors.Is(err, kafka.RebalanceInProgress) || errors.Is(err, staleMemberEpoch) || errors.Is(err, fencedMemberEpoch)
}

// Codes of the consumer protocol (KIP-848) that kafka-go has no names for.
const (
	fencedMemberEpoch = kafka.Error(110)
	staleMemberEpoch  = kafka.Error(113)
)
