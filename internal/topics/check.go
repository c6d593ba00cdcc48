package topics

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/segmentio/kafka-go"
)

// check compares topics that exist with what they have to be. All that is wrong is in one error.
func check(brokers string, cfg Config, wanted []spec, seen map[string]kafka.Topic, settings map[string]map[string]string) (Layout, error) {
	var layout Layout
	var wrong []error
	notice := func(format string, args ...any) {
		layout.Notices = append(layout.Notices, fmt.Sprintf(format, args...))
	}
	topics := []*Topic{&layout.Events, &layout.State, &layout.DLQ}
	for i, s := range wanted {
		t, set := topics[i], settings[s.name]
		t.Name = s.name
		t.Partitions = len(seen[s.name].Partitions)
		var err error
		t.MaxMessageBytes, err = number(s.name, set, maxMessageBytes)
		if err != nil {
			wrong = append(wrong, err)
		}
		need, err := number(s.name, set, minInsyncReplicas)
		if err != nil {
			wrong = append(wrong, err)
		}
		if have := replicas(seen[s.name]); need > have {
			// Kafka 3.9 and 4.3 take no more than there are; older brokers answer every write with 19.
			notice("topic %q has %d replicas and min.insync.replicas=%d: older brokers then refuse every write: add replicas, or: %s",
				s.name, have, need, alterCommand(brokers, s.name, minInsyncReplicas, strconv.Itoa(have)))
		}
		if t.Partitions != s.partitions && t != &layout.DLQ {
			notice("topic %q has %d partitions, KAFKA_PARTITIONS is %d: topics that exist are not changed", s.name, t.Partitions, s.partitions)
		}
	}

	if policy := settings[layout.State.Name][cleanupPolicy]; policy != compact {
		wrong = append(wrong, fmt.Errorf("topic %q has cleanup.policy=%s and would lose the index of what has been told: it must be exactly compact: %s",
			layout.State.Name, policy, alterCommand(brokers, layout.State.Name, cleanupPolicy, compact)))
	}
	if n, err := number(layout.State.Name, settings[layout.State.Name], segmentBytes); err == nil && n > 4*stateSegmentBytes {
		notice("topic %q has segment.bytes=%d: recovery reads up to that much per partition that is not compacted yet: %s",
			layout.State.Name, n, alterCommand(brokers, layout.State.Name, segmentBytes, strconv.Itoa(stateSegmentBytes)))
	}
	if policy := settings[layout.Events.Name][cleanupPolicy]; strings.Contains(policy, compact) {
		notice("topic %q has cleanup.policy=%s: earlier events of an invitation vanish when it has a later one: %s",
			layout.Events.Name, policy, alterCommand(brokers, layout.Events.Name, cleanupPolicy, "delete"))
	}
	if kind := settings[layout.Events.Name][timestampType]; kind == "LogAppendTime" {
		notice("topic %q has message.timestamp.type=%s: timestamps are not observedAt, and rewind goes by when events were written: %s",
			layout.Events.Name, kind, alterCommand(brokers, layout.Events.Name, timestampType, "CreateTime"))
	}
	if len(wrong) > 0 {
		return Layout{}, errors.Join(wrong...)
	}
	return layout, nil
}

// replicas is the number of replicas of the partition that has the fewest.
func replicas(t kafka.Topic) int {
	have := len(t.Partitions[0].Replicas)
	for _, p := range t.Partitions {
		have = min(have, len(p.Replicas))
	}
	return have
}

func number(topic string, set map[string]string, name string) (int, error) {
	n, err := strconv.Atoi(set[name])
	if err != nil {
		return 0, fmt.Errorf("topic %q: the broker tells no number for %s: %w", topic, name, err)
	}
	return n, nil
}
