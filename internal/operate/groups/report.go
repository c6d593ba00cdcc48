package groups

import "time"

// A Report is how far the groups of a topic are behind.
type Report struct {
	Topic  string    `json:"topic"`
	At     time.Time `json:"at"`
	Groups []Group   `json:"groups"` // by name
}

// A Group is one that has committed an offset of the topic, or has a member that subscribes to it.
type Group struct {
	Name string `json:"group"`
	// State is as Kafka names it: Stable, Empty, PreparingRebalance, Assigning, …; Unknown where it does not tell.
	State   string   `json:"state"`
	Members []Member `json:"members"`

	// Events that the group has not read, in all partitions for which it has an offset, and the age of the oldest of them.
	Events  int64   `json:"eventsBehind"`
	AtMost  bool    `json:"atMost"` // Events may be less: not all was counted yet
	Seconds float64 `json:"secondsBehind"`

	// NoOffset is how many events there are in partitions for which it has none, or one that the log does not have. Whether
	// it will read them is for its consumers to say: with auto.offset.reset=earliest all, with latest none of them.
	NoOffset int64 `json:"eventsWithoutOffset"`

	// Lost is how many offsets it had still to read when retention deleted them: at most so many events.
	Lost int64 `json:"offsetsLost"`

	Partitions []Partition `json:"partitions"` // all of the topic, in order
}

// A Partition is one of the topic's, for a group.
type Partition struct {
	Partition int `json:"partition"`

	// Committed is the offset that the group reads next; nil where it has none. Events and Oldest are those of the whole
	// partition then, and not part of the group's.
	Committed  *int64 `json:"committedOffset"`
	Start      int64  `json:"startOffset"`      // of what is still there
	LastStable int64  `json:"lastStableOffset"` // the end of what can be read

	Events  int64      `json:"eventsBehind"`
	AtMost  bool       `json:"atMost"`
	Oldest  *time.Time `json:"oldestEvent"` // the timestamp of the first event that is not read; nil: none
	Seconds float64    `json:"secondsBehind"`

	// Lost is how many offsets from Committed on retention has deleted: at most so many events.
	Lost int64 `json:"offsetsLost"`

	// Beyond: the offset lies behind the end of the log, and is as good as none. The topic was created anew, or has lost its
	// tail.
	Beyond bool `json:"beyondEnd"`
}

// add sums a group's partitions up.
func (g *Group) add(p *Partition) {
	if p.Committed == nil || p.Beyond {
		g.NoOffset += p.Events
	} else {
		g.Events += p.Events
		g.Seconds = max(g.Seconds, p.Seconds)
	}
	g.AtMost = g.AtMost || p.AtMost
	g.Lost += p.Lost
	g.Partitions = append(g.Partitions, *p)
}
