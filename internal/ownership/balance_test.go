package ownership

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// A cluster plays generations: members claim what they were assigned, and nothing else.
type cluster struct {
	weights []int
	claims  map[string][]int
}

// settle plays generations until nothing moves any more, and returns who was given what a member worked on before.
func (c *cluster) settle(t interface{ Fatalf(string, ...any) }) {
	for n := 0; ; n++ {
		p := balance(c.candidates())
		owners := map[int]string{}
		for id, partitions := range p.assigned {
			for _, partition := range partitions {
				if other, ok := owners[partition]; ok {
					t.Fatalf("partition %d was given to %s and %s", partition, other, id)
				}
				owners[partition] = id
				for other, claims := range c.claims {
					if other != id && slices.Contains(claims, partition) {
						t.Fatalf("partition %d was given to %s while %s works on it", partition, id, other)
					}
				}
			}
		}
		same := p.waiting == 0
		for id := range c.claims {
			same = same && slices.Equal(c.claims[id], p.assigned[id])
			c.claims[id] = p.assigned[id]
		}
		if same {
			return
		}
		if n > 3 {
			t.Fatalf("it does not come to rest: %v", c.claims)
		}
	}
}

func (c *cluster) candidates() (members []candidate) {
	for id, claims := range c.claims {
		members = append(members, candidate{id: id, partitions: len(c.weights), accounts: c.weights, claims: claims})
	}
	return members
}

func (c *cluster) load(id string) (n int) {
	for _, p := range c.claims[id] {
		n += c.weights[p]
	}
	return n
}

func (c *cluster) owners() map[int]string {
	owners := map[int]string{}
	for id, claims := range c.claims {
		for _, p := range claims {
			owners[p] = id
		}
	}
	return owners
}

// In any cluster, whoever comes and goes: each partition has one owner in the end, none is given to anybody while another one
// works on it, who stays keeps what it has when others go, and who comes gets a share if there is one to be had.
func TestBalance(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := &cluster{weights: rapid.SliceOfN(rapid.IntRange(0, 30), 1, 40).Draw(t, "weights"), claims: map[string][]int{}}
		total, heaviest := 0, 0
		for _, w := range c.weights {
			total, heaviest = total+w, max(heaviest, w)
		}
		for n := range rapid.IntRange(1, 12).Draw(t, "changes") {
			before := c.owners()
			if len(c.claims) > 1 && rapid.Bool().Draw(t, "goes") {
				id := rapid.SampledFrom(slices.Sorted(maps.Keys(c.claims))).Draw(t, "who")
				delete(c.claims, id)
			} else {
				c.claims[fmt.Sprintf("m%02d", n)] = nil
			}
			c.settle(t)
			after := c.owners()
			if len(after) != len(c.weights) {
				t.Fatalf("%d of %d partitions have an owner", len(after), len(c.weights))
			}
			fair := float64(total) / float64(len(c.claims))
			for p, id := range before {
				if _, stays := c.claims[id]; stays && c.weights[p] == 0 && after[p] != id {
					t.Fatalf("partition %d moved from %s to %s, and has no account", p, id, after[p])
				}
			}
			// Nobody has so much more than another one that a move of its lightest partition would pay.
			for low := range c.claims {
				if float64(c.load(low)) >= tooLittle*fair {
					continue
				}
				for high, claims := range c.claims {
					for _, p := range claims {
						if w := c.weights[p]; high != low && w > 0 && c.load(low)+w < c.load(high) {
							t.Fatalf("%s has %d of a fair share of %.0f, and %s could give it partition %d", low, c.load(low), fair, high, p)
						}
					}
				}
			}
		}
	})
}

// 200 accounts on 12 partitions and three members: whoever goes, only its own partitions move, and what each has is even. A
// member that comes takes no more than its share.
func TestSticky(t *testing.T) {
	t.Parallel()
	weights := []int{17, 12, 22, 15, 18, 14, 20, 16, 19, 13, 21, 13} // as names fall
	for _, gone := range []string{"a", "b", "c"} {
		c := &cluster{weights: weights, claims: map[string][]int{"a": nil, "b": nil, "c": nil}}
		c.settle(t)
		before := c.owners()
		delete(c.claims, gone)
		c.settle(t)
		for p, owner := range c.owners() {
			if before[p] != owner && before[p] != gone {
				t.Errorf("%s goes: partition %d moved from %s to %s", gone, p, before[p], owner)
			}
		}
		before = c.owners()
		c.claims["d"] = nil
		c.settle(t)
		for p, owner := range c.owners() {
			if before[p] != owner && owner != "d" {
				t.Errorf("d comes: partition %d moved from %s to %s", p, before[p], owner)
			}
		}
		for id := range c.claims {
			if load := c.load(id); load < 53 || load > 85 {
				t.Errorf("%s has %d of 200 accounts, with three members", id, load)
			}
		}
	}
}

// While a list of accounts is changed, nothing moves: neither to who knows more of a partition nor for evenness. What is free
// goes to who knows most of it.
func TestUnequalLists(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		members []candidate
		want    map[string][]int
		unequal []int
	}{
		"the new list is longer, the owner has the old one": {[]candidate{
			{id: "new", partitions: 2, accounts: []int{1, 2}},
			{id: "old", partitions: 2, accounts: []int{1, 1}, claims: []int{0, 1}},
			{id: "strange"},
		}, map[string][]int{"old": {0, 1}}, []int{1}},
		"the new list is shorter, the owner has it": {[]candidate{
			{id: "new", partitions: 2, accounts: []int{1, 0}, claims: []int{0, 1}},
			{id: "old", partitions: 2, accounts: []int{1, 1}},
		}, map[string][]int{"new": {0, 1}}, []int{1}},
		"what is free goes to who knows it": {[]candidate{
			{id: "new", partitions: 2, accounts: []int{1, 2}},
			{id: "old", partitions: 2, accounts: []int{1, 1}, claims: []int{0}},
		}, map[string][]int{"old": {0}, "new": {1}}, []int{1}},
		"each knows what the other does not": {[]candidate{
			{id: "a", partitions: 3, accounts: []int{1, 2, 1}},
			{id: "b", partitions: 3, accounts: []int{2, 1, 1}, claims: []int{2}},
		}, map[string][]int{"a": {1}, "b": {0, 2}}, []int{0, 1}},
		"one with other partitions says nothing of accounts": {[]candidate{
			{id: "a", partitions: 2, accounts: []int{1, 1}, claims: []int{0}},
			{id: "b", partitions: 3, accounts: []int{1, 7, 1}, claims: []int{}},
		}, map[string][]int{"a": {0, 1}}, nil},
	} {
		p := balance(c.members)
		for _, m := range c.members {
			if !slices.Equal(p.assigned[m.id], c.want[m.id]) {
				t.Errorf("%s: %s is given %v, want %v", name, m.id, p.assigned[m.id], c.want[m.id])
			}
		}
		if p.waiting != 0 || !slices.Equal(p.unequal, c.unequal) {
			t.Errorf("%s: %d wait; unequal %v, want %v", name, p.waiting, p.unequal, c.unequal)
		}
	}
}

// However lists of accounts change, and in whatever order members read them: as long as they do not all know the same, no
// generation moves what has an owner, each partition has one, and it comes to rest; once they do, shares become even.
func TestListsChange(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		list := rapid.SliceOfN(rapid.IntRange(0, 10), 6, 6)
		members := make([]candidate, rapid.IntRange(1, 4).Draw(t, "members"))
		know := list.Draw(t, "list")
		for i := range members {
			members[i] = candidate{id: fmt.Sprint(i), partitions: 6, accounts: know}
		}
		generation := func() plan {
			p := balance(members)
			n := 0
			for i := range members {
				for _, partition := range members[i].claims {
					if len(p.unequal) > 0 && !slices.Contains(p.assigned[members[i].id], partition) {
						t.Fatalf("partition %d is taken from %d: %+v", partition, i, members)
					}
				}
				members[i].claims = p.assigned[members[i].id]
				n += len(members[i].claims)
			}
			if n+p.waiting != 6 {
				t.Fatalf("%d partitions have an owner, %d wait: %+v", n, p.waiting, members)
			}
			return p
		}
		for range rapid.IntRange(1, 6).Draw(t, "changes") {
			know = list.Draw(t, "list")
			for _, i := range rapid.SliceOfN(rapid.IntRange(0, len(members)-1), 0, 4).Draw(t, "who reads it") {
				members[i].accounts = know
				generation()
			}
		}
		for i := range members {
			members[i].accounts = know
		}
		for n := 0; ; n++ {
			before := fmt.Sprint(members)
			if p := generation(); p.waiting == 0 && fmt.Sprint(members) == before {
				break
			}
			if n > 3 {
				t.Fatalf("it does not come to rest: %+v", members)
			}
		}
	})
}
