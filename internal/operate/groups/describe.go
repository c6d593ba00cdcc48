package groups

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol/describegroups"
	"github.com/segmentio/kafka-go/protocol/listgroups"

	"attemptstream/internal/kafkatx"
)

// A Member is a consumer in a group.
type Member struct {
	ID       string `json:"id"`
	ClientID string `json:"clientId"`
	Host     string `json:"host"`
	// Partitions of the topic that it has at the moment.
	Partitions []int `json:"partitions"`
}

// String names a member for a person who has to find it.
func (m Member) String() string {
	return fmt.Sprintf("client id %q at %s", m.ClientID, plain(strings.TrimPrefix(m.Host, "/")))
}

// States that this package gives to groups that Kafka does not describe. Others are as Kafka names them: Empty, Stable,
// PreparingRebalance, CompletingRebalance, Assigning, Reconciling, Dead.
const (
	// StateUnknown: the group is of a kind whose description is not known here, such as Kafka Streams' own (KIP-1071).
	StateUnknown = "Unknown"
)

// a description is what a coordinator says of a group.
type description struct {
	state      string
	members    []Member
	subscribed bool // some member asks for the topic
}

// list says which groups there are, by name, with the protocol that they speak. Share groups are left out: they have no
// offset that they have read up to.
func list(ctx context.Context, client *kafka.Client) (map[string]string, error) {
	return ask(ctx, client, "list the consumer groups", func(ctx context.Context) (map[string]string, error) {
		msg, err := client.Transport.RoundTrip(ctx, client.Addr, &listgroups.Request{})
		if err != nil {
			return nil, err
		}
		res, ok := msg.(*listgroups.Response)
		if !ok {
			return nil, fmt.Errorf("unexpected answer %T", msg)
		}
		if res.ErrorCode != 0 {
			return nil, kafka.Error(res.ErrorCode)
		}
		names := make(map[string]string)
		for _, g := range res.Groups {
			if g.ProtocolType != shareProtocol {
				names[g.GroupID] = g.ProtocolType
			}
		}
		return names, nil
	})
}

// Protocol types of groups, as ListGroups names them.
const (
	consumerProtocol = "consumer"
	shareProtocol    = "share"
)

// Members are those of a group, with the partitions of a topic that each has; none for a group that does not exist.
func Members(ctx context.Context, client *kafkatx.Client, group, topic string) ([]Member, error) {
	d, err := describe(ctx, client.Kafka(), group, topic)
	return d.members, err
}

// describe asks a group's coordinator for its state and members.
func describe(ctx context.Context, client *kafka.Client, group, topic string) (description, error) {
	return ask(ctx, client, fmt.Sprintf("describe group %q", group), func(ctx context.Context) (description, error) {
		d, known, err := describeClassic(ctx, client, group, topic)
		if err != nil || known {
			return d, err
		}
		// A coordinator calls a group of another protocol dead, or does not know it.
		if d, known, err = describeConsumer(ctx, client, group, topic); err != nil || known {
			return d, err
		}
		return description{state: StateUnknown}, nil
	})
}

// Codes that kafka-go has no name for.
const (
	groupIDNotFound = kafka.Error(69)
	deadState       = "Dead"
)

// describeClassic asks for a group of the classic protocol. kafka-go's own DescribeGroups cannot read what members of newer
// versions say of themselves (consumer protocol 2 and 3), and then knows nothing of the group.
func describeClassic(ctx context.Context, client *kafka.Client, group, topic string) (_ description, known bool, _ error) {
	msg, err := client.Transport.RoundTrip(ctx, client.Addr, &describegroups.Request{Groups: []string{group}})
	if err != nil {
		return description{}, false, err
	}
	res, ok := msg.(*describegroups.Response)
	if !ok || len(res.Groups) != 1 {
		return description{}, false, fmt.Errorf("unexpected answer %T", msg)
	}
	g := &res.Groups[0]
	switch code := kafka.Error(g.ErrorCode); {
	case code == groupIDNotFound || code == 0 && g.GroupState == deadState:
		return description{}, false, nil
	case code != 0:
		return description{}, false, code
	}
	d := description{state: g.GroupState}
	for _, m := range g.Members {
		member := Member{ID: m.MemberID, ClientID: m.ClientID, Host: m.ClientHost, Partitions: []int{}}
		if g.ProtocolType == consumerProtocol {
			member.Partitions = append(member.Partitions, assigned(m.MemberAssignment, topic)...)
			d.subscribed = d.subscribed || subscribes(m.MemberMetadata, topic)
		}
		d.subscribed = d.subscribed || len(member.Partitions) > 0
		d.members = append(d.members, member)
	}
	sortMembers(d.members)
	return d, true, nil
}

func sortMembers(members []Member) {
	slices.SortFunc(members, func(a, b Member) int { return strings.Compare(a.ID, b.ID) })
}

// subscribes tells whether a consumer's subscription (ConsumerProtocolSubscription) names the topic. What cannot be read
// names none: it is the consumers' own business.
func subscribes(b []byte, topic string) bool {
	c := reader{b: b}
	c.int16() // version
	for range c.int32() {
		if name := c.string(); c.err == nil && name == topic {
			return true
		}
		if c.err != nil {
			return false
		}
	}
	return false
}

// assigned are the topic's partitions in a consumer's assignment (ConsumerProtocolAssignment).
func assigned(b []byte, topic string) []int {
	c := reader{b: b}
	c.int16() // version
	var partitions []int
	for range c.int32() {
		name := c.string()
		for range c.int32() {
			p := int(c.int32())
			if c.err != nil {
				return nil
			}
			if name == topic {
				partitions = append(partitions, p)
			}
		}
		if c.err != nil {
			return nil
		}
	}
	slices.Sort(partitions)
	return partitions
}
