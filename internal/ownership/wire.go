package ownership

import (
	"encoding/json"
	"fmt"

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

// candidateOf is what the leader reads of a member. What cannot be read is given nothing, and what it claims is taken
// from nobody.
func candidateOf(m *joingroup.ResponseMember, topic string) candidate {
	c := candidate{id: m.MemberID}
	var s consumer.Subscription
	if err := protocol.Unmarshal(m.Metadata, consumer.MaxVersionSupported, &s); err != nil {
		return c
	}
	c.claims = claimed(s.OwnedPartitions, topic)
	var k knowledge
	if json.Unmarshal(s.UserData, &k) == nil && k.Partitions > 0 && len(k.Accounts) <= k.Partitions {
		c.partitions, c.accounts = k.Partitions, k.Accounts
	}
	return c
}

func claimed(all []consumer.TopicPartition, topic string) (partitions []int) {
	for _, tp := range all {
		if tp.Topic != topic {
			continue
		}
		for _, p := range tp.Partitions {
			partitions = append(partitions, int(p))
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

func readAssignment(b []byte, topic string) (partitions []int, all int, err error) {
	var a consumer.Assignment
	if err := protocol.Unmarshal(b, consumer.MaxVersionSupported, &a); err != nil {
		return nil, 0, fmt.Errorf("read the assignment: %w", err)
	}
	var k knowledge
	if err := json.Unmarshal(a.UserData, &k); err != nil {
		return nil, 0, fmt.Errorf("read the assignment: %w", err)
	}
	return claimed(a.AssignedPartitions, topic), k.Partitions, nil
}
