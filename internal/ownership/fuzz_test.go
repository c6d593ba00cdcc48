package ownership

import (
	"slices"
	"testing"

	"github.com/segmentio/kafka-go/protocol/joingroup"
)

const fuzzedTopic = "t.state"

// metadata is what a member of ours says of itself.
func metadata(t testing.TB, k knowledge, claims ...int) []byte {
	t.Helper()
	b, err := subscription(fuzzedTopic, k, claims)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// FuzzMember lets anything join a group of two members of ours, under any id. The leader decides, and gives out nothing
// twice, nothing that there is not, and nothing that another one works on; what ours claim stays claimed.
func FuzzMember(f *testing.F) {
	ours := knowledge{Partitions: 4, Accounts: []int{1, 0, 3, 2}}
	f.Add("x", metadata(f, ours, 0, 3))
	f.Add("a", metadata(f, ours))
	f.Add("x", metadata(f, knowledge{Partitions: 3, Accounts: []int{1 << 62, 1 << 62, 1}}, 1, -1, 2))
	f.Add("x", metadata(f, knowledge{Partitions: 1 << 40}))
	f.Add("x", metadata(f, knowledge{Partitions: 1}, 0))
	f.Add("x", []byte("\x00\x01\x7f\xff\xff\xff"))                                                // topics
	f.Add("x", []byte("\x00\x01\x00\x00\x00\x00\x7f\xff\xff\xff"))                                // user data
	f.Add("x", []byte("\x00\x01\x00\x00\x00\x00\xff\xff\xff\xff\x7f\xff\xff\xff"))                // owned partitions
	f.Add("x", []byte("\x00\x03\x00\x00\x00\x01\x00\x07t.state\xff\xff\xff\xff\x00\x00\x00\x00")) // of a later version
	f.Fuzz(func(t *testing.T, id string, said []byte) {
		members := []candidate{
			candidateOf(&joingroup.ResponseMember{MemberID: "a", Metadata: metadata(t, ours, 1, 2)}, fuzzedTopic),
			candidateOf(&joingroup.ResponseMember{MemberID: "b", Metadata: metadata(t, ours, 0)}, fuzzedTopic),
		}
		if !slices.Equal(members[0].claims, []int{1, 2}) || members[0].partitions != 4 || !slices.Equal(members[0].accounts, ours.Accounts) {
			t.Fatalf("a member of ours is read as %+v", members[0])
		}
		foreign := candidateOf(&joingroup.ResponseMember{MemberID: "x" + id, Metadata: said}, fuzzedTopic)
		if n := len(foreign.claims) + len(foreign.accounts); n > len(said) {
			t.Fatalf("%d numbers in %d bytes", n, len(said))
		}
		decided := balance(append(members, foreign))
		owner := map[int]string{}
		for to, partitions := range decided.assigned {
			for _, p := range partitions {
				if p < 0 || p >= 4 || owner[p] != "" {
					t.Fatalf("partition %d is given to %s and %q", p, to, owner[p])
				}
				owner[p] = to
			}
		}
		for p, who := range map[int]string{1: "a", 2: "a", 0: "b"} {
			if owner[p] != "" && owner[p] != who {
				t.Fatalf("partition %d is given to %s while %s works on it", p, owner[p], who)
			}
		}
	})
}

// FuzzAssignment holds what a leader may send against what this member knows: it takes partitions that there are, each
// once, or nothing.
func FuzzAssignment(f *testing.F) {
	for _, partitions := range [][]int{{}, {0, 1, 2, 3}, {4}, {-1}, {2, 2}} {
		b, err := assignment(fuzzedTopic, partitions, 4)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte("\x00\x01\x7f\xff\xff\xff"))
	f.Add([]byte("\x00\x01\x00\x00\x00\x01\x00\x07t.state\x7f\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, b []byte) {
		partitions, _, err := readAssignment(b, fuzzedTopic, 4)
		if err != nil && len(partitions) > 0 {
			t.Fatalf("partitions %v beside the error %v", partitions, err)
		}
		for i, p := range partitions {
			if p < 0 || p >= 4 || i > 0 && p <= partitions[i-1] {
				t.Fatalf("partitions %v of 4", partitions)
			}
		}
	})
}

// FuzzJoined reads any answer to JoinGroup, within the memory that it takes itself.
func FuzzJoined(f *testing.F) {
	f.Add([]byte("\x00\x00\x00\x00\x00\x01\x00\x01r\x00\x01a\x00\x01a\x00\x00\x00\x01\x00\x01a\x00\x00\x00\x02\x00\x01"))
	f.Add([]byte("\x00\x00\x00\x00\x00\x01\xff\xff\xff\xff\xff\xff\x7f\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := (&answer{fields: fields{b: b}}).joined()
		total := len(r.MemberID) + len(r.LeaderID) + len(r.ProtocolName)
		for _, m := range r.Members {
			total += len(m.MemberID) + len(m.Metadata)
		}
		if total > len(b) || err == nil && len(r.Members) > len(b) {
			t.Fatalf("%d members of %d bytes in an answer of %d", len(r.Members), total, len(b))
		}
	})
}
