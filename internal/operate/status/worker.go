package status

import (
	"slices"

	"attemptstream/internal/topics"
)

// A Worker is a member of the group by which workers share the accounts.
type Worker struct {
	ClientID   string `json:"clientId"`
	Host       string `json:"host"`
	Partitions []int  `json:"partitions"` // of the state topic
	Accounts   int    `json:"accounts"`   // that are in them; none: it stands by
}

// Own says who owns what. It is as the group says at the moment: while it is rearranged, an account may have no owner for
// a second.
func (r *Report) Own(workers []Worker, partitions int) {
	r.Workers = slices.Clone(workers)
	for i := range r.Accounts {
		a := &r.Accounts[i]
		for j := range r.Workers {
			if w := &r.Workers[j]; slices.Contains(w.Partitions, topics.StatePartition(a.Name, partitions)) {
				a.Owner = w.ClientID
				w.Accounts++
			}
		}
	}
}
