package ownership

import (
	"cmp"
	"slices"
)

// A candidate is a member of a generation, as the leader sees it.
type candidate struct {
	id         string
	partitions int   // that it knows of; 0: it cannot be given any
	accounts   []int // by partition
	claims     []int // partitions that it works on
}

// Part of the fair share below which a member is given what others work on, and up to which it is. Between them nothing
// moves for the sake of evenness: that stops the accounts that move for a second or two.
const (
	tooLittle = 0.8
	enough    = 0.9
)

// A plan is who is to have what. What a member claims and is not to have is nobody's until it has let go.
type plan struct {
	partitions int              // that are given out: those that all members know of
	assigned   map[string][]int // sorted; every candidate is in it
	waiting    int              // partitions whose owner has to let go first
	unequal    []int            // partitions of which some members know more accounts than others
}

// balance is the leader's decision.
func balance(members []candidate) plan {
	b := newBalance(members)
	b.keep()
	b.spread()
	if len(b.unequal) == 0 {
		b.even()
	}
	return b.plan()
}

type balancing struct {
	members    []candidate
	partitions int
	weight     []int // of each partition
	claimed    []int // by whom, as an index of members; -1: nobody
	owner      []int // who is to have it, the same
	load       []int // of each member
	count      []int // partitions of each member
	unequal    []int // partitions of which some know more accounts than others, sorted
}

const nobody = -1

func newBalance(members []candidate) *balancing {
	b := &balancing{members: slices.Clone(members)}
	slices.SortFunc(b.members, func(x, y candidate) int { return cmp.Compare(x.id, y.id) })
	for _, m := range b.members {
		if m.partitions > 0 && (b.partitions == 0 || m.partitions < b.partitions) {
			b.partitions = m.partitions
		}
	}
	b.weight = make([]int, b.partitions)
	b.claimed = slices.Repeat([]int{nobody}, b.partitions)
	b.owner = slices.Repeat([]int{nobody}, b.partitions)
	b.load, b.count = make([]int, len(b.members)), make([]int, len(b.members))
	for p := range b.weight {
		least, any := 0, false
		for i := range b.members {
			if !b.counts(i) {
				continue
			}
			n := b.members[i].knows(p)
			b.weight[p] = max(b.weight[p], n)
			if !any || n < least {
				least, any = n, true
			}
		}
		if any && least < b.weight[p] {
			b.unequal = append(b.unequal, p)
		}
	}
	return b
}

// counts tells whether a member counts the same partitions as the leader does. Nobody else can be given any.
func (b *balancing) counts(member int) bool {
	return b.partitions > 0 && b.members[member].partitions == b.partitions
}

// knows is how many accounts of a partition a member knows.
func (c *candidate) knows(partition int) int {
	if partition < len(c.accounts) {
		return c.accounts[partition]
	}
	return 0
}

// may tells whether a member can be given a partition that nobody works on: it knows all the accounts in it. While a list of
// accounts is being changed, some members know more of them than others.
func (b *balancing) may(member, partition int) bool {
	return b.counts(member) && b.members[member].knows(partition) == b.weight[partition]
}

func (b *balancing) give(partition, member int) {
	if from := b.owner[partition]; from != nobody {
		b.load[from] -= b.weight[partition]
		b.count[from]--
	}
	b.owner[partition] = member
	b.load[member] += b.weight[partition]
	b.count[member]++
}

// keep leaves what is claimed with who claims it, whatever others know of it: the list of accounts is read anew by all of them,
// and who is the last to do so has its accounts all the same.
func (b *balancing) keep() {
	for i, m := range b.members {
		for _, p := range m.claims {
			if p < 0 || p >= b.partitions || b.claimed[p] != nobody {
				continue
			}
			b.claimed[p] = i
			if b.counts(i) {
				b.give(p, i)
			}
		}
	}
}

// spread gives out what has no owner, the heaviest first, to who has least.
func (b *balancing) spread() {
	var free []int
	for p := range b.owner {
		if b.owner[p] == nobody {
			free = append(free, p)
		}
	}
	slices.SortStableFunc(free, func(x, y int) int { return b.weight[y] - b.weight[x] })
	for _, p := range free {
		if to := b.least(p); to != nobody {
			b.give(p, to)
		}
	}
}

// least is who has least of those that may have a partition.
func (b *balancing) least(partition int) int {
	least := nobody
	for i := range b.members {
		if b.may(i, partition) && (least == nobody ||
			cmp.Or(b.load[i]-b.load[least], b.count[i]-b.count[least]) < 0) {
			least = i
		}
	}
	return least
}

// even moves partitions to members that have too little. It is for members that know the same accounts: as long as a change of
// the list has not reached all of them, a move may be one that the next generation takes back.
func (b *balancing) even() {
	total, able := 0, 0
	for i := range b.members {
		total += b.load[i]
		if b.counts(i) {
			able++
		}
	}
	if able == 0 {
		return
	}
	fair := float64(total) / float64(able)
	for to := range b.members {
		if !b.counts(to) || float64(b.load[to]) >= tooLittle*fair {
			continue
		}
		for float64(b.load[to]) < enough*fair {
			p := b.best(to)
			if p == nobody {
				break
			}
			b.give(p, to)
		}
	}
}

// best is the partition whose move to a member evens out most, from who has most; nobody if none does.
func (b *balancing) best(to int) int {
	best, gain := nobody, 0
	for p, from := range b.owner {
		if from == nobody || from == to || b.weight[p] == 0 || !b.may(to, p) {
			continue
		}
		// How much the sum of the squares of the loads shrinks, by half.
		if g := b.weight[p] * (b.load[from] - b.load[to] - b.weight[p]); g > gain {
			best, gain = p, g
		}
	}
	return best
}

func (b *balancing) plan() plan {
	out := plan{partitions: b.partitions, unequal: b.unequal, assigned: make(map[string][]int, len(b.members))}
	for _, m := range b.members {
		out.assigned[m.id] = []int{}
	}
	for p, to := range b.owner {
		switch by := b.claimed[p]; {
		case to == nobody:
		case by != nobody && by != to:
			out.waiting++
		default:
			id := b.members[to].id
			out.assigned[id] = append(out.assigned[id], p)
		}
	}
	return out
}
