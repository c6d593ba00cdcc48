package ownership

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/protocol/consumer"
	"github.com/segmentio/kafka-go/protocol/joingroup"
)

const (
	// protocolType makes the group one that Kafka's tools can describe.
	protocolType = "consumer"
	// protocolName is that of the assignment. A group in which not all know it does not come about.
	protocolName = "attemptstream-1"
)

// knowledge is what a member tells the leader beside its claims.
type knowledge struct {
	Partitions int   `json:"partitions"`
	Accounts   []int `json:"accounts"` // in each partition
}

// subscription is what a member says when it joins.
func subscription(topic string, k knowledge, claims []int) ([]byte, error) {
	data, err := json.Marshal(k)
	if err != nil {
		return nil, fmt.Errorf("encode what this worker knows: %w", err)
	}
	return protocol.Marshal(consumer.MaxVersionSupported, consumer.Subscription{
		Version: consumer.MaxVersionSupported, Topics: []string{topic}, UserData: data, OwnedPartitions: partitionsOf(topic, claims),
	})
}

func partitionsOf(topic string, partitions []int) []consumer.TopicPartition {
	tp := consumer.TopicPartition{Topic: topic, Partitions: make([]int32, len(partitions))}
	for i, p := range partitions {
		tp.Partitions[i] = int32(p)
	}
	return []consumer.TopicPartition{tp}
}

// What a member says of itself is believed up to these bounds. Whoever may join the group may say anything, and numbers
// beyond them would make the leader's sums overflow.
const (
	mostPartitions = 1 << 20
	mostAccounts   = 1 << 20 // in one partition
)

func (k *knowledge) plausible() bool {
	return 0 < k.Partitions && k.Partitions <= mostPartitions && len(k.Accounts) <= k.Partitions &&
		!slices.ContainsFunc(k.Accounts, func(n int) bool { return n < 0 || n > mostAccounts })
}

// candidateOf is what the leader reads of a member (ConsumerProtocolSubscription). What cannot be read is given nothing,
// and what it claims is taken from nobody. kafka-go's own decoder believes any length, and would take gigabytes of memory
// for a member that claims them.
func candidateOf(m *joingroup.ResponseMember, topic string) candidate {
	c := candidate{id: m.MemberID}
	f := fields{b: m.Metadata}
	version := f.int16()
	for range f.int32() {
		f.string() // a topic that it subscribes to
		if f.err != nil {
			return c
		}
	}
	data := f.bytes()
	var claims []int
	if version > 0 {
		claims = f.partitions(topic)
	}
	if f.err != nil {
		return c
	}
	c.claims = claims
	var k knowledge
	if json.Unmarshal(data, &k) == nil && k.plausible() {
		c.partitions, c.accounts = k.Partitions, k.Accounts
	}
	return c
}

// partitions reads topics with partitions, and returns those of one topic.
func (f *fields) partitions(topic string) (partitions []int) {
	for range f.int32() {
		name := f.string()
		for range f.int32() {
			p := int(f.int32())
			if f.err != nil {
				return nil
			}
			if name == topic {
				partitions = append(partitions, p)
			}
		}
		if f.err != nil {
			return nil
		}
	}
	return partitions
}

// assignment is what the leader sends a member: its partitions, and how many there are in all.
func assignment(topic string, partitions []int, all int) ([]byte, error) {
	data, err := json.Marshal(knowledge{Partitions: all})
	if err != nil {
		return nil, fmt.Errorf("encode an assignment: %w", err)
	}
	return protocol.Marshal(consumer.MaxVersionSupported, consumer.Assignment{
		Version: consumer.MaxVersionSupported, AssignedPartitions: partitionsOf(topic, partitions), UserData: data,
	})
}

// readAssignment reads what the leader has decided for this member (ConsumerProtocolAssignment), which knows of so many
// partitions: each of them is there once at most.
func readAssignment(b []byte, topic string, known int) (partitions []int, all int, err error) {
	f := fields{b: b}
	f.int16() // version
	partitions = f.partitions(topic)
	data := f.bytes()
	if f.err != nil {
		return nil, 0, fmt.Errorf("read the assignment: %w", f.err)
	}
	var k knowledge
	if err := json.Unmarshal(data, &k); err != nil {
		return nil, 0, fmt.Errorf("read the assignment: %w", err)
	}
	slices.Sort(partitions)
	if n := len(partitions); n > 0 && (partitions[0] < 0 || partitions[n-1] >= known || len(slices.Compact(partitions)) < n) {
		return nil, 0, fmt.Errorf("the leader of the group assigns partitions that topic %q does not have, or one twice: "+
			"is every member of the group an attemptstream with this topic?", topic)
	}
	return partitions, k.Partitions, nil
}
