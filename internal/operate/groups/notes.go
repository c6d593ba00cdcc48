package groups

import (
	"fmt"

	"attemptstream/internal/console"
)

// Notes say in words what is unusual about a group, partition by partition.
func (g *Group) Notes() []string {
	var notes []string
	if len(g.Members) == 0 && g.Events > 0 {
		notes = append(notes, "nobody reads: the group has no members")
	}
	for i := range g.Partitions {
		p := &g.Partitions[i]
		if p.Lost > 0 {
			notes = append(notes, fmt.Sprintf("partition %d: retention has deleted what the group had not read: up to %s, from offset %d to %d; "+
				"attemptstream replay tells it again", p.Partition, console.Counted(p.Lost, "event", "events"), *p.Committed, p.Start))
		}
		if p.Beyond {
			notes = append(notes, fmt.Sprintf("partition %d: the group's offset %d is behind the end of the log: was the topic created anew? "+
				"Its consumers start where their auto.offset.reset says; attemptstream rewind moves the group", p.Partition, *p.Committed))
		}
	}
	if g.NoOffset > 0 {
		notes = append(notes, fmt.Sprintf("%s in partitions for which the group has no offset: its consumers read all of them or none, "+
			"as their auto.offset.reset says; not counted above", console.Counted(g.NoOffset, "event", "events")))
	}
	if g.AtMost {
		notes = append(notes, "not all was counted yet: figures with ≤ may be less")
	}
	return notes
}
