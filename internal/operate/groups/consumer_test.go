package groups

import (
	"bytes"
	"encoding/binary"
	"io"
	"slices"
	"testing"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// exchange is a connection with a prepared answer.
type exchange struct {
	out bytes.Buffer
	in  io.Reader
}

func (e *exchange) Write(b []byte) (int, error) { return e.out.Write(b) }
func (e *exchange) Read(b []byte) (int, error)  { return e.in.Read(b) }

// The request and the answer are what franz-go's message definitions make of them, and no damaged answer does harm.
func TestConsumerGroupOnTheWire(t *testing.T) {
	t.Parallel()
	res := kmsg.NewPtrConsumerGroupDescribeResponse()
	g := kmsg.NewConsumerGroupDescribeResponseGroup()
	g.Group, g.State, g.AssignorName = "billing", "Reconciling", "uniform"
	for _, id := range []string{"b", "a"} {
		m := kmsg.NewConsumerGroupDescribeResponseGroupMember()
		m.MemberID, m.ClientID, m.ClientHost, m.SubscribedTopics = id, "client-"+id, "/10.0.0.1", []string{"other", "events"}
		m.RackID = kmsg.StringPtr("rack")
		for _, topic := range []string{"other", "events"} {
			p := kmsg.NewAssignmentTopicPartition()
			p.Topic, p.Partitions = topic, []int32{4, int32(id[0])}
			m.Assignment.TopicPartitions = append(m.Assignment.TopicPartitions, p)
			m.TargetAssignment.TopicPartitions = append(m.TargetAssignment.TopicPartitions, p)
		}
		g.Members = append(g.Members, m)
	}
	res.Groups = append(res.Groups, g)
	body := res.AppendTo(append(binary.BigEndian.AppendUint32(nil, correlation), 0))
	wire := &exchange{in: bytes.NewReader(append(binary.BigEndian.AppendUint32(nil, uint32(len(body))), body...))}

	r := &consumerRequest{group: "billing", topic: "events"}
	r.Required(map[protocol.ApiKey]int16{consumerGroupDescribe: 0})
	msg, err := r.RawExchange(wire)
	if err != nil {
		t.Fatal(err)
	}
	a := msg.(*consumerAnswer)
	if a.code != 0 || a.state != "Reconciling" || !a.subscribed || len(a.members) != 2 {
		t.Fatalf("%+v", a)
	}
	if m := a.members[0]; m.ID != "a" || m.ClientID != "client-a" || m.Host != "/10.0.0.1" || !slices.Equal(m.Partitions, []int{4, 'a'}) {
		t.Errorf("%+v", m)
	}

	want := kmsg.NewPtrConsumerGroupDescribeRequest()
	want.Groups = []string{"billing"}
	wantWire := kmsg.NewRequestFormatter(kmsg.FormatterClientID("")).AppendRequest(nil, want, correlation)
	if !bytes.Equal(wire.out.Bytes(), wantWire) {
		t.Errorf("request\n%x, want\n%x", wire.out.Bytes(), wantWire)
	}

	for n := range body {
		if _, err := decodeConsumer(body[:n], "events"); err == nil {
			t.Errorf("the first %d bytes were taken for a whole answer", n)
		}
		damaged := bytes.Clone(body)
		damaged[n] = 0xff
		_, _ = decodeConsumer(damaged, "events") // must come back
	}
}

func TestConsumerGroupsUnknownToTheBroker(t *testing.T) {
	t.Parallel()
	r := &consumerRequest{group: "billing", topic: "events"}
	r.Required(map[protocol.ApiKey]int16{protocol.Fetch: 11})
	if msg, err := r.RawExchange(&exchange{}); err != nil || msg.(*consumerAnswer).code != kafka.UnsupportedVersion {
		t.Errorf("%+v, %v", msg, err)
	}
}

// What classic consumers say of themselves is read in all versions, and what is damaged says nothing.
func TestMembersOwnWords(t *testing.T) {
	t.Parallel()
	for version := range int16(4) {
		s := kmsg.NewConsumerMemberMetadata()
		s.Version, s.Topics, s.UserData, s.Rack = version, []string{"other", "events"}, []byte("x"), kmsg.StringPtr("rack")
		b := s.AppendTo(nil)
		if !subscribes(b, "events") || subscribes(b, "event") {
			t.Errorf("version %d: %x", version, b)
		}
		a := kmsg.NewConsumerMemberAssignment()
		a.Version = version
		for _, topic := range []string{"other", "events"} {
			p := kmsg.NewConsumerMemberAssignmentTopic()
			p.Topic, p.Partitions = topic, []int32{int32(len(topic)), 2}
			a.Topics = append(a.Topics, p)
		}
		b = a.AppendTo(nil)
		if got := assigned(b, "events"); !slices.Equal(got, []int{2, 6}) {
			t.Errorf("version %d: %d", version, got)
		}
		for n := range b {
			damaged := bytes.Clone(b)
			damaged[n] = 0x7f
			_ = assigned(damaged, "events")
			_ = assigned(b[:n], "events")
			_ = subscribes(damaged, "events")
		}
	}
	if subscribes(nil, "events") || assigned(nil, "events") != nil {
		t.Error("nothing says something")
	}
}
