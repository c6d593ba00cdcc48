package topics

import (
	"strconv"

	"github.com/segmentio/kafka-go"
)

// Settings of topics that this package sets or reads.
const (
	cleanupPolicy     = "cleanup.policy"
	segmentBytes      = "segment.bytes"
	minCleanableRatio = "min.cleanable.dirty.ratio"
	maxCompactionLag  = "max.compaction.lag.ms"
	minInsyncReplicas = "min.insync.replicas"
	maxMessageBytes   = "max.message.bytes"
	timestampType     = "message.timestamp.type"
)

const (
	compact = "compact"

	stateSegmentBytes = 32 << 20
)

// checkedSettings are asked for; others may be many.
var checkedSettings = []string{cleanupPolicy, segmentBytes, minInsyncReplicas, maxMessageBytes, timestampType}

// A spec is how a topic is created.
type spec struct {
	name       string
	partitions int
	configs    []kafka.ConfigEntry // the rest is the broker's default
}

// wanted are the specs of the topics: events, state, dead letters.
func wanted(cfg Config) []spec {
	return []spec{
		// How long events are kept is the operator's to say, so it is the broker's default.
		{name: cfg.Topic, partitions: cfg.Partitions},
		{name: StateTopic(cfg.Topic), partitions: cfg.Partitions, configs: []kafka.ConfigEntry{
			{ConfigName: cleanupPolicy, ConfigValue: compact},
			// A broker compacts closed segments only, and by default when half of the log is superseded. Recovery
			// reads what is not compacted yet, so segments are small, are cleaned early, and are closed within a day
			// also where little is written.
			{ConfigName: segmentBytes, ConfigValue: strconv.Itoa(stateSegmentBytes)},
			{ConfigName: minCleanableRatio, ConfigValue: "0.1"},
			{ConfigName: maxCompactionLag, ConfigValue: "86400000"},
		}},
		// Dead letters are few, and whoever looks at them wants all of them, in order: one partition.
		{name: DLQTopic(cfg.Topic), partitions: 1},
	}
}
