//go:build unix

package chaos_test

import (
	"context"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// group is the one by which the workers share the accounts.
func (w *world) group() string { return w.topic + ".attemptstream" }

// bury takes the dead out of the group if nobody is left alive, as whoever may read it can do.
// The group does it by itself when the session timeout is over, which the tests of several
// workers wait for; the others need not, for every process that they kill.
func (w *world) bury() {
	w.running = slices.DeleteFunc(w.running, func(p *process) bool { return p.Ended() })
	if len(w.running) > 0 || w.started == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(w.t.Context(), 5*time.Second)
	defer cancel()
	groups, err := w.kafka.DescribeGroups(ctx, w.group())
	if err != nil {
		return // Kafka may be away on purpose
	}
	req := kmsg.NewPtrLeaveGroupRequest()
	req.Group = w.group()
	for _, m := range groups[w.group()].Members {
		member := kmsg.NewLeaveGroupRequestMember()
		member.MemberID = m.MemberID
		req.Members = append(req.Members, member)
	}
	if len(req.Members) > 0 {
		_, _ = req.RequestWith(ctx, w.client) // or it takes longer
	}
}
