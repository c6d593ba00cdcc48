package groups

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/segmentio/kafka-go"

	"attemptstream/internal/kafkatx"
)

// Options say what Lag looks at, and how much of it.
type Options struct {
	// Groups are those to look at; none: all that read the topic.
	Groups []string

	// Cache keeps what was counted for the next call; nil: everything is counted.
	Cache *Cache

	// ReadBytes bounds what is fetched to count events; 0: nothing does. A little more may be fetched, as much as a fetch
	// holds for each group and partition.
	ReadBytes int64
}

// Lag says how far the groups of a topic are behind. The error is an *[UnknownGroupError] for one of Options.Groups that does
// not exist or does not read the topic.
func Lag(ctx context.Context, client *kafkatx.Client, topic string, opts Options) (*Report, error) {
	if opts.Cache == nil {
		opts.Cache = NewCache()
	}
	partitions, err := client.Partitions(ctx, topic)
	if err != nil {
		return nil, err
	}
	readers, err := survey(ctx, client.Kafka(), topic, partitions, opts)
	if err != nil {
		return nil, err
	}
	// The ends are asked for under the lock, so that a cache never meets earlier ones than it knows.
	opts.Cache.mu.Lock()
	defer opts.Cache.mu.Unlock()
	limits, err := ends(ctx, client.Kafka(), topic, partitions)
	if err != nil {
		return nil, err
	}
	m := &measurement{client: client, topic: topic, limits: limits, opts: opts, at: time.Now()}
	if err := m.findBeyond(ctx, readers); err != nil {
		return nil, err
	}
	return m.report(ctx, readers)
}

// A reading is what the coordinator knows of a group that reads the topic.
type reading struct {
	name    string
	offsets map[int]int64
	beyond  map[int]bool // partitions in which the offset lies behind the end of the log
	description
}

// survey asks the coordinators which groups read the topic, and how far they are. They are sorted by name.
func survey(ctx context.Context, client *kafka.Client, topic string, partitions int, opts Options) ([]reading, error) {
	all, err := list(ctx, client)
	if err != nil {
		return nil, err
	}
	opts.Cache.forget(all)
	names := slices.Sorted(maps.Keys(all))
	if len(opts.Groups) > 0 {
		names = slices.Compact(slices.Sorted(slices.Values(opts.Groups)))
	}
	now := time.Now()
	var mu sync.Mutex
	var found []reading
	var work errgroup.Group
	work.SetLimit(atOnce)
	for _, name := range names {
		if _, ok := all[name]; !ok || len(opts.Groups) == 0 && opts.Cache.isIdle(name, now) {
			continue
		}
		work.Go(func() error {
			r, err := look(ctx, client, name, topic, partitions)
			if err != nil {
				return err
			}
			reads := len(r.offsets) > 0 || r.subscribed
			opts.Cache.setIdle(name, !reads, now)
			if reads {
				mu.Lock()
				defer mu.Unlock()
				found = append(found, r)
			}
			return nil
		})
	}
	if err := work.Wait(); err != nil {
		return nil, err
	}
	slices.SortFunc(found, func(a, b reading) int { return cmp.Compare(a.name, b.name) })
	for _, name := range opts.Groups {
		if !slices.ContainsFunc(found, func(r reading) bool { return r.name == name }) {
			_, exists := all[name]
			return nil, unknown(ctx, client, name, topic, partitions, exists)
		}
	}
	return found, nil
}

// look asks for one group. Its offsets come first: they must not be newer than the ends they are compared with.
func look(ctx context.Context, client *kafka.Client, group, topic string, partitions int) (reading, error) {
	offsets, err := committed(ctx, client, group, topic, partitions)
	if err != nil {
		return reading{}, err
	}
	d, err := describe(ctx, client, group, topic)
	if err != nil {
		return reading{}, err
	}
	return reading{name: group, offsets: offsets, description: d}, nil
}

// unknown is the error of a group that does not exist or does not read the topic. It names those that do.
func unknown(ctx context.Context, client *kafka.Client, group, topic string, partitions int, exists bool) error {
	readers, err := survey(ctx, client, topic, partitions, Options{Cache: NewCache()})
	if err != nil {
		return fmt.Errorf("group %q does not read topic %q, and which groups do cannot be said: %w", group, topic, err)
	}
	e := &UnknownGroupError{Group: group, Topic: topic, Exists: exists}
	for _, r := range readers {
		e.Known = append(e.Known, r.name)
	}
	return e
}

// A measurement is one call of Lag.
type measurement struct {
	client *kafkatx.Client
	topic  string
	limits []bounds // by partition
	opts   Options
	at     time.Time
}

// A place is where a group stands in a partition.
type place struct {
	partition int
	offset    int64
}

// findBeyond finds offsets that lie behind the end of the log.
func (m *measurement) findBeyond(ctx context.Context, readers []reading) error {
	for i := range readers {
		r := &readers[i]
		for partition, offset := range r.offsets {
			if partition >= len(m.limits) || offset <= m.limits[partition].stable {
				continue
			}
			// A consumer that reads what is not committed yet may be there. Behind the high watermark nobody can be.
			high, err := watermark(ctx, m.client.Kafka(), m.topic, partition)
			if err != nil {
				return err
			}
			if offset > high {
				if r.beyond == nil {
					r.beyond = make(map[int]bool)
				}
				r.beyond[partition] = true
			}
		}
	}
	return nil
}

func (m *measurement) report(ctx context.Context, readers []reading) (*Report, error) {
	tallies, err := m.count(ctx, readers)
	if err != nil {
		return nil, err
	}
	report := &Report{Topic: m.topic, At: m.at.UTC(), Groups: []Group{}}
	for _, r := range readers {
		g := Group{Name: r.name, State: r.state, Members: append([]Member{}, r.members...)}
		for p := range m.limits {
			g.add(m.partition(r, p, tallies))
		}
		report.Groups = append(report.Groups, g)
	}
	return report, nil
}

// place is from where on a group reads a partition: what retention has deleted is gone. Without an offset that the log has
// it may be from the start.
func (m *measurement) place(r reading, partition int) place {
	start := m.limits[partition].start
	if r.beyond[partition] {
		return place{partition, start}
	}
	return place{partition, max(start, r.offsets[partition])}
}

// count counts what lies behind each place where a group stands, the nearest to the end first.
func (m *measurement) count(ctx context.Context, readers []reading) (map[place]tally, error) {
	places := make(map[place]bool)
	for _, r := range readers {
		for p := range m.limits {
			places[m.place(r, p)] = true
		}
	}
	distance := func(at place) int64 { return m.limits[at.partition].stable - at.offset }
	sorted := slices.SortedFunc(maps.Keys(places), func(a, b place) int {
		return cmp.Or(cmp.Compare(distance(a), distance(b)), cmp.Compare(a.partition, b.partition))
	})
	budget := int64(math.MaxInt64)
	if m.opts.ReadBytes > 0 {
		budget = m.opts.ReadBytes
	}
	tallies := make(map[place]tally)
	furthest := make(map[int]int64)
	for _, at := range sorted {
		end := m.limits[at.partition].stable
		t, err := m.opts.Cache.index(m.client, m.topic, at.partition, end).count(ctx, at.offset, end, &budget)
		if err != nil {
			return nil, err
		}
		tallies[at], furthest[at.partition] = t, at.offset
	}
	for partition, offset := range furthest { // the last one of each partition
		m.opts.Cache.indexes[partition].trim(offset)
	}
	return tallies, nil
}

// partition says how far a group is in one partition.
func (m *measurement) partition(r reading, partition int, tallies map[place]tally) *Partition {
	limits := m.limits[partition]
	t := tallies[m.place(r, partition)]
	p := &Partition{
		Partition: partition, Start: limits.start, LastStable: limits.stable,
		Events: t.records, AtMost: t.atMost, Beyond: r.beyond[partition],
	}
	if !t.first.IsZero() {
		oldest := t.first.UTC()
		p.Oldest, p.Seconds = &oldest, max(0, m.at.Sub(oldest).Seconds())
	}
	if offset, ok := r.offsets[partition]; ok {
		p.Committed = &offset
		p.Lost = max(0, limits.start-offset)
	}
	return p
}
