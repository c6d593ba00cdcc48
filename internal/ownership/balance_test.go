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

// While a list of accounts is changed, partitions with accounts that not all members know go to those who know them.
func TestUnequalLists(t *testing.T) {
	t.Parallel()
	p := balance([]candidate{
		{id: "new", partitions: 2, accounts: []int{1, 2}},
		{id: "old", partitions: 2, accounts: []int{1, 1}, claims: []int{0, 1}},
		{id: "strange"},
	})
	if got := p.assigned; !slices.Equal(got["old"], []int{0}) || len(got["new"]) != 0 || p.waiting != 1 || len(got["strange"]) != 0 {
		t.Errorf("the partition with an account that is new stays: %+v", p)
	}
	p = balance([]candidate{
		{id: "new", partitions: 2, accounts: []int{1, 2}},
		{id: "old", partitions: 2, accounts: []int{1, 1}, claims: []int{0}},
	})
	if got := p.assigned; !slices.Equal(got["old"], []int{0}) || !slices.Equal(got["new"], []int{1}) {
		t.Errorf("it goes to who knows it: %+v", p)
	}
}
