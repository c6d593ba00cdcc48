package topics

import (
	"attemptstream/internal/attempt"
	"attemptstream/internal/event"
)

// Names of the topics beside the events.
const (
	stateSuffix = ".state"
	dlqSuffix   = ".dlq"
)

// StateTopic is the name of the topic with checkpoints and index of the events topic.
func StateTopic(events string) string { return events + stateSuffix }

// DLQTopic is the name of the topic with the dead letters of the events topic.
func DLQTopic(events string) string { return events + dlqSuffix }

// Config says which topics there are to be.
type Config struct {
	Topic             string // of the events
	Partitions        int    // of events and state, where they are created
	ReplicationFactor int    // of what is created; -1 or 0: the broker's default
}

// A Topic is one that exists.
type Topic struct {
	Name            string
	Partitions      int
	MaxMessageBytes int // the largest batch, compressed, that it takes
}

// A Layout is the topics as they are.
type Layout struct {
	Events, State, DLQ Topic

	// Notices are what an operator should hear of and nothing stops for.
	Notices []string
}

// Names are those of the three topics.
func (l *Layout) Names() []string { return []string{l.Events.Name, l.State.Name, l.DLQ.Name} }

// StatePartition is the partition of the state topic that an account's records are in: by murmur2 of its name. It
// depends on the number of partitions, so that may not change while the topic has data.
func StatePartition(account attempt.Account, partitions int) int {
	return event.Partition([]byte(account), partitions)
}
