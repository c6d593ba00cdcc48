package ownership

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"
)

// tellPause is how long a member waits before it tells the group of other numbers of accounts. Until then all members have
// read the list that was changed, so that one generation serves them all, and nothing moves that would have to move back.
const tellPause = 10 * time.Second

// knows is what a member knows of the accounts, and what the group knows of that.
type knows struct {
	accounts []int         // in each partition
	since    time.Time     // when they were changed last
	pause    time.Duration // until the group is told
	told     []int         // those of the last generation that it has joined
	unequal  string        // what was logged last of members that know different numbers; as leader
	logged   time.Time     // when that was
}

// SetAccounts says how many accounts are in each partition from now on. Who owns a partition keeps it, and takes the accounts
// in and out by itself: the group is told later, and only so that the shares stay even.
func (g *Group) SetAccounts(accounts []int) {
	if len(accounts) != g.partitions {
		panic(fmt.Sprintf("accounts in %d partitions, and there are %d", len(accounts), g.partitions))
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if !slices.Equal(accounts, g.knows.accounts) {
		g.knows.accounts, g.knows.since = slices.Clone(accounts), time.Now()
	}
}

// knowledge is what is told when the group is joined.
func (g *Group) knowledge() knowledge {
	g.mu.Lock()
	defer g.mu.Unlock()
	return knowledge{Partitions: g.partitions, Accounts: g.knows.accounts}
}

// outdated tells whether it is time to tell the group what it does not know yet.
func (g *Group) outdated(now time.Time) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return !slices.Equal(g.knows.accounts, g.knows.told) && now.Sub(g.knows.since) >= g.knows.pause
}

// sayUnequal logs, as leader, of which partitions members know different numbers of accounts, when that has changed, or again
// after a while.
func (g *Group) sayUnequal(members []candidate, partitions []int) {
	members = slices.SortedFunc(slices.Values(members), func(x, y candidate) int { return strings.Compare(x.id, y.id) })
	var b strings.Builder
	for i, p := range partitions {
		if i == mostNamed {
			fmt.Fprintf(&b, "; %d partitions more", len(partitions)-mostNamed)
			break
		}
		if i > 0 {
			b.WriteString("; ")
		}
		fmt.Fprintf(&b, "partition %d", p)
		sep := ": "
		for _, m := range members {
			if m.partitions == g.partitions {
				fmt.Fprintf(&b, "%s%d at %s", sep, m.knows(p), m.id)
				sep = ", "
			}
		}
	}
	text := b.String()
	g.mu.Lock()
	before := g.knows.unequal
	quiet := text == before && time.Since(g.knows.logged) < sayUnequalAgain
	if !quiet {
		g.knows.unequal, g.knows.logged = text, time.Now()
	}
	g.mu.Unlock()
	switch {
	case text == "" && before != "":
		g.log.Info("all workers know the same accounts again")
	case text != "" && !quiet:
		g.log.Warn("workers know different accounts: each reads those of its own list in the partitions that it has, what is free goes to who knows "+
			"most of them, and nothing is moved to even out the shares; if this stays, IMOCHA_ACCOUNTS_FILE is not the same for all of them",
			zap.String("accounts", text))
	}
}

const (
	// mostNamed bounds what one line of the log says.
	mostNamed = 10
	// sayUnequalAgain is when it is said again though nothing has changed.
	sayUnequalAgain = 10 * time.Minute
)
