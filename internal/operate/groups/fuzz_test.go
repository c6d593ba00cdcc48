package groups

import (
	"encoding/binary"
	"slices"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// FuzzConsumerGroup holds what is read of a group's description against what franz-go's definitions make of the same bytes.
func FuzzConsumerGroup(f *testing.F) {
	res := kmsg.NewPtrConsumerGroupDescribeResponse()
	g := kmsg.NewConsumerGroupDescribeResponseGroup()
	g.Group, g.State, g.AssignorName = "billing", "Stable", "uniform"
	m := kmsg.NewConsumerGroupDescribeResponseGroupMember()
	m.MemberID, m.ClientID, m.ClientHost, m.SubscribedTopics = "a", "c", "/10.0.0.1", []string{"other", "events"}
	p := kmsg.NewAssignmentTopicPartition()
	p.Topic, p.Partitions = "events", []int32{4, 2}
	m.Assignment.TopicPartitions = append(m.Assignment.TopicPartitions, p)
	g.Members = append(g.Members, m, m)
	res.Groups = append(res.Groups, g)
	header := append(binary.BigEndian.AppendUint32(nil, correlation), 0)
	f.Add(res.AppendTo(nil))
	f.Add([]byte("\x00\x00\x00\x00\x02\x00\x00\x01\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x01\xff\xff\xff\xff\x0f"))
	f.Fuzz(func(t *testing.T, body []byte) {
		got, err := decodeConsumer(append(header[:len(header):len(header)], body...), "events")
		if err != nil {
			return
		}
		numbers := 0
		for _, m := range got.members {
			numbers += len(m.ID) + len(m.ClientID) + len(m.Host) + len(m.Partitions)
		}
		if numbers > len(body) || len(got.members) > len(body) {
			t.Fatalf("%d members with %d of something in %d bytes", len(got.members), numbers, len(body))
		}
		want := kmsg.NewPtrConsumerGroupDescribeResponse()
		if want.ReadFrom(body) != nil || len(want.Groups) != 1 {
			return // franz-go is stricter about what is of no interest here
		}
		if got.state != want.Groups[0].State || int16(got.code) != want.Groups[0].ErrorCode || len(got.members) != len(want.Groups[0].Members) {
			t.Fatalf("read as %+v, want %+v", got, want.Groups[0])
		}
		var partitions, wantPartitions []int
		for _, m := range got.members {
			partitions = append(partitions, m.Partitions...)
		}
		for _, m := range want.Groups[0].Members {
			for _, tp := range m.Assignment.TopicPartitions {
				if tp.Topic == "events" {
					for _, p := range tp.Partitions {
						wantPartitions = append(wantPartitions, int(p))
					}
				}
			}
		}
		slices.Sort(partitions)
		slices.Sort(wantPartitions)
		if !slices.Equal(partitions, wantPartitions) {
			t.Fatalf("partitions %d, want %d", partitions, wantPartitions)
		}
	})
}

// FuzzMembersOwnWords reads anything that a consumer may have told its group, and holds it against franz-go.
func FuzzMembersOwnWords(f *testing.F) {
	s := kmsg.NewConsumerMemberMetadata()
	s.Version, s.Topics = 3, []string{"other", "events"}
	f.Add(s.AppendTo(nil))
	a := kmsg.NewConsumerMemberAssignment()
	p := kmsg.NewConsumerMemberAssignmentTopic()
	p.Topic, p.Partitions = "events", []int32{7, 2}
	a.Topics = append(a.Topics, p)
	f.Add(a.AppendTo(nil))
	f.Add([]byte("\x00\x00\x7f\xff\xff\xff"))
	f.Add([]byte("\x00\x00\x00\x00\x00\x01\x00\x06events\x7f\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, b []byte) {
		got := assigned(b, "events")
		if len(got) > len(b) || !slices.IsSorted(got) {
			t.Fatalf("partitions %d of %d bytes", got, len(b))
		}
		want := kmsg.NewConsumerMemberAssignment()
		if want.ReadFrom(b) == nil && want.Version >= 0 {
			var partitions []int
			for _, tp := range want.Topics {
				if tp.Topic == "events" {
					for _, p := range tp.Partitions {
						partitions = append(partitions, int(p))
					}
				}
			}
			slices.Sort(partitions)
			if !slices.Equal(got, partitions) {
				t.Fatalf("assigned %d, want %d", got, partitions)
			}
		}
		meta := kmsg.NewConsumerMemberMetadata()
		if meta.ReadFrom(b) == nil && meta.Version >= 0 && subscribes(b, "events") != slices.Contains(meta.Topics, "events") {
			t.Fatalf("it subscribes to %q", meta.Topics)
		}
	})
}
